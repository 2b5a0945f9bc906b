/* SPDX-License-Identifier: Apache-2.0 */
/* Coroutines: the one place where a finished op becomes a resumed coroutine. Tasks themselves are in task.c, their cancels
 * in cancel.c, protected calls in protected.c, Lua's library `coroutine` in coroutine.c. */
#include "bindings/stdlib.h"
#include "bindings/task.h"
#include "bindings/wait.h"
#include "bindings/view.h"

/* What a coroutine yields when it waits, as opposed to what a script yields: the address is private. */
static const char wait_tag;

static void *wait_mark(void) { return (void *)&wait_tag; }

void epl_task_push(lua_State *L, epl_task *t)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, t->st->task_table);
	lua_rawgeti(L, -1, t->anchor);
	lua_remove(L, -2);
}

/* --- resuming --- */

/* The mark stays on its stack until it is resumed. */
bool epl_waits(lua_State *co) { return lua_status(co) == LUA_YIELD && lua_touserdata(co, -1) == wait_mark(); }

/* The end of every C function that waits. */
static int yield_wait(lua_State *L, lua_KContext ctx, lua_KFunction k)
{
	lua_pushlightuserdata(L, wait_mark());
	return lua_yieldk(L, 1, ctx, k);
}

/* The start of its continuation. */
static void woken(lua_State *L) { lua_pop(L, 1); }

/* Tells the host of the end of what it started; false when it closed the instance then, and with it the task. */
static bool tell_host(const epl_task *t)
{
	epl_state *st = t->st;
	epl_call *call = t->call;
	if (!call) return true;
	epl_call_detach(call);
	call->on_done(call);
	return !st->closing;
}

/* The end of a coroutine. Outside any protected call: nothing here may allocate in Lua. */
static void end_task(epl_task *t, int status)
{
	epl_scope *parent = t->own.parent;
	lua_State *L = t->st->L;
	ep_timer_stop(t->st->loop, &t->grace);
	epl_scope_fini(L, &t->own);
	if (t->op) ep_op_release(t->op);
	t->op = NULL;
	t->st->tasks--;
	if (parent && status != LUA_OK && t->status == EPL_TASK_RUNNING)
		epl_scope_cancel(parent, "a task ran out of memory");
	if (t->status == EPL_TASK_RUNNING) t->status = status == LUA_OK ? EPL_TASK_DONE : EPL_TASK_FAILED;
	if (parent) epl_scope_child_ended(parent, t);
	epl_wake_all(&t->waiters);
	if (!tell_host(t)) return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, t->st->task_table);
	luaL_unref(L, -1, t->anchor);
	lua_pop(L, 1);
}

static void resume(epl_task *t)
{
	epl_state *st = t->st;
	epl_task *before = st->current;
	int nres, nargs = lua_status(t->co) == LUA_YIELD ? 0 : lua_gettop(t->co) - 1;
	t->status = EPL_TASK_RUNNING;
	st->current = t;
	uint64_t begun = ep_loop_coarse(st->loop);
	int status = lua_resume(t->co, NULL, nargs, &nres);
	st->current = before;
	t->since = ep_loop_coarse(st->loop);
	if (st->slice && t->since - begun > st->slice) epl_warn_slice(t, t->since - begun);
	if (status != LUA_YIELD) {
		end_task(t, status);
		return;
	}
	if (!epl_waits(t->co)) { /* coroutine.yield at the top of a task: lets the others run */
		lua_pop(t->co, nres);
		t->at = t->co;
		t->status = EPL_TASK_READY;
		ep_loop_ready(st->loop, &t->job);
	}
}

static void run_job(ep_job *job) { resume(EP_CONTAINER(job, epl_task, job)); }

static void on_op_done(ep_op *op)
{
	epl_task *t = op->owner;
	if (t->op != op || op->wait != t->wait) return; /* an end that came too late: the task waits for another */
	resume(t);
}

/* --- waiting --- */

/* Where a task can't be suspended: L itself, a coroutine that resumed it, or NULL. */
static lua_State *obstacle(lua_State *L, const epl_task *t) { return lua_isyieldable(L) ? t->blocked_in : L; }

