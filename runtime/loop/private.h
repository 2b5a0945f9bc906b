/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_LOOP_PRIVATE_H
#define EP_LOOP_PRIVATE_H

/* The loop's own members: for the files of this folder alone.
 *
 * Life, Thread, Owner: as in loop.h. */

#include "runtime/loop/loop.h"
#include "runtime/loop/mailbox.h"

struct ep_loop {
	uv_loop_t *uv; /* &own, or lent */
	uv_loop_t own;
	uv_prepare_t before;    /* turns what timers and the host made ready before the poll */
	uv_check_t after;       /* turns what the poll made ready */
	uv_idle_t busy;         /* active while the queue is not empty */
	uv_timer_t timer;       /* armed for the first of the heap */
	uv_async_t mail_signal; /* also the one handle that keeps the uv loop alive */
	uint64_t armed;         /* what timer is armed for, uv milliseconds; 0: not */
	ep_heap timers;
	ep_node ready; /* ep_job */
	ep_node open;  /* ep_op, by job.link */
	ep_mailbox *mailbox;
	ep_job mail_job;
	unsigned long open_ops, holds, handles, own_handles;
	unsigned long sleeps; /* of the open ops those that wait for time alone */
	struct {
		uint64_t now, random;
		uint64_t polled; /* when the poll under way began, real time; 0: the clock stands still in it */
		bool on;
	} virtual;
	unsigned long lingering; /* of the open ops those whose end needs the engines */
	ep_timer impatience;     /* of ep_loop_settle, while it waits for them */
	ep_job settled_job;
	void (*on_settled)(void *arg);
	void *settled_arg;
	bool alive, turning, closing, own_closing, closed;
	void (*on_closed)(void *arg);
	void *closed_arg;
};

void ep_loop_count_op(ep_loop *loop, int change);

/* Arms uv's timer for the first of the heap. */
void ep_loop_arm(ep_loop *loop);

void ep_loop_try_close(ep_loop *loop);
void ep_loop_cancel_all(ep_loop *loop);

/* --- settle.c --- */

void ep_loop_settle_init(ep_loop *loop);

/* An op that lingered has finished. */
void ep_loop_lingered(ep_loop *loop);

/* --- virtual.c, called only when virtual time is on --- */

/* Takes a job out of the ready queue, NULL when it is empty. */
ep_node *ep_virtual_shift(ep_loop *loop);
void ep_virtual_before_poll(ep_loop *loop);
void ep_virtual_after_poll(ep_loop *loop);

#endif
