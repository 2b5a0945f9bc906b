/* SPDX-License-Identifier: Apache-2.0 */
/* Coroutines: the one place where a finished op becomes a resumed coroutine. Tasks themselves are in task.c, protected
 * calls in protected.c. */
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

/* True when a coroutine that yielded waits for an op: the mark stays on its stack until it is resumed. */
static bool waits(lua_State *co) { return lua_status(co) == LUA_YIELD && lua_touserdata(co, -1) == wait_mark(); }

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
	if (!waits(t->co)) { /* coroutine.yield at the top of a task: lets the others run */
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

/* --- cancels --- */

static bool cleaning(const epl_task *t) { return t->unwinding && !t->grace_over; }

/* While a cancelled task unwinds, its clean-up may wait until the grace is over, and so may the tasks that the
 * clean-up spawns; scopes that it opens can be cancelled as ever. */
bool epl_cancel_pending(epl_task *t)
{
	for (const epl_scope *s = t->scope; s; s = s->parent) {
		if (s->cancelled && (!cleaning(t) || (s->task == t && s->serial > t->unwound))) return true;
		if (s->shield || (s->outer_unwinding && s->task != t && cleaning(s->task))) return false;
	}
	return false;
}

const char *epl_cancel_reason(const epl_task *t)
{
	const char *reason = NULL;
	for (const epl_scope *s = t->scope; s; s = s->shield ? NULL : s->parent)
		if (s->cancelled) reason = s->reason; /* the outermost is the one that counts */
	return reason ? reason : "cancelled";
}

static void on_grace(ep_timer *timer)
{
	epl_task *t = EP_CONTAINER(timer, epl_task, grace);
	t->grace_over = true;
	epl_scope_interrupt(&t->own);
}

void epl_start_unwinding(epl_task *t)
{
	if (!t->unwinding && ep_timer_start(t->st->loop, &t->grace, t->st->grace, on_grace)) t->grace_over = true;
	t->unwinding = true;
	t->unwound = t->st->protections;
}

int epl_raise_cancel(lua_State *L, epl_task *t, const char *reason)
{
	epl_start_unwinding(t);
	ep_err err = {0};
	ep_err_set(&err, EP_ECANCELLED, "the task was cancelled: %s", reason);
	epl_push_err(L, &err);
	epl_push_masked(L, reason);
	lua_setfield(L, -2, "reason");
	return lua_error(L);
}

void epl_stop_unwinding(epl_task *t)
{
	t->unwinding = t->grace_over = false;
	ep_timer_stop(t->st->loop, &t->grace);
}

void epl_task_interrupt(epl_task *t)
{
	if (t->status == EPL_TASK_WAITING && !t->patient && epl_cancel_pending(t)) ep_op_cancel(t->op, EP_ECANCELLED);
}

/* --- coroutines of the script: a wait inside goes outward through them, and the wake-up back in --- */

static int resume_inner(lua_State *L, lua_State *co, int nargs, lua_KFunction k, lua_KContext ctx, int *nres)
{
	epl_task *t = epl_state_of(L)->current;
	lua_State *blocked_in = t ? t->blocked_in : NULL;
	if (t && !lua_isyieldable(L)) t->blocked_in = L;
	int status = lua_resume(co, L, nargs, nres);
	if (t) t->blocked_in = blocked_in;
	return waits(co) ? yield_wait(L, ctx, k) : status;
}

static bool can_resume(lua_State *L, lua_State *co, int nargs)
{
	if (!lua_checkstack(co, nargs + 1)) return lua_pushliteral(L, "too many arguments to resume"), false;
	if (co == L) return lua_pushliteral(L, "cannot resume non-suspended coroutine"), false;
	if (waits(co)) return lua_pushliteral(L, "cannot resume a coroutine that waits"), false;
	if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
		return lua_pushliteral(L, "cannot resume dead coroutine"), false;
	return true;
}

static int move_results(lua_State *L, lua_State *co, int nres)
{
	if (!lua_checkstack(L, nres + 1)) {
		lua_pop(co, nres);
		return luaL_error(L, "too many results to resume");
	}
	lua_xmove(co, L, nres);
	return nres;
}

static int resume_ended(lua_State *L, lua_State *co, int status, int nres)
{
	epl_task *t = epl_state_of(L)->current;
	if (status == LUA_OK || status == LUA_YIELD) {
		lua_pushboolean(L, 1);
		return 1 + move_results(L, co, nres);
	}
	lua_xmove(co, L, 1);
	if (t && t->unwinding) { /* the cancel goes on outward; what the coroutine had open is closed */
		lua_resetthread(co);
		return lua_error(L);
	}
	lua_pushboolean(L, 0);
	lua_insert(L, -2);
	return 2;
}

static int resume_k(lua_State *L, int status, lua_KContext ctx)
{
	lua_State *co = lua_tothread(L, 1);
	int nres;
	(void)ctx;
	woken(L);
	status = resume_inner(L, co, 0, resume_k, 0, &nres);
	return resume_ended(L, co, status, nres);
}

static int co_resume(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);
	int nargs = lua_gettop(L) - 1, nres;
	luaL_argexpected(L, co, 1, "coroutine");
	if (!can_resume(L, co, nargs)) {
		lua_pushboolean(L, 0);
		lua_insert(L, -2);
		return 2;
	}
	lua_xmove(L, co, nargs);
	int status = resume_inner(L, co, nargs, resume_k, 0, &nres);
	return resume_ended(L, co, status, nres);
}

