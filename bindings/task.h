/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_TASK_H
#define EPL_TASK_H

/* Tasks and scopes, shared by co.c (resuming and waiting), cancel.c, coroutine.c, protected.c (pcall), task.c and
 * scope*.c.
 *
 * A scope is what can be cancelled: the tasks spawned in it, and the stretch of code it was opened for. Scopes
 * form a tree; a task runs in its innermost one. Every task body has a scope of its own.
 *
 * Life: a task is anchored until it has ended, a scope until it was left; then both are garbage of Lua.
 * Thread: the loop's. Owner: Lua's collector. */

#include "bindings/state.h"

typedef struct epl_scope {
	struct epl_scope *parent; /* NULL: of a task that the host started */
	ep_node scopes;           /* those inside */
	ep_node link;             /* in parent->scopes, while open */
	epl_task *task;           /* whose code it encloses */
	lua_State *in;            /* the coroutine that opened it: the task's, or one of the script inside */
	ep_node joiners;          /* ep_signal: who waits for the children to end */
	ep_timer deadline;
	size_t children, daemons; /* tasks spawned here that have not ended; those that end with the others */
	lua_Integer serial;       /* of the protected call it is */
	lua_Integer outer_unwound;
	const char *reason; /* of the cancel */
	int failure;        /* registry reference: the first error; LUA_NOREF */
	int trace;          /* the text of its traceback */
	int others;         /* a table of the errors that came later */
	bool open, shield, cancelled, timed_out, body_cancelled, outer_unwinding;
	bool child_cancelled; /* a child was ended by a cancel that was not its own */
	bool owns_reason;     /* reason is a copy, else static text */
	bool listed;          /* the scope is of an epl_nursery */
	bool of_clean_up;     /* of a task that the clean-up of parent's task spawned */
} epl_scope;

/* A scope with a handle, and what it keeps for collect and each: of the tasks that its spawn methods made, those
 * that ended and returned something, in the order of their ends. */
typedef struct epl_nursery {
	epl_scope scope;
	ep_node waiters;         /* who waits for the next end */
	unsigned spawned;        /* numbers them */
	unsigned live;           /* those that have not ended */
	double limit;            /* seconds that were given for scope.deadline */
	bool keeps_all;          /* somebody iterates: also those that returned nothing */
	int kept;                /* registry reference to an array, or LUA_NOREF */
	lua_Integer first, last; /* the range of it that is in use */
} epl_nursery;

enum { EPL_TASK_READY, EPL_TASK_RUNNING, EPL_TASK_WAITING, EPL_TASK_DONE, EPL_TASK_FAILED, EPL_TASK_CANCELLED };

struct epl_task {
	ep_job job; /* the next resume */
	epl_state *st;
	lua_State *co;
	ep_op *op;             /* what it waits for, or waited for last; holds the consumer's count */
	uint64_t since;        /* when it was left the last time, on the coarse clock */
	lua_State *at;         /* the coroutine that waits: co, or one of the script inside */
	uint64_t wait;         /* the number of the current wait: ends of another are dropped */
	epl_scope *scope;      /* the innermost */
	epl_scope own;         /* around the whole body; own.parent is where it was spawned */
	ep_node waiters;       /* arms of bindings/wait.h: who waits for its end */
	ep_timer grace;        /* while it unwinds after a cancel: how long clean-up may still wait */
	lua_Integer unwound;   /* st->protections when the cancel was raised: the calls so far let it pass */
	epl_call *call;        /* the host's, of a task without a parent */
	int anchor;            /* in the table of tasks */
	unsigned number;       /* in the nursery that own.parent is; 0: it is not listed */
	lua_State *blocked_in; /* where a coroutine below can't be suspended; NULL: nowhere */
	bool unwinding;        /* the cancel was raised and has not arrived at the edge of its scope */
	bool grace_over;
	bool patient; /* the wait is not ended by a cancel: it waits for children that were cancelled too */
	bool daemon;
	unsigned char status;
};

#define EPL_TASK "epact.task"
#define EPL_SCOPE "epact.scope"

/* User values of a task. */
enum { EPL_TASK_THREAD = 1, EPL_TASK_WHERE, EPL_TASK_ERROR, EPL_TASK_TRACE, EPL_TASK_VALUES = EPL_TASK_TRACE };

/* --- co.c --- */

void epl_job_init(epl_task *task);

/* Pushes the task's object. The task has not ended, or its call's end is being told. */
void epl_task_push(lua_State *L, epl_task *task);

/* epl_await, for a wait that no cancel ends. */
int epl_await_patient(lua_State *L, ep_op *op, epl_push *push);

/* Lets the other tasks run; the last line of a C function. */
int epl_yield(lua_State *L);

