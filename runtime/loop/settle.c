/* SPDX-License-Identifier: Apache-2.0 */
/* What comes before the end: the ops that need the engines to end as they should. */
#include "runtime/loop/loop.h"
#include "runtime/loop/op.h"
#include "runtime/loop/private.h"

void ep_op_linger(ep_op *op)
{
	op->lingers = true;
	op->loop->lingering++;
}

static void on_settled(ep_job *job)
{
	ep_loop *loop = EP_CONTAINER(job, ep_loop, settled_job);
	ep_timer_stop(loop, &loop->impatience);
	loop->on_settled(loop->settled_arg);
}

static void on_impatience(ep_timer *timer)
{
	ep_loop *loop = EP_CONTAINER(timer, ep_loop, impatience);
	if (loop->on_settled) ep_loop_ready(loop, &loop->settled_job);
}

void ep_loop_lingered(ep_loop *loop)
{
	if (--loop->lingering == 0 && ep_timer_active(&loop->impatience)) on_impatience(&loop->impatience);
}

void ep_loop_settle(ep_loop *loop, uint64_t limit, void (*then)(void *arg), void *arg)
{
	bool own = loop->uv == &loop->own;
	if (loop->lingering && !ep_timer_start(loop, &loop->impatience, limit, on_impatience)) {
		loop->on_settled = own ? NULL : then;
		loop->settled_arg = arg;
		if (!own) return;
		while (loop->lingering && ep_timer_active(&loop->impatience)) uv_run(loop->uv, UV_RUN_ONCE);
		ep_timer_stop(loop, &loop->impatience);
	}
	then(arg);
}

void ep_loop_settle_init(ep_loop *loop) { ep_job_init(&loop->settled_job, on_settled); }
