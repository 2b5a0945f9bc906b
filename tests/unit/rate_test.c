/* SPDX-License-Identifier: Apache-2.0 */
/* The rate controller against servers with limits that it is not told, in virtual time: workers that make one call after
 * the other, an account's queue in front of them, a network with a delay. */
#include "tests/support/test.h"

#include "runtime/relace/rate.h"

#define SECOND UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

enum { WORKERS_MAX = 1000, TRIES = 7 };

/* --- the server --- */

typedef struct server {
	double rate, burst;              /* a bucket: tokens a second, and how many it holds */
	double window;                   /* seconds; > 0: `burst` attempts in each instead */
	bool names;                      /* says Retry-After, in whole seconds */
	double changes_at, changed_rate; /* seconds */
	double tokens, last;
	double taken_in; /* the window that `used` counts */
	double used;
} server;

/* Retry-After counts seconds. */
static uint64_t whole(double seconds) { return ((uint64_t)seconds + 1) * SECOND; }

static bool admits(server *s, double now, uint64_t *named)
{
	*named = 0;
	if (s->changes_at && now >= s->changes_at) {
		if (s->window) s->burst = s->changed_rate * s->window;
		s->rate = s->changed_rate;
		s->changes_at = 0;
	}
	if (s->window) {
		double index = (double)(uint64_t)(now / s->window);
		if (index != s->taken_in) s->used = 0;
		s->taken_in = index;
		if (s->used < s->burst) {
			s->used++;
			return true;
		}
		if (s->names) *named = whole((index + 1) * s->window - now);
		return false;
	}
	s->tokens += (now - s->last) * s->rate;
	if (s->tokens > s->burst) s->tokens = s->burst;
	s->last = now;
	if (s->tokens >= 1) {
		s->tokens--;
		return true;
	}
	if (s->names) *named = whole((1 - s->tokens) / s->rate);
	return false;
}

/* --- the world --- */

enum { IDLE, WAITING, SENT, AWAY };

typedef struct worker {
	int state;
	uint64_t at; /* of the next change; WAITING: since when */
	uint64_t order, sent_at, named, began;
	unsigned stamp;
	int attempts;
	bool admitted;
	int calls;
} worker;

typedef struct world {
	ep_rate rate;
	server server;
	uint64_t now, rtt;
	int workers;
	worker list[WORKERS_MAX];
	uint64_t orders;
	int left, done, failed, refused, sent;
	int mark, refused_after, sent_after, done_after; /* `mark`: calls that are warm-up */
	uint64_t marked_at, longest;
} world;

static uint64_t formula(int attempts) { return (uint64_t)(0.25 * (double)(1 << attempts) * 0.9 * 1e9); }

/* The waiting worker that goes next: the oldest call; a probe is made by the one with most tries left. */
static worker *head(world *w)
{
	worker *best = NULL;
	bool probing = w->rate.mode == EP_RATE_PROBE;
	for (int i = 0; i < w->workers; i++) {
		worker *c = &w->list[i];
		if (c->state != WAITING) continue;
		if (!best || (probing && c->attempts != best->attempts ? c->attempts < best->attempts : c->order < best->order))
			best = c;
	}
	return best;
}

static void pump(world *w)
{
	worker *c;
	uint64_t named;
	while ((c = head(w)) && !ep_rate_ready(&w->rate, w->now)) {
		c->stamp = ep_rate_sent(&w->rate, w->now);
		c->sent_at = w->now;
		c->state = SENT;
		c->attempts++;
		c->at = w->now + w->rtt;
		c->admitted = admits(&w->server, (double)(w->now + w->rtt / 2) / 1e9, &named);
		c->named = named;
		w->sent++;
		if (w->marked_at) w->sent_after++;
	}
}

static void next_call(world *w, worker *c)
{
	c->state = IDLE;
	if (w->left <= 0) return;
	w->left--;
	c->state = WAITING;
	c->attempts = 0;
	c->order = ++w->orders;
	c->began = w->now;
}