/* True when the coroutine waits for an op: only the end of that resumes it. */
bool epl_waits(lua_State *co);

/* Resumes a coroutine of the script, with nargs values on its stack, and gives the status. When it waits, so does L: k is
 * called behind the wait, and goes on with epl_resume_again. */
int epl_resume_inner(lua_State *L, lua_State *co, int nargs, lua_KFunction k, int *nres);
int epl_resume_again(lua_State *L, lua_State *co, lua_KFunction k, int *nres);

/* coroutine.yield */
int epl_yield_outward(lua_State *L);

/* --- cancel.c --- */

/* True when a scope around the running code was cancelled and the cancel is to be raised at the next wait. */
bool epl_cancel_pending(epl_task *task);

/* True while the task unwinds because of a cancel and its clean-up may wait. */
bool epl_cleans_up(const epl_task *task);

const char *epl_cancel_reason(const epl_task *task);
int epl_raise_cancel(lua_State *L, epl_task *task, const char *reason);

/* From here on the task unwinds because of a cancel: its clean-up may wait, for the grace at most. */
void epl_start_unwinding(epl_task *task);
void epl_stop_unwinding(epl_task *task);

/* Ends the wait of a waiting task that has a cancel pending. */
void epl_task_interrupt(epl_task *task);

/* --- coroutine.c --- */

/* Replaces functions of coroutine; behind epl_open_stdlib. */
void epl_open_co(lua_State *L);

/* --- protected.c --- */

/* Calls the function below its nargs arguments; k is called behind it in any case, with the status and the
 * serial number of the protected call. Below the results, or the error, is the message handler. */
int epl_protected(lua_State *L, int nargs, lua_KFunction k);

/* Replaces pcall and xpcall, and adds rawpcall; behind epl_open_stdlib. */
void epl_open_protected(lua_State *L);

/* --- scope.c --- */

void epl_scope_init(epl_scope *scope, epl_scope *parent, epl_task *task);

/* Takes the scope out of the tree; errors it kept are let go. */
void epl_scope_fini(lua_State *L, epl_scope *scope);

/* The reason is a static text. No effect on a scope that was cancelled before. */
void epl_scope_cancel(epl_scope *scope, const char *reason);

/* The same for a script: the reason is the argument, copied, or the static text. */
void epl_scope_cancel_for(lua_State *L, epl_scope *scope, int arg, const char *otherwise);

/* Cancels the tasks that end with the others. */
void epl_scope_cancel_daemons(epl_scope *scope);

/* Ends the waits, inside the scope, of the tasks that have a cancel pending. */
void epl_scope_interrupt(epl_scope *scope);
/* The scope behind s in a walk over the scopes inside top, or NULL; descend: those inside s are next. */
epl_scope *epl_scope_next(epl_scope *top, epl_scope *s, bool descend);
void epl_scope_child_ended(epl_scope *scope, epl_task *task);

/* Keeps the error on the top of the stack, which is popped, as what the scope fails with, and cancels it. */
void epl_scope_fail(lua_State *L, epl_scope *scope, const char *trace);

/* Adds the functions that open scopes to the table on the top. */
void epl_open_scope(lua_State *L);

/* --- scope_run.c --- */

/* Runs the function below its nargs arguments in the scope, and waits for its children; at index 1 is what keeps the scope
 * alive. The last line of a C function. */
int epl_scope_run(lua_State *L, epl_task *task, epl_scope *scope, int nargs);

/* The same without a function: its results are on the stack, from 2 on. */
int epl_scope_join(lua_State *L, epl_task *task, epl_scope *scope);

/* True when the error on the top is the cancel that the task unwinds with. */
bool epl_task_unwinds_with_top(lua_State *L, epl_task *task);

/* The traceback that belongs to the error on the top: kept when it was raised, else "". */
const char *epl_task_trace(lua_State *L, epl_task *task);

/* --- task.c --- */

/* The task that runs; raises where nothing can wait. */
epl_task *epl_task_running(lua_State *L);

/* Spawns the function at index fn, with the arguments behind it, in the scope; pushes the task's object. */
epl_task *epl_spawn(lua_State *L, epl_scope *scope, int fn);

/* Pushes what an ended task returned and gives the number of values, or raises its error. */
int epl_task_results(lua_State *L, epl_task *task);

/* Pushes the name that the script gave to the task at index, or nil. */
void epl_task_name(lua_State *L, int index);

/* --- collect.c --- */

/* In the ended task's coroutine, its results on the stack: keeps it for collect and each. */
void epl_nursery_keep(lua_State *L, epl_task *task);
void epl_nursery_fini(lua_State *L, epl_nursery *nursery);

/* Adds the methods of scopes, and their table to the one on the top. */
void epl_open_collect(lua_State *L);

#endif
