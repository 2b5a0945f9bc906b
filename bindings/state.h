/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_STATE_H
#define EPL_STATE_H

/* The instance: a Lua state on a loop. For state.c, the files of tasks and those of epact.h.
 *
 * Life: epl_state_open .. the callback of epl_state_close. Thread: the loop's. Owner: the host. */

#include "bindings/epl.h"

typedef struct epl_task epl_task;
typedef struct epl_call epl_call;

/* Where Lua's memory comes from. */
typedef struct epl_memory {
	void *(*allocate)(void *arg, void *p, size_t old_size, size_t size); /* NULL: ep_realloc */
	void *arg;
	size_t limit; /* bytes; 0: none */
	size_t used;
} epl_memory;

struct epl_state {
	lua_State *L;
	ep_loop *loop;
	ep_secrets secrets;
	epl_task *current; /* the task whose coroutine runs, NULL between */
	ep_node calls;     /* epl_call: those that have not ended, in the order of their starts */
	uint64_t grace;    /* how long clean-up after a cancel may wait, ns */
	uint64_t slice;    /* a task that computes longer is warned of, ns; 0: none is */
	int task_table;    /* registry reference: the tasks that have not ended */
	size_t tasks;
	lua_Integer
		protections; /* counts the protected calls entered, of all tasks: a coroutine may go from one to another */
	struct {
		void *engine;
		void (*close)(void *engine);
	} engines[EPL_ENGINES];
	char **environment; /* "NAME=VALUE"..., NULL at the end; NULL: the process's */
	char *base_url;     /* of the Relace API, from the host; NULL: not given */
	ep_secret *api_key; /* the same */
	epl_memory memory;
	int log_level;
	void (*log)(void *arg, int level, const char *text);
	void *log_arg;
	bool attached; /* L is not ours */
	bool closing;
	bool stress, refused; /* of the stress build */
	void (*on_closed)(void *arg);
	void *closed_arg;
};

int epl_state_open(epl_state **out, uv_loop_t *lent, const epl_memory *memory, ep_err *err);

/* Makes an instance of a state of Lua that is not ours, which has it until it is closed: what waits is replaced in its
 * library, its modules are found by require. Once for a state. Raises. */
epl_state *epl_state_attach(lua_State *L);

/* Runs an embedded module and pushes what it returns. Returns 1. */
int epl_load_module(lua_State *L, const char *name);

/* Closes engines, the Lua state, the loop; then on_closed(arg). No task may be running. */
void epl_state_close(epl_state *st, void (*on_closed)(void *arg), void *arg);

/* A task that the host started, a script or a call, with all that it spawned. Embedded in the host's struct.
 * Life: epl_call_start .. on_done, or the close. */
struct epl_call {
	ep_node link; /* in st->calls */
	epl_task *task;
	const char *name;                   /* for the view of tasks; lives as long as the call */
	void (*on_done)(epl_call *call);    /* from a turn; its task has ended and is there until this returns */
	int exit_status;                    /* of os.exit; -1: it was not called */
	ep_timer give_up;                   /* after a cancel: the grace and a little more */
	void (*on_give_up)(epl_call *call); /* it is over, and the task has not ended; NULL: that is no matter */
};

/* Makes the function below its nargs arguments on the top of st->L, which are popped, a task without a parent; called
 * inside a protected call. name and on_done are set by the caller. */
void epl_call_start(epl_state *st, int nargs, epl_call *call);

/* Cancels its scope, and gives it up when the time for clean-up is over; reason is a static text. */
void epl_call_cancel(epl_call *call, const char *reason);

/* It is not given up any more. */
void epl_call_keep(epl_call *call);

/* Nobody waits for its end any more: its task goes on without it. */
void epl_call_detach(epl_call *call);

/* The call whose task, or one that it spawned, is running. NULL: none. */
epl_call *epl_call_running(const epl_state *st);

/* In a protected call: copies the ended call's results to st->L's stack, and gives their number. After a failure that is 1,
 * the error, and *failed is set; *trace is its traceback, "" when none is known, as long as the task is there. */
int epl_call_results(lua_State *L, const epl_call *call, bool *failed, const char **trace);

/* --- settings.c --- */

/* Copies "NAME=VALUE"..., NULL at the end. NULL: no memory. */
char **epl_copy_environment(const char *const *variables);
void epl_free_environment(char **variables);

/* os.getenv of that environment. */
int epl_os_getenv(lua_State *L);

#endif
