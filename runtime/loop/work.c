/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/loop/work.h"

static void on_uv_work(uv_work_t *request)
{
	ep_work *work = request->data;
	work->outcome = atomic_load(&work->stop) ? EP_ECANCELLED : work->run(work);
}

static void on_uv_after(uv_work_t *request, int status)
{
	ep_work *work = request->data;
	ep_loop *loop = work->op.loop;
	if (ep_op_open(&work->op)) ep_op_finish(&work->op, status ? EP_ECANCELLED : work->outcome);
	ep_op_unref(&work->op);
	ep_loop_handle_closed(loop);
}

int ep_work_start(ep_work *work, ep_loop *loop, const ep_op_class *class, int (*run)(ep_work *))
{
	ep_op_init(&work->op, loop, class, &work->err);
	work->run = run;
	work->request.data = work;
	atomic_init(&work->stop, false);
	if (uv_queue_work(ep_loop_uv(loop), &work->request, on_uv_work, on_uv_after)) return EP_EIO;
	ep_loop_handle_opened(loop);
	ep_op_retain(&work->op); /* the thread's */
	ep_op_start(&work->op);
	return 0;
}

/* The waiter is told at once: a thread that hangs in a system call must not hold up a cancel. */
void ep_work_abort(ep_op *op)
{
	ep_work *work = (ep_work *)op;
	atomic_store(&work->stop, true);
	uv_cancel((uv_req_t *)&work->request); /* fails when it runs already: then the flag ends it */
	op->err = NULL;                        /* the thread may be writing it */
	ep_op_finish(op, EP_ECANCELLED);
}
