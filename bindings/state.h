/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_STATE_H
#define EPL_STATE_H

/* The instance: a Lua state on a loop. For host.c, state.c, co.c and task.c.
 *
 * Life: epl_state_open .. the callback of epl_state_close. Thread: the loop's. Owner: the host. */

#include "bindings/epl.h"

typedef struct epl_task epl_task;

struct epl_state {
	lua_State *L;
	ep_loop *loop;
	ep_secrets secrets;
	epl_task *current; /* the task whose coroutine runs, NULL between */
	epl_task *root;    /* NULL before the start and after its end */
	void (*on_root_done)(void *arg);
	void *root_done_arg;
	uint64_t grace; /* how long clean-up after a cancel may wait, ns */
	uint64_t slice; /* a task that computes longer is warned of, ns; 0: none is */
	int task_table; /* registry reference: the tasks that have not ended */
	size_t tasks;
	struct {
		void *engine;
		void (*close)(void *engine);
	} engines[EPL_ENGINES];
	int log_level;
	void (*log)(void *arg, int level, const char *text);
	void *log_arg;
	int exit_status; /* of os.exit; -1: it was not called */
	bool closing;
	bool stress, refused; /* of the stress build */
	void (*on_closed)(void *arg);
	void *closed_arg;
};

int epl_state_open(epl_state **out, uv_loop_t *lent, ep_err *err);

/* Makes an instance of a state of Lua that is not ours, which has it until it is closed: what waits is replaced in its
 * library, its modules are found by require. Once for a state. Raises. */
epl_state *epl_state_attach(lua_State *L);

/* Runs an embedded module and pushes what it returns. Returns 1. */
int epl_load_module(lua_State *L, const char *name);

/* Closes engines, the Lua state, the loop; then on_closed(arg). No task may be running. */
void epl_state_close(epl_state *st, void (*on_closed)(void *arg), void *arg);

/* Makes the function below its nargs arguments on the top of st->L, which are popped, the root task; called
 * inside a protected call. on_done(arg) is called from a turn
 * when it and all that it spawned has ended; epl_root_result then says how. */
void epl_root_start(epl_state *st, int nargs, void (*on_done)(void *arg), void *arg);

/* After the end: 0, or the code of the error, with the message and the traceback as texts (freed by the
 * caller; each may be NULL). EP_ECANCELLED when the root was cancelled. *returned: the integer it returned, or 0. */
int epl_root_result(epl_state *st, char **message, char **traceback, int *returned);

/* Lets go of the root, which has ended or is given up: another may be started. Pushes its object, by which its results can
 * still be had. */
epl_task *epl_root_forget(lua_State *L);

/* Cancels the root's scope; reason is a static text. No effect without a root. */
void epl_root_cancel(epl_state *st, const char *reason);

#endif
