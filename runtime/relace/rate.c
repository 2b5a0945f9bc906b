/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/rate.h"

#define SECOND 1e9
#define NEVER (UINT64_MAX / 2)
#define LAG UINT64_C(20000000)          /* a timer may be so late, and its slots are made up for */
#define PATIENCE UINT64_C(1000000000)   /* after it the next goes out, though an answer is missing */
#define PAUSE_MAX UINT64_C(16000000000) /* between two probes */
#define HINT_MAX UINT64_C(120000000000) /* what is said to end later is not believed before a refusal says so too */
#define MEMORY UINT64_C(60000000000)    /* what a free rate remembers of the refusal that it has outgrown */
#define PACE_MIN 0.05                   /* attempts a second */
#define PACE_MAX 1e9
#define DIP_MIN 0.08
#define DIP_MAX 0.5

/* These were found by trying them on the servers of tests/unit/rate_test.c. */
enum {
	SPAN_MIN = 8,        /* answers until the pace is back at the peak: while little is known */
	SPAN_MAX = 150,      /* when it is known: one refusal in two spans is less than one in a hundred */
	SPAN_LIMIT = 100000, /* when each refusal stops all for long */
	COST = 8,            /* so many times as long as it stopped */
	LEARNED = 16,        /* answers that make an estimate worth something */
	LONG_ROW = 3,        /* probes refused before the guess is given up */
	OUTGROWN = 16        /* times the peak */
};
#define LIFTED 1.25   /* times the peak: the limit is not what it was */
#define TRUST_LOW 0.5 /* of the two estimates, when the peak was known */
#define DOUBT_LOW 0.2 /* when it was not: too high is put right sooner than too low */

static double clamp(double value, double low, double high) { return value < low ? low : value > high ? high : value; }

static uint64_t interval(double pace) { return (uint64_t)(SECOND / pace); }

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Per second; time 0 counts as a microsecond. */
static double per_second(double count, uint64_t time) { return count * SECOND / (time ? (double)time : 1000); }

void ep_rate_fix(ep_rate *rate, double pace) { *rate = (ep_rate){.mode = EP_RATE_FIXED, .pace = pace}; }

double ep_rate_pace(const ep_rate *rate)
{
	if (rate->mode == EP_RATE_FREE) return 0;
	return rate->mode == EP_RATE_PROBE ? SECOND / (double)rate->pause : rate->pace;
}

bool ep_rate_sure(const ep_rate *rate) { return rate->mode != EP_RATE_FREE && rate->learned; }

/* --- going out --- */

/* What the mode asks for beyond the next slot. */
static uint64_t held_by_mode(const ep_rate *rate)
{
	switch (rate->mode) {
	case EP_RATE_PROBE: return rate->since_out ? rate->last_sent + PATIENCE : 0;
	case EP_RATE_SEARCH: return rate->since_out >= rate->window ? rate->last_sent + PATIENCE : 0;
	default: return 0;
	}
}

static uint64_t allowed_at(const ep_rate *rate)
{
	uint64_t at = later(rate->not_before, rate->mode == EP_RATE_FREE ? 0 : rate->next);
	return later(at, held_by_mode(rate));
}

uint64_t ep_rate_ready(const ep_rate *rate, uint64_t now)
{
	uint64_t at = allowed_at(rate);
	if (rate->remaining <= (int64_t)rate->out) at = later(at, rate->remaining_until);
	return at > now ? at : 0;
}

unsigned ep_rate_sent(ep_rate *rate, uint64_t now)
{
	uint64_t due = later(rate->next, rate->not_before);
	if (rate->not_before <= now) rate->not_before = 0;
	if (rate->remaining_until <= now) rate->remaining_until = 0;
	if (rate->mode != EP_RATE_FIXED) {
		rate->out++;
		rate->since_out++;
	}
	if (rate->mode != EP_RATE_FREE) {
		rate->limited = now < due + LAG;
		if (!rate->limited) {
			rate->idle += now - due;
			due = now;
		}
		rate->next = due + interval(rate->pace);
	}
	rate->last_sent = now;
	return rate->event;
}

/* --- answers --- */

static void set_free(ep_rate *rate)
{
	rate->mode = EP_RATE_FREE;
	rate->pace = 0;
}

/* Far above what was refused it is free again, if so much went through that this is no accident. */
static void outgrow(ep_rate *rate)
{
	if (rate->pace <= OUTGROWN * rate->peak) return;
	rate->pace = OUTGROWN * rate->peak;
	if (rate->admitted >= SPAN_MAX) set_free(rate);
}

/* Below the peak at first, at it after the span, and away from it like a cube. */
static void set_pace(ep_rate *rate)
{
	double x = (rate->grown - rate->span) / rate->span;
	rate->pace = rate->peak * (1 + rate->dip * x * x * x);
	outgrow(rate);
}