static void answer(world *w, worker *c)
{
	if (c->admitted) {
		ep_rate_admitted(&w->rate, c->stamp, w->now);
		w->done++;
		if (w->marked_at) w->done_after++;
		if (w->done == w->mark) w->marked_at = w->now;
		if (w->marked_at && w->now - c->began > w->longest) w->longest = w->now - c->began;
		c->calls++;
		next_call(w, c);
		return;
	}
	w->refused++;
	if (w->marked_at) w->refused_after++;
	bool sure = ep_rate_sure(&w->rate);
	ep_rate_refused(&w->rate, c->stamp, c->sent_at, w->now, c->named);
	if (c->attempts == TRIES) {
		w->failed++;
		next_call(w, c);
		return;
	}
	c->state = AWAY;
	if (!sure) c->order = ++w->orders;
	c->at = w->now + (c->named ? c->named : sure ? 0 : formula(c->attempts));
}

/* Goes to the next thing that happens, a millisecond's timer for what waits for the pace. */
static void step(world *w)
{
	uint64_t at = UINT64_MAX;
	for (int i = 0; i < w->workers; i++)
		if ((w->list[i].state == SENT || w->list[i].state == AWAY) && w->list[i].at < at) at = w->list[i].at;
	if (head(w)) {
		uint64_t ready = ep_rate_ready(&w->rate, w->now);
		ready += MSEC - ready % MSEC;
		if (ready < at) at = ready;
	}
	CHECK(at != UINT64_MAX);
	w->now = at;
	for (int i = 0; i < w->workers; i++) {
		worker *c = &w->list[i];
		if (c->state == SENT && c->at <= w->now) answer(w, c);
		if (c->state == AWAY && c->at <= w->now) c->state = WAITING;
	}
	pump(w);
}

static void run(world *w, int calls)
{
	w->now = 1000 * SECOND;
	w->server.tokens = w->server.burst;
	w->server.last = 1000;
	if (w->server.changes_at) w->server.changes_at += 1000;
	w->left = calls;
	for (int i = 0; i < w->workers; i++) next_call(w, &w->list[i]);
	pump(w);
	while (w->done + w->failed < calls) step(w);
}

/* What went through after the warm-up, over what the server would have let through. */
static double share(const world *w)
{
	double seconds = (double)(w->now - w->marked_at) / 1e9;
	double allowed = w->server.window ? w->server.burst / w->server.window : w->server.rate;
	return w->done_after / seconds / allowed;
}

/* Runs calls of so many workers, of which `mark` are the warm-up; all must be done. */
static world *simulate(server s, int workers, uint64_t rtt, int calls, int mark)
{
	static world w;
	w = (world){.server = s, .workers = workers, .rtt = rtt, .mark = mark};
	run(&w, calls);
	printf("    %d done, %d refused; then %.2f%% refused, %.0f%% of what was allowed, longest call %.1f s\n", w.done,
		w.refused, 100.0 * w.refused_after / w.sent_after, 100 * share(&w), (double)w.longest / 1e9);
	CHECK_INT_EQ(w.failed, 0);
	CHECK_INT_EQ(w.done, calls);
	return &w;
}

static void check_good(const world *w)
{
	CHECK(w->refused_after * 100 <= w->sent_after);
	CHECK(share(w) >= 0.9);
}

TEST(buckets_are_learned)
{
	check_good(simulate((server){.rate = 200, .burst = 10}, 64, 2 * MSEC, 2000, 400));
	check_good(simulate((server){.rate = 200, .burst = 10}, 64, 100 * MSEC, 2000, 400));
	check_good(simulate((server){.rate = 5, .burst = 200}, 64, 2 * MSEC, 2000, 400));
	check_good(simulate((server){.rate = 5, .burst = 200}, 64, 200 * MSEC, 2000, 400));
	check_good(simulate((server){.rate = 5, .burst = 200, .names = true}, 64, 2 * MSEC, 2000, 400));
	check_good(simulate((server){.rate = 50. / 60, .burst = 10}, 64, 100 * MSEC, 1000, 300));
	check_good(simulate((server){.rate = 100, .burst = 10}, 1, 2 * MSEC, 2000, 400));
	check_good(simulate((server){.rate = 100, .burst = 10}, 1000, 50 * MSEC, 4000, 1600));
}

