/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROC_WORLD_H
#define PROC_WORLD_H

/* A loop with processes on it, for tests of runtime/proc. */
#include <errno.h>
#include <sys/wait.h>

#include "runtime/proc/proc.h"
#include "tests/support/test.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

typedef struct world {
	ep_loop *loop;
	ep_procs *procs;
} world;

static inline world open_world(void)
{
	world w;
	CHECK_INT_EQ(ep_loop_open(&w.loop, NULL, NULL), 0);
	w.procs = ep_procs_open(w.loop);
	CHECK(w.procs);
	return w;
}

static inline void close_world(world *w)
{
	ep_procs_close(w->procs);
	ep_loop_close(w->loop, NULL, NULL);
	CHECK_INT_EQ(waitpid(-1, NULL, WNOHANG), -1); /* no child, no zombie */
	CHECK_INT_EQ(errno, ECHILD);
}

static inline void on_done(ep_op *op) { *(bool *)op->owner = true; }

static inline int await(ep_op *op)
{
	bool done = false;
	ep_op_wait(op, on_done, &done);
	CHECK_INT_EQ(ep_loop_run(op->loop, &done), 0);
	return op->result;
}

#endif