/* An attempt went through again. */
static void resume(ep_rate *rate, uint64_t now)
{
	/* It ended somewhere between the last probe that was refused and this one. */
	rate->blocked = now - rate->event_at - (rate->row ? (now - rate->refused_at) / 2 : 0);
	rate->blocked -= rate->idle < rate->blocked ? rate->idle : rate->blocked;
	rate->idle = 0;
	rate->resumed_at = now;
	rate->grown = 0;
	if (!rate->learned && rate->row >= LONG_ROW) {
		rate->mode = EP_RATE_SEARCH;
		rate->window = 2;
		rate->pace = clamp(per_second(4, rate->blocked), PACE_MIN, PACE_MAX);
	} else {
		/* The longer a refusal stops all, the longer the time until the next may take. */
		double cost = rate->late ? COST * rate->peak * (double)rate->blocked / SECOND : 0;
		rate->mode = EP_RATE_CRUISE;
		rate->span = clamp(cost, rate->span, SPAN_LIMIT);
		set_pace(rate);
	}
	rate->next = rate->last_sent + interval(rate->pace);
}

static void end_attempt(ep_rate *rate, unsigned stamp)
{
	rate->out--;
	if (stamp == rate->event) rate->since_out--;
}

void ep_rate_admitted(ep_rate *rate, unsigned stamp, uint64_t now)
{
	end_attempt(rate, stamp);
	rate->admitted++;
	if (stamp != rate->event) return;
	switch (rate->mode) {
	case EP_RATE_PROBE: resume(rate, now); break;
	case EP_RATE_SEARCH:
		rate->window++;
		rate->pace *= 2;
		outgrow(rate);
		break;
	case EP_RATE_CRUISE:
		if (rate->limited) rate->grown++;
		set_pace(rate);
		break;
	default: break;
	}
}

/* The first refusal: all that is known is what was under way, and for how long. */
static void guess(ep_rate *rate, uint64_t sent_at, uint64_t now)
{
	rate->peak = clamp(per_second(rate->out + 1, now - sent_at) / 2, PACE_MIN, PACE_MAX);
	rate->dip = DIP_MAX;
	rate->span = SPAN_MIN;
	rate->learned = rate->late = false;
}

/* What went through between two refusals, over the time between them, is the limit: the server had nothing left at both.
 * Unless the pause after the first was longer than it takes to fill up again: then it is more, but not more than what
 * went through after the pause. */
static void learn(ep_rate *rate, uint64_t now)
{
	double n = rate->admitted, trust = rate->learned ? TRUST_LOW : DOUBT_LOW;
	uint64_t since = now - rate->resumed_at;
	since -= rate->idle < since ? rate->idle : since;
	double low = per_second(n, rate->blocked + since), high = per_second(n, since);
	rate->late = rate->mode == EP_RATE_CRUISE && rate->grown >= rate->span;
	if (rate->mode != EP_RATE_FREE && high > rate->pace) high = rate->pace;
	if (high < low) high = low;
	if (rate->late && rate->span >= SPAN_MAX && rate->pace > LIFTED * rate->peak)
		low = high = rate->pace; /* it was not so when the counting began */
	rate->peak = clamp(1 / (trust / low + (1 - trust) / high), PACE_MIN, PACE_MAX);
	rate->dip = clamp(2 / n, DIP_MIN, DIP_MAX);
	rate->span = clamp(rate->late ? 2 * n : n / 2, SPAN_MIN, SPAN_MAX);
	rate->learned = n >= LEARNED;
}

/* Whether what was counted since the last refusal is worth to look at: when it is free, pauses of the user are not counted. */
static bool fresh(const ep_rate *rate, uint64_t now)
{
	return rate->mode != EP_RATE_FREE || (rate->event && now - rate->resumed_at < MEMORY);
}

static void start_probing(ep_rate *rate, uint64_t now)
{
	rate->mode = EP_RATE_PROBE;
	rate->event_at = now;
	rate->admitted = 0;
	rate->idle = 0;
	rate->row = 0;
	rate->pace = rate->peak * (1 - rate->dip);
	rate->pause = interval(rate->pace);
	if (rate->learned) rate->pause = later(rate->pause, rate->blocked / 2); /* it may be so long again */
}

bool ep_rate_refused(ep_rate *rate, unsigned stamp, uint64_t sent_at, uint64_t now, uint64_t named)
{
	bool known = rate->mode != EP_RATE_FREE && stamp != rate->event;
	end_attempt(rate, stamp);
	rate->refusals++;
	if (named) rate->not_before = later(rate->not_before, now + (named < NEVER ? named : NEVER));
	if (known || rate->mode == EP_RATE_FIXED) return false;
	if (rate->mode == EP_RATE_PROBE) {
		rate->row++;
		rate->pause *= 2;
	} else {
		if (fresh(rate, now))
			learn(rate, now);
		else
			guess(rate, sent_at, now);
		start_probing(rate, now);
	}
	if (rate->pause > PAUSE_MAX) rate->pause = PAUSE_MAX;
	rate->next = now + rate->pause;
	rate->refused_at = now;
	rate->event++;
	rate->since_out = 0;
	return true;
}

void ep_rate_lost(ep_rate *rate, unsigned stamp) { end_attempt(rate, stamp); }

void ep_rate_hint(ep_rate *rate, uint64_t now, int64_t remaining, uint64_t reset)
{
	if (rate->mode == EP_RATE_FIXED || !reset || reset > HINT_MAX) return;
	/* Those under way may be counted or not: only an answer behind all others says it exactly. */
	bool same = rate->remaining_until > now && rate->out;
	if (!same || remaining < rate->remaining) rate->remaining = remaining;
	rate->remaining_until = now + reset + LAG; /* clocks differ */
}
