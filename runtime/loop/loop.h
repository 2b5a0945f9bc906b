/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_LOOP_LOOP_H
#define EP_LOOP_LOOP_H

/* The loop: a uv loop, its own or the host's, with a queue of ready jobs, one heap of timers and a mailbox.
 *
 * Life: ep_loop_open .. the callback of ep_loop_close. Thread: the uv loop's; others reach it
 * by mailbox.h. Owner: the caller of ep_loop_open; a lent uv loop stays the host's.
 *
 * Rule: what a user wrote runs from a turn of the ready queue, never inside a callback of uv or curl. */

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "runtime/base/err.h"
#include "runtime/base/heap.h"
#include "runtime/base/list.h"

typedef struct ep_loop ep_loop;

/* A piece of work for the next turn. Embedded in what it is about; in the queue at most once. */
typedef struct ep_job {
	ep_node link;
	void (*run)(struct ep_job *job);
} ep_job;

/* Opens a loop on `lent`, or on an own uv loop when that is NULL. 0 or EP_ENOMEM, EP_EIO. */
int ep_loop_open(ep_loop **out, uv_loop_t *lent, ep_err *err);

uv_loop_t *ep_loop_uv(ep_loop *loop);

/* Monotonic nanoseconds: the one clock of the runtime. */
uint64_t ep_loop_now(const ep_loop *loop);

/* The same clock some milliseconds behind, for a sixth of the price. */
uint64_t ep_loop_coarse(const ep_loop *loop);

/* Turns to virtual time, for tests: the clock stands still, and jumps to the next timer when every open op waits
 * for time alone; ready jobs run in an order that the seed decides. While another op is open, or the loop is
 * held, the clock runs with the real one during polls. */
void ep_loop_virtual(ep_loop *loop, uint64_t seed);

static inline void ep_job_init(ep_job *job, void (*run)(ep_job *))
{
	ep_node_init(&job->link);
	job->run = run;
}

/* Queues the job for the next turn, unless it is queued. */
void ep_loop_ready(ep_loop *loop, ep_job *job);

/* Takes the job out of the queue if it is there. */
static inline void ep_job_cancel(ep_job *job) { ep_node_unlink(&job->link); }

/* Runs own loop turns until *until is true. EP_EBUSY when nothing is open that could ever make it true
 * (every task waits for another); then the caller decides. Only for an own loop. */
int ep_loop_run(ep_loop *loop, const bool *until);

/* For a poll that is not ours, over an own loop: ep_loop_poll makes one turn without waiting (EP_EBUSY as above); the next
 * one is needed when the descriptor is readable, or after so many milliseconds (-1: the descriptor alone). Ask for the time
 * behind each turn, and behind whatever else touched the loop. */
int ep_loop_poll(ep_loop *loop, const bool *until);
int ep_loop_poll_fd(const ep_loop *loop);
int ep_loop_poll_timeout(ep_loop *loop);

/* Keep the loop alive while something outside of any op is open (a listening server): counted. */
void ep_loop_hold(ep_loop *loop);
void ep_loop_unhold(ep_loop *loop);

/* Counts the uv handles of engines: the loop closes when all of them have. Call opened after uv_*_init,
 * closed from the handle's close callback. */
void ep_loop_handle_opened(ep_loop *loop);
void ep_loop_handle_closed(ep_loop *loop);

/* True once ep_loop_close was called: engines may be gone, nothing new is started. */
bool ep_loop_closing(const ep_loop *loop);

/* The number of ops that are open. */
unsigned long ep_loop_open_ops(const ep_loop *loop);

/* Before engines are closed: waits until no op lingers (ep_op_linger), at most for limit nanoseconds, then calls then(arg):
 * from a turn of a lent uv loop, while the host runs it, else before this function returns, as when there is nothing to
 * wait for. */
void ep_loop_settle(ep_loop *loop, uint64_t limit, void (*then)(void *arg), void *arg);

/* Cancels every open op, waits until all ops have finished and all counted handles have closed, closes its
 * own handles and calls on_closed(arg); the loop's memory is freed before that call. The uv loop must be run
 * meanwhile: by the host if lent, else this function runs it to the end before it returns. */
void ep_loop_close(ep_loop *loop, void (*on_closed)(void *arg), void *arg);

/* --- timers --- */

/* A timer of the loop's one heap. Embedded in what it is about. */
typedef struct ep_timer {
	ep_heap_entry entry;
	void (*fire)(struct ep_timer *timer); /* runs inside a uv callback: finish ops, run nothing of the user's */
} ep_timer;

/* Starts or moves the timer to fire delay nanoseconds from now. 0 or EP_ENOMEM. */
int ep_timer_start(ep_loop *loop, ep_timer *timer, uint64_t delay, void (*fire)(ep_timer *));

void ep_timer_stop(ep_loop *loop, ep_timer *timer);

static inline bool ep_timer_active(const ep_timer *timer) { return timer->entry.place != 0; }

#define EP_SECOND UINT64_C(1000000000)
#define EP_MSEC UINT64_C(1000000)

/* Seconds as nanoseconds; 0 for what is not positive, the largest for what is too large. */
uint64_t ep_seconds(double seconds);

#endif
