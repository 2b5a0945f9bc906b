/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_LOOP_WORK_H
#define EP_LOOP_WORK_H

/* Work: blocking calls on uv's pool of threads, as an op.
 *
 * Life: ep_work_start .. the free of the class's op. Thread: run on a pool thread; all else on the loop's.
 * Owner: the consumer of the op. The struct stays until the thread has left it, however early the op ended. */

#include <stdatomic.h>

#include "runtime/loop/op.h"

typedef struct ep_work {
	ep_op op; /* give its class a free of your own; abort is ep_work_abort */
	uv_work_t request;
	int (*run)(struct ep_work *work); /* the result of the op: 0 or EP_E...; may set err */
	ep_err err;                       /* the thread's until the op ends by itself */
	int outcome;                      /* what run returned */
	atomic_bool stop;                 /* the op was aborted: a long run looks at it and returns EP_ECANCELLED */
} ep_work;

/* Initializes the op inside work (zeroed by the caller) and hands run to the pool. 0 or EP_EIO: then nothing
 * was started and the struct is the caller's to free. */
int ep_work_start(ep_work *work, ep_loop *loop, const ep_op_class *class, int (*run)(ep_work *));

/* The abort of every work's class. */
void ep_work_abort(ep_op *op);

#endif
