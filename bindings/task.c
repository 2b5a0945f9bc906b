/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: spawning, awaiting, results, those that the host started. Face: lua/epact/task.lua; scopes: scope.c; resuming and waiting: co.c. */
#include <string.h>

#include "bindings/task.h"
#include "bindings/trace.h"
#include "bindings/wait.h"
#include "runtime/base/mem.h"

#define TASK EPL_TASK

epl_task *epl_task_running(lua_State *L)
{
	epl_check_can_wait(L);
	return epl_state_of(L)->current;
}

/* --- tasks --- */

/* The first function of every task's coroutine: the body is below its arguments. */
static int task_main(lua_State *L)
{
	epl_task *t = epl_state_of(L)->current;
	lua_pushnil(L); /* where a scope's object would be */
	lua_insert(L, 1);
	if (epl_cancel_pending(t)) {
		lua_settop(L, 1);
		t->own.body_cancelled = true;
		return epl_scope_join(L, t, &t->own);
	}
	return epl_scope_run(L, t, &t->own, lua_gettop(L) - 2);
}

static int report_k(lua_State *L, int status, lua_KContext ctx)
{
	epl_task *t = epl_state_of(L)->current;
	(void)ctx;
	if (status == LUA_OK || status == LUA_YIELD) {
		if (t->number) epl_nursery_keep(L, t);
		return lua_gettop(L);
	}
	t->status = epl_task_unwinds_with_top(L, t) ? EPL_TASK_CANCELLED : EPL_TASK_FAILED;
	if (t->number) epl_nursery_keep(L, t);
	if (t->status == EPL_TASK_CANCELLED) return lua_error(L);
	if (t->own.parent) {
		epl_task_push(L, t);
		lua_getiuservalue(L, -1, EPL_TASK_WHERE);
		const char *where = lua_tostring(L, -1);
		epl_task_name(L, -2);
		const char *name = lua_tostring(L, -1);
		lua_pushvalue(L, -4);
		if (name)
			lua_pushfstring(L, "%s\n[task '%s' spawned at %s]", epl_task_trace(L, t), name, where);
		else
			lua_pushfstring(L, "%s\n[task spawned at %s]", epl_task_trace(L, t), where ? where : "?");
		lua_insert(L, -2);
		epl_scope_fail(L, t->own.parent, lua_tostring(L, -2));
		lua_settop(L, -4);
	}
	return lua_error(L);
}

/* Around task_main, so that a failure is recorded while Lua can still allocate safely. */
static int task_entry(lua_State *L)
{
	lua_pushcfunction(L, task_main);
	lua_insert(L, 1);
	return report_k(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, report_k), 0);
}

/* Pushes "file:line" of the nearest Lua code that is not of this library itself. */
static void push_where(lua_State *L)
{
	lua_Debug place;
	if (epl_find_place(L, 1, &place))
		lua_pushfstring(L, "%s:%d", place.short_src, place.currentline);
	else
		lua_pushliteral(L, "?");
}

/* Makes a task of the function and its nargs arguments on the top, which are popped; pushes its object. */
static epl_task *new_task(lua_State *L, epl_scope *parent, int nargs)
{
	epl_state *st = epl_state_of(L);
	epl_task *t = lua_newuserdatauv(L, sizeof *t, EPL_TASK_VALUES);
	*t = (epl_task){.st = st, .status = EPL_TASK_DONE};
	luaL_setmetatable(L, TASK);
	t->co = lua_newthread(L);
	if (!lua_checkstack(t->co, nargs + 2)) luaL_error(L, "too many arguments");
	lua_setiuservalue(L, -2, EPL_TASK_THREAD);
	push_where(L);
	lua_setiuservalue(L, -2, EPL_TASK_WHERE);
	lua_rawgeti(L, LUA_REGISTRYINDEX, st->task_table);
	lua_pushvalue(L, -2);
	t->anchor = luaL_ref(L, -2);
	lua_pop(L, 1);
	lua_insert(L, -(nargs + 2));
	lua_pushcfunction(t->co, task_entry);
	lua_xmove(L, t->co, nargs + 1);
	ep_node_init(&t->waiters);
	epl_scope_init(&t->own, parent, t);
	t->own.of_clean_up = parent && parent->task == st->current && epl_cleans_up(st->current);
	t->scope = &t->own;
	epl_job_init(t);
	t->status = EPL_TASK_READY;
	st->tasks++;
	if (parent) parent->children++;
	ep_loop_ready(st->loop, &t->job);
	return t;
}