/* Errors leave a wrapped coroutine with the place of the call in front, as in Lua's own wrap. */
static int wrap_ended(lua_State *L, lua_State *co, int status, int nres)
{
	if (status == LUA_OK || status == LUA_YIELD) return move_results(L, co, nres);
	lua_xmove(co, L, 1);
	int closed = lua_resetthread(co); /* closes its pending variables; may put another error there */
	if (closed != LUA_OK && closed != status) lua_xmove(co, L, 1);
	if (lua_type(L, -1) == LUA_TSTRING && status != LUA_ERRMEM) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

static int wrapped_k(lua_State *L, int status, lua_KContext ctx)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	int nres;
	(void)ctx;
	woken(L);
	status = resume_inner(L, co, 0, wrapped_k, 0, &nres);
	return wrap_ended(L, co, status, nres);
}

static int wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	int nargs = lua_gettop(L), nres;
	if (!can_resume(L, co, nargs)) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
		return lua_error(L);
	}
	lua_xmove(L, co, nargs);
	int status = resume_inner(L, co, nargs, wrapped_k, 0, &nres);
	return wrap_ended(L, co, status, nres);
}

static int co_wrap(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_State *co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

/* Nobody might ever come back to a scope that is left by a yield: its tasks would belong to nothing. The coroutine of a task
 * itself yields to the loop. */
static int co_yield (lua_State *L)
{
	const epl_task *t = epl_state_of(L)->current;
	if (t && t->scope->in == L && L != t->co)
		return luaL_error(L,
			"cannot yield here: the coroutine is in a scope (task.scope, timeout, shield) that it opened "
			"itself; yield outside of it, or hand the values over by a channel");
	return lua_yield(L, lua_gettop(L));
}

/* coroutine.status(co): one that waits is not suspended, since only the end of its wait resumes it. */
static int co_status(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);
	if (!co || !waits(co)) return lua_tocfunction(L, lua_upvalueindex(1))(L);
	lua_pushliteral(L, "normal");
	return 1;
}

static int co_close(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);
	if (co && waits(co)) return luaL_error(L, "cannot close a coroutine that waits: cancel the task that runs it");
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static const luaL_Reg coroutines[] = {{"resume", co_resume}, {"wrap", co_wrap}, {NULL, NULL}};
static const luaL_Reg checked[] = {{"status", co_status}, {"close", co_close}, {NULL, NULL}};

void epl_open_co(lua_State *L)
{
	lua_getglobal(L, "coroutine");
	epl_set_all_waiting(L, coroutines);
	epl_let_wait(L, wrapped, 0);
	lua_pushcfunction(L, co_yield );
	lua_setfield(L, -2, "yield");
	for (const luaL_Reg *r = checked; r->name; r++) { /* Lua's own is the upvalue */
		lua_getfield(L, -1, r->name);
		lua_pushcclosure(L, r->func, 1);
		lua_setfield(L, -2, r->name);
	}
	lua_pop(L, 1);
}

void epl_job_init(epl_task *t) { ep_job_init(&t->job, run_job); }
