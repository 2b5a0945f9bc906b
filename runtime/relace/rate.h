/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_RATE_H
#define EP_RELACE_RATE_H

/* How fast attempts may follow each other: a ceiling that was given, or a limit of the server that is learned from what it
 * refuses. A pure state machine: the clock is passed in, nothing is allocated, nothing waits here.
 * docs/adr/0011-learned-rate.md gives the reasons.
 *
 *     free --429--> probe --an attempt goes through--> search or cruise --429--> probe ...
 *
 * free: nothing is known, nothing waits. probe: nothing goes out but one attempt at a time, after pauses that double. search:
 * from a guess upwards, twice as fast with each answer. cruise: below, at and then above what was last refused, slowly near
 * it and faster and faster beyond; far beyond it is free again.
 *
 * Life: a plain value, {0} is free. Thread: any. Owner: the caller. Times are nanoseconds of one monotonic clock. */

#include <stdbool.h>
#include <stdint.h>

enum { EP_RATE_FREE, EP_RATE_FIXED, EP_RATE_PROBE, EP_RATE_SEARCH, EP_RATE_CRUISE };

#define EP_RATE_LATER UINT64_MAX

typedef struct ep_rate {
	int mode;
	uint64_t next;       /* when the pace lets the next attempt go */
	uint64_t not_before; /* what the server asked for */
	uint64_t last_sent;
	unsigned out;       /* attempts whose answer has not come */
	unsigned event;     /* counts the refusals that mattered; an attempt is stamped with it */
	unsigned since_out; /* attempts of this stamp under way */
	unsigned refusals;  /* all that ever came */
	/* What was learned. */
	double peak;  /* attempts a second that were refused at last */
	double pace;  /* attempts a second now */
	double dip;   /* part of the peak that the pace falls by */
	double span;  /* answers until it is back at the peak */
	double grown; /* answers since the last refusal that came while somebody waited for the pace */
	bool learned; /* the peak is worth something */
	bool late;    /* it was refused above the peak of before, as is to be expected */
	/* Since the last refusal. */
	uint64_t event_at, refused_at, resumed_at;
	uint64_t blocked; /* from the refusal to the first success */
	uint64_t idle;    /* time in which nobody wanted to send */
	double admitted;
	uint64_t pause;  /* before a probe */
	unsigned row;    /* probes refused in a row */
	unsigned window; /* of a search: attempts under way at most */
	bool limited;    /* the last attempt had to wait for the pace */
	/* What the server says is left (X-RateLimit-Remaining), until when. */
	int64_t remaining;
	uint64_t remaining_until; /* 0: it says nothing */
} ep_rate;

/* A pace that is given and never changes: attempts a second. */
void ep_rate_fix(ep_rate *rate, double per_second);

/* Whether there is nothing to ask and nothing to wait for. */
static inline bool ep_rate_is_free(const ep_rate *rate)
{
	return rate->mode == EP_RATE_FREE && !rate->not_before && !rate->remaining_until;
}

/* 0 when an attempt may go out now, else when to ask again; answers that come may make it sooner. */
uint64_t ep_rate_ready(const ep_rate *rate, uint64_t now);

/* An attempt goes out. Returns its stamp. */
unsigned ep_rate_sent(ep_rate *rate, uint64_t now);

/* The server has taken it, whatever it then answered. */
void ep_rate_admitted(ep_rate *rate, unsigned stamp, uint64_t now);

/* The server has refused it as one too many; named: nanoseconds that it wants to be left alone, 0 for not given. True when
 * that changed what is known: a refusal of what went out before the last one says nothing new. */
bool ep_rate_refused(ep_rate *rate, unsigned stamp, uint64_t sent_at, uint64_t now, uint64_t named);

/* No answer will come: the network failed, or the attempt was cancelled. */
void ep_rate_lost(ep_rate *rate, unsigned stamp);

/* The server says how many more it takes within so many nanoseconds. */
void ep_rate_hint(ep_rate *rate, uint64_t now, int64_t remaining, uint64_t reset);

/* Whether the limit is known well: a refusal is then the exception, and the next attempt will do. */
bool ep_rate_sure(const ep_rate *rate);

/* Attempts a second that are let through, 0 for no limit. */
double ep_rate_pace(const ep_rate *rate);

#endif
