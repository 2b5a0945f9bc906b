/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_LOOP_OP_H
#define EP_LOOP_OP_H

/* An op: one thing that is under way and ends exactly once. Embedded as the first member in the struct of
 * the engine that performs it.
 *
 * Life: counted. ep_op_init gives the consumer one count; a started op holds one more until its end was
 * delivered; an engine may hold further ones (a worker thread). The class's free runs at zero.
 * Thread: the loop's. Owner: the consumer until ep_op_release.
 *
 *     engine:   ep_op_init  ep_op_start ............. ep_op_finish (once; the first result wins)
 *     consumer:                          ep_op_wait                [turn: done]   ep_op_release
 *     either:                            ep_op_cancel -> class->abort -> ep_op_finish
 */

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/loop/loop.h"

typedef struct ep_op ep_op;

typedef struct ep_op_class {
	const char *name; /* "sleep", "http", "process": for the view of what waits */
	/* Begins to end the op, whose op->why says the reason. It must lead to ep_op_finish soon, at once or
	 * later; it is called at most once, and never after the finish. */
	void (*abort)(ep_op *op);
	/* Frees the struct around the op. */
	void (*free)(ep_op *op);
	/* Adds what it waits for, such as "GET 127.0.0.1/v1/repo"; NULL: the name will do. */
	void (*describe)(const ep_op *op, ep_buf *text);
	/* Such an op does not keep the loop alive: only somebody in this process could end it. */
	bool passive;
	/* Nothing but time, or somebody in this process, ends it: virtual time jumps over it. */
	bool timed;
} ep_op_class;

enum { EP_OP_IDLE, EP_OP_OPEN, EP_OP_ENDING, EP_OP_FINISHED, EP_OP_DONE };

struct ep_op {
	ep_job job; /* in the loop's ring of open ops, then in the ready queue */
	ep_loop *loop;
	const ep_op_class *class;
	void (*done)(ep_op *op); /* the waiter; NULL: nobody waits */
	void *owner;             /* the waiter's */
	uint64_t wait;           /* the waiter's number of this wait */
	ep_err *err;             /* details of a failure, in the engine's struct; NULL: the class has none */
	ep_timer deadline;
	int result; /* 0 or EP_E..., valid once finished */
	int why;    /* the reason of the abort: EP_ECANCELLED, EP_ETIMEOUT or EP_ECLOSED */
	unsigned refs;
	unsigned char state;
	bool lingers;
};

/* Prepares an op; err may be NULL. */
void ep_op_init(ep_op *op, ep_loop *loop, const ep_op_class *class, ep_err *err);

/* Marks it as under way. Refused when the loop is closing: the op is then aborted at once, by a later turn. */
void ep_op_start(ep_op *op);

/* Sets a deadline, nanoseconds from now, after which the op is aborted with EP_ETIMEOUT. 0 or EP_ENOMEM. */
int ep_op_deadline(ep_op *op, uint64_t delay);

/* Says who is told of the end: done(op), once, from a turn. For an op that ended before, that turn is the next. */
void ep_op_wait(ep_op *op, void (*done)(ep_op *op), void *owner);

/* Nobody is told any more; the op goes on. */
void ep_op_forget(ep_op *op);

/* Asks the op to end, because of why; no effect when it has finished or is ending. */
void ep_op_cancel(ep_op *op, int why);

/* Says, in an abort, that the end needs the engines for a while yet: a closing instance waits for that (ep_loop_settle). */
void ep_op_linger(ep_op *op);

/* Ends the op with result; the engine's last act on it. Later calls are ignored. An abort's EP_ECANCELLED is
 * replaced by the reason of the abort. */
void ep_op_finish(ep_op *op, int result);

static inline bool ep_op_open(const ep_op *op) { return op->state == EP_OP_OPEN || op->state == EP_OP_ENDING; }

static inline void ep_op_retain(ep_op *op) { op->refs++; }

/* Lets go of one count; frees at zero. */
void ep_op_unref(ep_op *op);

/* The consumer's last word: nobody waits, an open op is cancelled, the consumer's count is gone. */
void ep_op_release(ep_op *op);

/* --- an op that only waits --- */

/* Starts an op that ends with 0 after delay nanoseconds. NULL: no memory. */
ep_op *ep_sleep_start(ep_loop *loop, uint64_t delay);

/* A wait for somebody in this process: an event, a channel, a join. Such an op does not keep the loop alive:
 * when nothing else is open, nobody would ever end it. */
typedef struct ep_signal {
	ep_op op;
	ep_node link; /* in the list of those who wait for the same thing */
} ep_signal;

/* Starts one at the end of the list (its head belongs to what is waited for). NULL: no memory. */
ep_signal *ep_signal_start(ep_loop *loop, ep_node *waiters);

/* Ends the first of the list; false when nobody waits. */
bool ep_signal_one(ep_node *waiters, int result);

/* Ends them all. */
void ep_signal_all(ep_node *waiters, int result);

#endif
