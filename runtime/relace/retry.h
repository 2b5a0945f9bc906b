/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_RETRY_H
#define EP_RELACE_RETRY_H

/* When a call of the API is made again, and after how long: pure functions, no clock and no chance of their own.
 * docs/adr/0008-no-blind-repeat.md gives the reasons.
 *
 * Life: plain values. Thread: any. Owner: the caller. */

#include <stdbool.h>
#include <stdint.h>

/* What it would mean to make a call twice. */
typedef enum ep_repeat {
	EP_REPEAT_SAFE, /* the second has the effect of the first: reads, deletes, an overwrite, a file upload */
	EP_REPEAT_ONCE, /* it has not: a create, a diff, a merge from a remote */
} ep_repeat;

typedef struct ep_retry_policy {
	int max_retries; /* further attempts after the first */
	double max_wait; /* seconds, over all waits of one call */
	double not_yet;  /* seconds, over all waits after a 404 that may end; these count in neither of the two above */
	int max_refused; /* further attempts after one that was one too many (429), counted apart; 0: they are counted with all */
} ep_retry_policy;

/* How an attempt ended. */
typedef struct ep_attempt {
	int index;          /* 0 for the first; attempts that met a 404 that may end are not counted */
	int status;         /* of the answer; 0: none came */
	int code;           /* EP_E... when the exchange failed, even behind a status (a body cut short) */
	bool maybe_sent;    /* the server may have acted */
	int should_retry;   /* X-Should-Retry: 1 true, 0 false, -1 not given */
	double retry_after; /* seconds; not positive: not given */
	int refused;        /* how many before it were one too many, where these are counted apart */
	int64_t remaining;  /* X-RateLimit-Remaining; -1: not given */
	double reset;       /* seconds until X-RateLimit-Reset; 0: not given */
	double waited;      /* seconds that the call has spent in waits so far, but for those after such a 404 */
	int misses;         /* how many such there were */
	double missed;      /* seconds spent in waits after them */
} ep_attempt;

typedef enum ep_verdict {
	EP_VERDICT_OK,       /* a 2xx answer came whole */
	EP_VERDICT_REPEAT,   /* again, after `wait` seconds */
	EP_VERDICT_FAIL,     /* the call has failed */
	EP_VERDICT_IN_DOUBT, /* the call has failed, and may have been carried out */
} ep_verdict;

typedef struct ep_decision {
	ep_verdict verdict;
	double wait;    /* seconds, for EP_VERDICT_REPEAT */
	bool retryable; /* for the failures: a later try of the same may well succeed, and does no harm */
	bool not_yet;   /* repeated because of a 404 that may end */
} ep_decision;

/* Decides. `chance` in [0, 1) shortens the computed wait by up to a quarter, so that many do not come at once. */
ep_decision ep_retry_decide(const ep_retry_policy *policy, ep_repeat repeat, const ep_attempt *attempt, double chance);

/* The seconds that Retry-After-Ms (wins) or Retry-After asks for, as number or HTTP date; now is Unix time.
 * Either text may be NULL. 0: nothing usable, or a date that has passed. */
double ep_retry_after(const char *after_ms, const char *after, double now);

/* Seconds until X-RateLimit-Reset: a number of them, or a Unix time in seconds or milliseconds; now is Unix time. 0: nothing
 * usable, or it has passed. */
double ep_retry_reset(const char *text, double now);

/* A count, as of X-RateLimit-Remaining; -1 for anything else. */
int64_t ep_retry_count(const char *text);

/* A number without sign or exponent; -1 for anything else and for NULL. */
double ep_retry_number(const char *text);

/* X-Should-Retry as 1, 0 or -1. */
int ep_retry_should(const char *text);

/* Unix time of an HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT"), -1 for what is none. */
double ep_http_date(const char *text);

#endif