void epl_check_can_wait(lua_State *L)
{
	const epl_task *t = epl_state_of(L)->current;
	if (!t) luaL_error(L, "cannot wait here: no task is running; call it from a script or a task");
	lua_State *at = obstacle(L, t);
	if (at) epl_raise_cannot_wait(L, at);
}

static int raise_failure(lua_State *L, ep_op *op)
{
	ep_err err = {0};
	if (op->err && op->err->code) ep_err_move(&err, op->err);
	ep_err_set(&err, op->result, "%s: %s", op->class->name, ep_err_slug(op->result));
	return epl_raise(L, &err);
}

static void let_go(epl_task *t)
{
	ep_op *op = t->op;
	t->op = NULL;
	t->patient = false;
	if (op) ep_op_release(op);
}

static int await_k(lua_State *L, int status, lua_KContext ctx)
{
	epl_task *t = epl_state_of(L)->current;
	epl_push *push = (epl_push *)ctx;
	(void)status;
	woken(L);
	t->patient = false;
	if (t->op->result == EP_ECANCELLED && epl_cancel_pending(t)) {
		let_go(t);
		return epl_raise_cancel(L, t, epl_cancel_reason(t));
	}
	if (t->op->result) { /* raises; what it waited for is let go by the next wait or the end of the task */
		ep_op *op = t->op;
		return raise_failure(L, op);
	}
	ep_op *op = t->op;
	int n = push ? push(L, op) : 0;
	if (t->op == op) let_go(t);
	return n;
}

static int await(lua_State *L, ep_op *op, epl_push *push, bool patient)
{
	epl_task *t = epl_state_of(L)->current;
	if (!t || obstacle(L, t)) {
		ep_op_release(op);
		epl_check_can_wait(L);
	}
	let_go(t);
	t->op = op;
	t->at = L;
	t->patient = patient;
	op->wait = ++t->wait;
	ep_op_wait(op, on_op_done, t);
	t->status = EPL_TASK_WAITING;
	if (!patient && epl_cancel_pending(t)) ep_op_cancel(op, EP_ECANCELLED);
	return yield_wait(L, (lua_KContext)push, await_k);
}

int epl_await(lua_State *L, ep_op *op, epl_push *push) { return await(L, op, push, false); }

int epl_await_patient(lua_State *L, ep_op *op, epl_push *push) { return await(L, op, push, true); }

static int yield_k(lua_State *L, int status, lua_KContext ctx)
{
	epl_task *t = epl_state_of(L)->current;
	(void)status, (void)ctx;
	woken(L);
	return epl_cancel_pending(t) ? epl_raise_cancel(L, t, epl_cancel_reason(t)) : 0;
}

int epl_yield(lua_State *L)
{
	epl_task *t = epl_state_of(L)->current;
	epl_check_can_wait(L);
	t->at = L;
	t->status = EPL_TASK_READY;
	ep_loop_ready(t->st->loop, &t->job);
	return yield_wait(L, 0, yield_k);
}

/* --- coroutines of the script: a wait inside goes outward through them, and the wake-up back in --- */

int epl_resume_inner(lua_State *L, lua_State *co, int nargs, lua_KFunction k, int *nres)
{
	epl_task *t = epl_state_of(L)->current;
	lua_State *blocked_in = t ? t->blocked_in : NULL;
	if (t && !lua_isyieldable(L)) t->blocked_in = L;
	int status = lua_resume(co, L, nargs, nres);
	if (t) t->blocked_in = blocked_in;
	return epl_waits(co) ? yield_wait(L, 0, k) : status;
}

int epl_resume_again(lua_State *L, lua_State *co, lua_KFunction k, int *nres)
{
	woken(L);
	return epl_resume_inner(L, co, 0, k, nres);
}

/* Nobody might ever come back to a scope that is left by a yield: its tasks would belong to nothing. The coroutine of a task
 * itself yields to the loop. */
int epl_yield_outward(lua_State *L)
{
	const epl_task *t = epl_state_of(L)->current;
	if (t && t->scope->in == L && L != t->co)
		return luaL_error(L,
			"cannot yield here: the coroutine is in a scope (task.scope, timeout, shield) that it opened "
			"itself; yield outside of it, or hand the values over by a channel");
	return lua_yield(L, lua_gettop(L));
}

void epl_job_init(epl_task *t) { ep_job_init(&t->job, run_job); }