epl_task *epl_spawn(lua_State *L, epl_scope *s, int fn)
{
	luaL_checktype(L, fn, LUA_TFUNCTION);
	if (!s->open) luaL_error(L, "the scope has ended: nothing can be spawned in it");
	return new_task(L, s, lua_gettop(L) - fn);
}

/* spawn(fn, ...) -> task */
static int task_spawn(lua_State *L)
{
	epl_spawn(L, epl_task_running(L)->scope, 1);
	return 1;
}

static bool has_ended(const epl_task *t) { return t->status >= EPL_TASK_DONE; }

/* The results stay on the ended coroutine's stack as long as the task's object lives. */
int epl_task_results(lua_State *L, epl_task *t)
{
	int n = lua_gettop(t->co);
	if (t->status != EPL_TASK_DONE) {
		lua_pushvalue(t->co, -1);
		lua_xmove(t->co, L, 1);
		return lua_error(L);
	}
	luaL_checkstack(L, n, "too many results");
	if (!lua_checkstack(t->co, n)) return luaL_error(L, "too many results");
	for (int i = 1; i <= n; i++) lua_pushvalue(t->co, i);
	lua_xmove(t->co, L, n);
	return n;
}

static int on_task_ended(lua_State *L, ep_op *op)
{
	(void)op;
	return epl_task_results(L, lua_touserdata(L, 1));
}

static int task_await(lua_State *L)
{
	epl_task *t = epl_check(L, 1, TASK);
	if (has_ended(t)) return epl_task_results(L, t);
	if (t == epl_state_of(L)->current) return luaL_error(L, "a task can't wait for itself");
	return epl_wait_in(L, &t->waiters, "a task's end", on_task_ended);
}

static int task_cancel(lua_State *L)
{
	epl_task *t = epl_check(L, 1, TASK);
	epl_scope_cancel_for(L, &t->own, 2, "it was cancelled");
	return 0;
}

static const char *const status_names[] = {"ready", "running", "waiting", "done", "failed", "cancelled"};

static int task_status(lua_State *L)
{
	epl_task *t = epl_check(L, 1, TASK);
	lua_pushstring(L, status_names[t->status]);
	return 1;
}

/* Names are in a table with weak keys, since most tasks have none. */
static void push_names(lua_State *L) { luaL_getsubtable(L, LUA_REGISTRYINDEX, "epact.task.names"); }

void epl_task_name(lua_State *L, int index)
{
	index = lua_absindex(L, index);
	push_names(L);
	lua_pushvalue(L, index);
	lua_rawget(L, -2);
	lua_remove(L, -2);
}

/* name() -> string or nil; name(text) -> the task */
static int task_name(lua_State *L)
{
	epl_check(L, 1, TASK);
	if (lua_isnone(L, 2)) return epl_task_name(L, 1), 1;
	luaL_checktype(L, 2, LUA_TSTRING);
	push_names(L);
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 2);
	lua_rawset(L, -3);
	lua_settop(L, 1);
	return 1;
}

static int task_tostring(lua_State *L)
{
	epl_task *t = epl_check(L, 1, TASK);
	lua_getiuservalue(L, 1, EPL_TASK_WHERE);
	epl_task_name(L, 1);
	const char *status = status_names[t->status], *name = lua_tostring(L, -1);
	if (name)
		lua_pushfstring(L, "task '%s' (%s, spawned at %s)", name, status, lua_tostring(L, -2));
	else
		lua_pushfstring(L, "task %p (%s, spawned at %s)", (void *)t, status, lua_tostring(L, -2));
	return 1;
}

