/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/loop/op.h"

#include "runtime/base/mem.h"
#include "runtime/loop/private.h"

static void deliver(ep_job *job)
{
	ep_op *op = EP_CONTAINER(job, ep_op, job);
	void (*done)(ep_op *) = op->done;
	bool first = op->state == EP_OP_FINISHED;
	op->state = EP_OP_DONE;
	op->done = NULL;
	if (done) done(op);
	if (first) ep_op_unref(op);
}

void ep_op_init(ep_op *op, ep_loop *loop, const ep_op_class *class, ep_err *err)
{
	*op = (ep_op){.loop = loop, .class = class, .err = err, .refs = 1};
	ep_job_init(&op->job, deliver);
}

/* Counts an op in or out. */
static void count(const ep_op *op, int change)
{
	if (op->class->passive) return;
	if (op->class->timed) op->loop->sleeps += (unsigned long)(long)change;
	ep_loop_count_op(op->loop, change);
}

void ep_op_start(ep_op *op)
{
	op->refs++;
	op->state = EP_OP_OPEN;
	ep_list_push(&op->loop->open, &op->job.link);
	count(op, 1);
	if (op->loop->closing) ep_op_cancel(op, EP_ECLOSED);
}

static void on_deadline(ep_timer *timer) { ep_op_cancel(EP_CONTAINER(timer, ep_op, deadline), EP_ETIMEOUT); }

int ep_op_deadline(ep_op *op, uint64_t delay) { return ep_timer_start(op->loop, &op->deadline, delay, on_deadline); }

void ep_op_wait(ep_op *op, void (*done)(ep_op *op), void *owner)
{
	op->done = done;
	op->owner = owner;
	if (op->state == EP_OP_DONE) ep_loop_ready(op->loop, &op->job);
}

void ep_op_forget(ep_op *op)
{
	op->done = NULL;
	if (op->state == EP_OP_DONE) ep_job_cancel(&op->job);
}

void ep_op_cancel(ep_op *op, int why)
{
	if (op->state != EP_OP_OPEN) return;
	op->state = EP_OP_ENDING;
	op->why = why;
	op->class->abort(op);
}

void ep_op_finish(ep_op *op, int result)
{
	if (!ep_op_open(op)) return;
	bool aborted = op->state == EP_OP_ENDING && result == EP_ECANCELLED;
	op->result = aborted ? op->why : result;
	op->state = EP_OP_FINISHED;
	ep_timer_stop(op->loop, &op->deadline);
	ep_node_unlink(&op->job.link); /* from the ring of open ops */
	ep_loop_ready(op->loop, &op->job);
	count(op, -1);
	if (op->lingers) ep_loop_lingered(op->loop);
}

void ep_op_unref(ep_op *op)
{
	if (--op->refs == 0) op->class->free(op);
}

void ep_op_release(ep_op *op)
{
	ep_op_forget(op);
	ep_op_cancel(op, EP_ECANCELLED);
	ep_op_unref(op);
}

void ep_loop_cancel_all(ep_loop *loop)
{
	ep_node ops, *n;
	ep_list_move(&ops, &loop->open);
	while ((n = ep_list_shift(&ops))) {
		ep_op *op = EP_CONTAINER(n, ep_op, job.link);
		ep_list_push(&loop->open, n);
		ep_op_cancel(op, EP_ECLOSED);
	}
}

/* --- ops that only wait --- */

static void end_sleep(ep_op *op) { ep_op_finish(op, EP_ECANCELLED); }
static void free_sleep(ep_op *op) { ep_free(op); }

static void describe_sleep(const ep_op *op, ep_buf *text)
{
	uint64_t now = ep_loop_now(op->loop), due = op->deadline.entry.key;
	ep_buf_printf(text, "sleep, %.3f s left", due > now ? (double)(due - now) / 1e9 : 0);
}

static const ep_op_class sleep_class = {
	.name = "sleep", .abort = end_sleep, .free = free_sleep, .describe = describe_sleep, .timed = true};

static void on_wake(ep_timer *timer) { ep_op_finish(EP_CONTAINER(timer, ep_op, deadline), 0); }

ep_op *ep_sleep_start(ep_loop *loop, uint64_t delay)
{
	ep_op *op = ep_alloc(sizeof *op);
	if (!op) return NULL;
	ep_op_init(op, loop, &sleep_class, NULL);
	if (ep_timer_start(loop, &op->deadline, delay, on_wake)) {
		ep_free(op);
		return NULL;
	}
	ep_op_start(op);
	return op;
}

static void end_signal(ep_op *op)
{
	ep_node_unlink(&((ep_signal *)op)->link);
	ep_op_finish(op, EP_ECANCELLED);
}

static void free_signal(ep_op *op)
{
	ep_node_unlink(&((ep_signal *)op)->link);
	ep_free(op);
}

static const ep_op_class signal_class = {.name = "signal", .abort = end_signal, .free = free_signal, .passive = true};

ep_signal *ep_signal_start(ep_loop *loop, ep_node *waiters)
{
	ep_signal *s = ep_alloc(sizeof *s);
	if (!s) return NULL;
	ep_op_init(&s->op, loop, &signal_class, NULL);
	ep_list_push(waiters, &s->link);
	ep_op_start(&s->op);
	return s;
}

bool ep_signal_one(ep_node *waiters, int result)
{
	ep_node *n = ep_list_shift(waiters);
	if (n) ep_op_finish(&EP_CONTAINER(n, ep_signal, link)->op, result);
	return n != NULL;
}

void ep_signal_all(ep_node *waiters, int result)
{
	while (ep_signal_one(waiters, result)) continue;
}
