/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/step.h"

static void on_uv_work(uv_work_t *work)
{
	ep_git_step *step = work->data;
	step->rc = step->run(step->op);
}

static void on_uv_after(uv_work_t *work, int status)
{
	ep_git_step *step = work->data;
	ep_op *op = step->op;
	ep_loop *loop = op->loop;
	(void)status; /* never cancelled */
	step->after(op, step->rc);
	ep_op_unref(op);
	ep_loop_handle_closed(loop);
}

void ep_git_step_run(ep_git_step *step, ep_op *op, int (*run)(ep_op *op), void (*after)(ep_op *op, int rc))
{
	step->op = op;
	step->run = run;
	step->after = after;
	step->work.data = step;
	ep_op_retain(op);
	ep_loop_handle_opened(op->loop);
	uv_queue_work(ep_loop_uv(op->loop), &step->work, on_uv_work, on_uv_after);
}

bool ep_git_step_aborted(const ep_op *op, const char *what)
{
	if (op->state != EP_OP_ENDING) return false;
	const char *why =
		op->why == EP_ETIMEOUT ? "it did not end in time and was stopped" : "stopped, because it was cancelled";
	ep_err_fini(op->err);
	ep_err_set(op->err, op->why, "%s: %s", what, why);
	op->err->retryable = op->why == EP_ETIMEOUT;
	return true;
}