TEST(windows_are_learned)
{
	check_good(simulate((server){.window = 2, .burst = 100}, 64, 2 * MSEC, 2000, 600));
	check_good(simulate((server){.window = 60, .burst = 100}, 64, 100 * MSEC, 2000, 600));
	check_good(simulate((server){.window = 60, .burst = 50}, 64, 100 * MSEC, 2000, 600));
	check_good(simulate((server){.window = 60, .burst = 50, .names = true}, 64, 100 * MSEC, 2000, 600));
	check_good(simulate((server){.window = 60, .burst = 15}, 64, 100 * MSEC, 2000, 600));
}

/* A server that wants a whole second of silence for a token that it has after five milliseconds is obeyed: the fewer refusals
 * the better, and less than all of what it would have let through. */
TEST(silence_is_kept_though_it_costs)
{
	const world *w = simulate((server){.rate = 200, .burst = 10, .names = true}, 64, 2 * MSEC, 4000, 400);
	CHECK(w->refused_after * 100 <= w->sent_after);
	CHECK(share(w) >= 0.3);
}

TEST(a_limit_that_falls_is_met_again)
{
	const world *w =
		simulate((server){.rate = 200, .burst = 10, .changes_at = 5, .changed_rate = 50}, 64, 20 * MSEC, 4000, 2000);
	check_good(w);
}

TEST(a_limit_that_rises_is_found)
{
	check_good(
		simulate((server){.rate = 50, .burst = 10, .changes_at = 5, .changed_rate = 200}, 64, 20 * MSEC, 6000, 2500));
}

TEST(a_limit_that_is_lifted_is_forgotten)
{
	const world *w =
		simulate((server){.rate = 50, .burst = 10, .changes_at = 5, .changed_rate = 1e6}, 64, 20 * MSEC, 8000, 4000);
	CHECK_INT_EQ(w->rate.mode, EP_RATE_FREE);
	CHECK_INT_EQ(w->refused_after, 0);
}

TEST(no_worker_starves)
{
	const world *w = simulate((server){.rate = 5, .burst = 20}, 64, 20 * MSEC, 3000, 400);
	int least = w->list[0].calls, most = least;
	for (int i = 0; i < w->workers; i++) {
		if (w->list[i].calls < least) least = w->list[i].calls;
		if (w->list[i].calls > most) most = w->list[i].calls;
	}
	CHECK(most - least <= 10);
	CHECK(w->longest < 3 * 64 / 5 * SECOND); /* a round of all takes 64/5 s */
}

/* --- step by step --- */

TEST(who_was_never_refused_waits_for_nothing)
{
	ep_rate r = {0};
	for (int i = 0; i < 100000; i++) {
		CHECK_INT_EQ(ep_rate_ready(&r, 1), 0);
		unsigned stamp = ep_rate_sent(&r, 1);
		if (i % 2) ep_rate_admitted(&r, stamp, 1);
	}
	CHECK(ep_rate_is_free(&r));
	CHECK_INT_EQ(r.out, 50000);
}