/* Only a closing instance collects a task that has not ended. */
static int task_gc(lua_State *L)
{
	epl_task *t = epl_check(L, 1, TASK);
	if (has_ended(t)) return 0;
	ep_job_cancel(&t->job);
	ep_timer_stop(t->st->loop, &t->grace);
	epl_scope_fini(L, &t->own);
	if (t->op) ep_op_release(t->op);
	t->op = NULL;
	t->status = EPL_TASK_CANCELLED;
	return 0;
}

static int task_current(lua_State *L)
{
	epl_task *t = epl_state_of(L)->current;
	if (!t) return 0;
	epl_task_push(L, t);
	return 1;
}

/* sleep(seconds) */
static int task_sleep(lua_State *L)
{
	lua_Number seconds = luaL_checknumber(L, 1);
	luaL_argcheck(L, seconds >= 0, 1, "must be a number of seconds, 0 or more");
	epl_check_can_wait(L);
	ep_op *op = ep_sleep_start(epl_loop(L), ep_seconds(seconds));
	if (!op) return luaL_error(L, "not enough memory");
	return epl_await(L, op, NULL);
}

/* now() -> seconds of a clock that never goes back */
static int task_now(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)ep_loop_now(epl_loop(L)) / 1e9);
	return 1;
}

/* --- what the host started --- */

void epl_call_start(epl_state *st, int nargs, epl_call *call)
{
	epl_task *t = new_task(st->L, NULL, nargs);
	lua_pop(st->L, 1);
	t->call = call;
	call->task = t;
	call->exit_status = -1;
	ep_list_push(&st->calls, &call->link);
}

static void on_give_up(ep_timer *timer)
{
	epl_call *call = EP_CONTAINER(timer, epl_call, give_up);
	call->on_give_up(call);
}

void epl_call_cancel(epl_call *call, const char *reason)
{
	epl_state *st = call->task->st;
	if (has_ended(call->task)) return;
	if (call->on_give_up && !ep_timer_active(&call->give_up))
		ep_timer_start(st->loop, &call->give_up, st->grace + EP_SECOND / 4, on_give_up);
	epl_scope_cancel(&call->task->own, reason);
}

void epl_call_keep(epl_call *call)
{
	call->on_give_up = NULL;
	ep_timer_stop(call->task->st->loop, &call->give_up);
}

void epl_call_detach(epl_call *call)
{
	epl_call_keep(call);
	call->task->call = NULL;
	ep_node_unlink(&call->link);
}

epl_call *epl_call_running(const epl_state *st)
{
	const epl_task *t = st->current;
	while (t && t->own.parent) t = t->own.parent->task;
	return t ? t->call : NULL;
}

int epl_call_results(lua_State *L, const epl_call *call, bool *failed, const char **trace)
{
	epl_task *t = call->task;
	int n = t->status == EPL_TASK_DONE ? lua_gettop(t->co) : 1;
	luaL_checkstack(L, n + 8, "too many results");
	*failed = t->status != EPL_TASK_DONE;
	*trace = "";
	if (*failed && lua_gettop(t->co) == 0) {
		lua_pushliteral(L, "not enough memory");
		return 1;
	}
	for (int i = 1; i <= n; i++) {
		lua_pushvalue(t->co, *failed ? -1 : i);
		lua_xmove(t->co, L, 1);
	}
	if (*failed) *trace = epl_task_trace(L, t);
	return n;
}

/* --- the module --- */

static const luaL_Reg task_methods[] = {
	{"await", task_await}, {"cancel", task_cancel}, {"status", task_status}, {"name", task_name}, {NULL, NULL}};
static const luaL_Reg task_meta[] = {{"__gc", task_gc}, {"__tostring", task_tostring}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"spawn", task_spawn}, {"sleep", task_sleep}, {"current", task_current},
	{"yield", epl_yield}, {"now", task_now}, {NULL, NULL}};

static void open_names(lua_State *L)
{
	push_names(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

int epl_open_task(lua_State *L)
{
	epl_type(L, TASK, task_methods, task_meta);
	open_names(L);
	luaL_newlib(L, functions);
	epl_open_scope(L);
	epl_open_wait(L);
	epl_open_event(L);
	epl_open_collect(L);
	return 1;
}
