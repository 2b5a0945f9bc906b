/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_STEP_H
#define EP_GIT_STEP_H

/* Step: a short piece of work on a thread, within an op. Unlike an ep_work it runs to its end also while the loop closes:
 * what was made has to be removed then too.
 *
 * Life: embedded in the op's struct, which is held until `after` has returned; one step at a time. Thread: the loop's;
 * `run` on another. Owner: the op. */

#include "runtime/loop/op.h"

typedef struct ep_git_step {
	uv_work_t work;
	ep_op *op;
	int (*run)(ep_op *op);
	void (*after)(ep_op *op, int rc);
	int rc;
} ep_git_step;

/* Runs run(op) on a thread, then after(op, its result) on the loop. */
void ep_git_step_run(ep_git_step *step, ep_op *op, int (*run)(ep_op *op), void (*after)(ep_op *op, int rc));

/* True when the op was aborted meanwhile: its error, of which `what` is the beginning, is set then, in place of another. */
bool ep_git_step_aborted(const ep_op *op, const char *what);

#endif
