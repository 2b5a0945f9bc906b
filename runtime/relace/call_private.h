/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_CALL_PRIVATE_H
#define EP_RELACE_CALL_PRIVATE_H

/* A call from the inside: call_start.c makes it, call.c runs it, call_turn.c says when an attempt may go out,
 * call_attempt.c what it came to, call_abort.c ends it early, call_end.c says how it all ended.
 *
 * Life, Thread, Owner: as in call.h. Each function that ends a call is the last to touch it. */

#include "runtime/relace/call.h"
#include "runtime/relace/private.h"

/* What a call is doing; it has one timer and at most one request under way. */
enum { PHASE_WAIT, PHASE_TURN, PHASE_SENT, PHASE_UNDO };

typedef struct call {
	ep_relace_call pub;
	ep_relace_client *client;
	const char *method, *doubt;
	ep_buf url;
	ep_http_headers *headers;
	int body;
	ep_buf bytes;
	ep_relace_source source;
	ep_repeat repeat;
	ep_retry_policy retry;
	uint64_t timeout, max_body, stall_timeout;
	double waited;  /* seconds */
	double missed;  /* seconds of waits after a 404 that was not final */
	int misses;     /* how many of these there were */
	uint64_t began; /* when the attempt was sent */
	ep_timer timer;
	ep_turn turn, slot; /* of the account and of the family */
	uint64_t queued_at; /* when it began to wait for them */
	uint64_t held;      /* ns that the attempt waited for them */
	unsigned char phase;
	bool gone_is_done, makes_token, stream;
	bool recalled; /* the request was taken back before anything of it was sent */
} call;

/* --- call_turn.c --- */

void ep_relace_call_turns_init(call *c);

/* Waits for a turn, then launches. wait: seconds that the server has named for it. */
void ep_relace_call_queue(call *c, double wait);

/* It does not want to go out any more. */
void ep_relace_call_leave(call *c);

/* Tells the account how the attempt ended; NULL: nobody knows. True when it was refused by a limit that is known well, so that
 * it need not wait longer than until its next turn. */
bool ep_relace_call_settle(call *c, const ep_attempt *a);

/* Whether the call's deadline comes before so many seconds are over. */
bool ep_relace_call_too_late(const call *c, double seconds);

/* --- call_attempt.c --- */

enum { EP_RELACE_FIELD = 64 };

/* A field of an answer as text in room; NULL if there is none or it is longer than any of those that count should be. */
const char *ep_relace_field(const ep_http_call *http, const char *name, char room[EP_RELACE_FIELD]);

/* How the attempt ended, whose request has. */
ep_attempt ep_relace_call_attempt(const call *c);

/* --- call.c --- */

void ep_relace_call_launch(call *c);

/* Sends a request, in place of the one before. */
int ep_relace_call_send(call *c, ep_http_request *request);

/* Waits so many nanoseconds, then for a turn. */
void ep_relace_call_wait(call *c, uint64_t delay);

/* --- call_abort.c --- */

/* The abort of the op's class. */
void ep_relace_call_abort(ep_op *op);

/* The request of a call that is being aborted has ended. */
void ep_relace_call_after_abort(call *c);

/* --- call_end.c --- */

/* Adds "GET host/path", masked. */
void ep_relace_call_operation(const call *c, ep_buf *text);

/* A line of the client's log on an attempt that has ended; again: seconds until the next one, negative for none. */
void ep_relace_call_log(const call *c, const ep_attempt *a, double again);

void ep_relace_call_close_body(call *c);

void ep_relace_call_finish(call *c, int result);

/* Ends the call with what stands in its err, which gets all that is known. */
void ep_relace_call_fail(call *c);

/* Ends it with the failure of an attempt. */
void ep_relace_call_fail_attempt(call *c, const ep_attempt *a, const ep_decision *d);

/* Ends it after an abort; maybe_done: it may have been carried out. */
void ep_relace_call_finish_aborted(call *c, bool maybe_done);

#endif