TEST(one_probe_at_a_time)
{
	ep_rate r = {0};
	unsigned first = ep_rate_sent(&r, SECOND);
	unsigned second = ep_rate_sent(&r, SECOND);
	CHECK(ep_rate_refused(&r, first, SECOND, SECOND + 10 * MSEC, 0));
	CHECK(!ep_rate_refused(&r, second, SECOND, SECOND + 11 * MSEC, 0)); /* it says the same */
	uint64_t at = ep_rate_ready(&r, SECOND + 11 * MSEC);
	CHECK(at > SECOND + 11 * MSEC);
	CHECK_INT_EQ(ep_rate_ready(&r, at), 0);
	unsigned probe = ep_rate_sent(&r, at);
	CHECK(ep_rate_ready(&r, at + MSEC) > at + MSEC);
	CHECK_INT_EQ(ep_rate_ready(&r, at + 2 * SECOND), 0); /* an answer that does not come holds nobody back for ever */
	CHECK(ep_rate_refused(&r, probe, at, at + MSEC, 0));
	CHECK(ep_rate_ready(&r, at + MSEC) - at > at - SECOND - 11 * MSEC); /* a longer pause */
}

TEST(a_named_wait_is_kept_however_long)
{
	ep_rate r = {0};
	unsigned stamp = ep_rate_sent(&r, SECOND);
	ep_rate_refused(&r, stamp, SECOND, 2 * SECOND, 86400 * SECOND);
	CHECK_INT_EQ(ep_rate_ready(&r, 3 * SECOND), 86402 * SECOND);
	CHECK_INT_EQ(ep_rate_ready(&r, 86402 * SECOND), 0);
	r = (ep_rate){0};
	stamp = ep_rate_sent(&r, SECOND);
	ep_rate_refused(&r, stamp, SECOND, 2 * SECOND, UINT64_MAX);
	CHECK(ep_rate_ready(&r, 3 * SECOND) > UINT64_MAX / 4);
}

TEST(idle_time_is_no_limit)
{
	ep_rate r = {0};
	uint64_t now = SECOND;
	ep_rate_refused(&r, ep_rate_sent(&r, now), now, now + MSEC, 0);
	for (int i = 0; i < 100; i++) {
		now += 60 * SECOND; /* a call a minute, while ten a second would do */
		unsigned stamp = ep_rate_sent(&r, now);
		ep_rate_admitted(&r, stamp, now + MSEC);
	}
	double pace = ep_rate_pace(&r);
	CHECK(pace == 0 || pace > 10);
	for (int i = 0; i < 3; i++) ep_rate_sent(&r, now);
	ep_rate_refused(&r, r.event, now, now + MSEC, 0);
	CHECK(ep_rate_pace(&r) > 1);
}

TEST(what_is_left_is_not_exceeded)
{
	ep_rate r = {0};
	unsigned stamp = ep_rate_sent(&r, SECOND);
	ep_rate_admitted(&r, stamp, SECOND);
	ep_rate_hint(&r, SECOND, 2, 10 * SECOND);
	for (int i = 0; i < 2; i++) {
		CHECK_INT_EQ(ep_rate_ready(&r, SECOND + 1), 0);
		stamp = ep_rate_sent(&r, SECOND + 1);
	}
	uint64_t at = ep_rate_ready(&r, SECOND + 2);
	CHECK(at >= 11 * SECOND && at < 12 * SECOND);
	CHECK_INT_EQ(ep_rate_ready(&r, at), 0);
	ep_rate_sent(&r, at);
	CHECK(ep_rate_is_free(&r));
	ep_rate_hint(&r, at, 0, 86400 * SECOND); /* not before a refusal says so */
	CHECK_INT_EQ(ep_rate_ready(&r, at), 0);
}

TEST(a_given_pace_never_changes)
{
	ep_rate r;
	ep_rate_fix(&r, 10);
	uint64_t now = SECOND;
	for (int i = 0; i < 50; i++) {
		CHECK_INT_EQ(ep_rate_ready(&r, now), 0);
		ep_rate_sent(&r, now);
		CHECK_INT_EQ(ep_rate_ready(&r, now), now + SECOND / 10);
		now += SECOND / 10;
	}
	now += SECOND; /* what was not used is not made up for */
	ep_rate_sent(&r, now);
	CHECK_INT_EQ(ep_rate_ready(&r, now), now + SECOND / 10);
	CHECK(ep_rate_pace(&r) == 10);
}
