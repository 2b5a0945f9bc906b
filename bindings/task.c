/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and scopes: spawn, join, cancel, deadlines. Face: lua/epact/task.lua; resuming and waiting: co.c. */
#include <string.h>

#include "bindings/task.h"
#include "bindings/wait.h"
#include "runtime/base/mem.h"

#define TASK EPL_TASK
#define SCOPE EPL_SCOPE

static epl_task *current(lua_State *L)
{
	epl_check_can_wait(L);
	return epl_state_of(L)->current;
}

/* --- scopes --- */

static void scope_init(epl_scope *s, epl_scope *parent, epl_task *t)
{
	*s = (epl_scope){.parent = parent, .task = t, .open = true};
	s->failure = s->trace = s->others = LUA_NOREF;
	ep_node_init(&s->scopes);
	ep_node_init(&s->link);
	ep_node_init(&s->joiners);
	if (parent) ep_list_push(&parent->scopes, &s->link);
}

/* Takes the scope out of the tree; errors it kept are let go. */
void epl_scope_fini(lua_State *L, epl_scope *s)
{
	if (!s->open) return;
	s->open = false;
	ep_timer_stop(s->task->st->loop, &s->deadline);
	ep_node_unlink(&s->link);
	luaL_unref(L, LUA_REGISTRYINDEX, s->failure);
	luaL_unref(L, LUA_REGISTRYINDEX, s->trace);
	luaL_unref(L, LUA_REGISTRYINDEX, s->others);
	s->failure = s->trace = s->others = LUA_NOREF;
	if (s->owns_reason) ep_free((char *)s->reason);
	s->owns_reason = false;
	s->reason = NULL;
	if (s->listed) epl_nursery_fini(L, (epl_nursery *)s);
}

/* Scopes may nest as deep as tasks do, so the walk does not recurse. */
epl_scope *epl_scope_next(epl_scope *top, epl_scope *s, bool descend)
{
	if (descend && !ep_list_empty(&s->scopes)) return EP_CONTAINER(s->scopes.next, epl_scope, link);
	for (; s != top; s = s->parent)
		if (s->link.next != &s->parent->scopes) return EP_CONTAINER(s->link.next, epl_scope, link);
	return NULL;
}

void epl_scope_interrupt(epl_scope *top)
{
	for (epl_scope *s = top; s; s = epl_scope_next(top, s, s == top || !s->shield))
		if (s->task->scope == s && (s == top || !s->shield)) epl_task_interrupt(s->task);
}

void epl_scope_cancel(epl_scope *s, const char *reason)
{
	if (s->cancelled || !s->open) return;
	s->cancelled = true;
	s->reason = reason;
	epl_scope_interrupt(s);
}

/* cancel([reason]) of a task or a scope; the text is copied. */
static void cancel_for(lua_State *L, epl_scope *s, int arg, const char *otherwise)
{
	const char *given = luaL_optstring(L, arg, NULL);
	if (s->cancelled || !s->open) return;
	char *copy = given ? ep_strdup(given) : NULL;
	if (given && !copy) luaL_error(L, "not enough memory");
	s->owns_reason = copy != NULL;
	epl_scope_cancel(s, copy ? copy : otherwise);
}

/* Daemons end when nothing else is left in their scope. */
static void cancel_daemons(epl_scope *s)
{
	for (ep_node *n = s->scopes.next; n != &s->scopes; n = n->next) {
		epl_scope *inner = EP_CONTAINER(n, epl_scope, link);
		if (inner == &inner->task->own && inner->task->daemon) epl_scope_cancel(inner, "its scope has ended");
	}
}

void epl_scope_child_ended(epl_scope *s, epl_task *t)
{
	s->children--;
	if (t->daemon) s->daemons--;
	if (t->status == EPL_TASK_CANCELLED && !t->own.cancelled && !t->daemon) s->child_cancelled = true;
	if (t->number) {
		epl_nursery *n = (epl_nursery *)s;
		n->live--;
		epl_wake_all(&n->waiters);
	}
	bool joined = !ep_list_empty(&s->joiners);
	if (joined && s->children == s->daemons) cancel_daemons(s);
	if (!s->children) ep_signal_all(&s->joiners, 0);
}

/* Keeps the error on the top of the stack, which is popped, as what the scope fails with, and cancels it. */
static void scope_fail(lua_State *L, epl_scope *s, const char *trace)
{
	if (s->failure == LUA_NOREF) {
		lua_pushstring(L, trace);
		s->trace = luaL_ref(L, LUA_REGISTRYINDEX);
		s->failure = luaL_ref(L, LUA_REGISTRYINDEX);
		epl_scope_cancel(s, "another task of its scope failed");
		return;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->failure);
	bool same = lua_rawequal(L, -1, -2);
	lua_pop(L, same ? 2 : 1);
	if (same) return;
	if (s->others == LUA_NOREF) {
		lua_newtable(L);
		s->others = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->others);
	lua_insert(L, -2);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	lua_pop(L, 1);
}

static void on_scope_deadline(ep_timer *timer)
{
	epl_scope *s = EP_CONTAINER(timer, epl_scope, deadline);
	if (s->cancelled) return;
	s->timed_out = true;
	epl_scope_cancel(s, "its time was up");
}

static void set_deadline(lua_State *L, epl_scope *s, lua_Number seconds)
{
	if (ep_timer_start(s->task->st->loop, &s->deadline, ep_seconds(seconds), on_scope_deadline))
		luaL_error(L, "not enough memory");
}

/* --- the end of a scope --- */

static bool is_cancel(lua_State *L, epl_task *t)
{
	if (!t->unwinding || !lua_istable(L, -1)) return false;
	lua_getfield(L, -1, "code");
	bool is = lua_type(L, -1) == LUA_TSTRING && !strcmp(lua_tostring(L, -1), "cancelled");
	lua_pop(L, 1);
	return is;
}

/* The traceback that belongs to the error on the top: kept when it was raised, else none. */
static const char *trace_of(lua_State *L, epl_task *t)
{
	const char *trace = "";
	epl_task_push(L, t);
	lua_getiuservalue(L, -1, EPL_TASK_ERROR);
	if (lua_rawequal(L, -1, -3)) {
		lua_getiuservalue(L, -2, EPL_TASK_TRACE);
		if (lua_isstring(L, -1)) trace = lua_tostring(L, -1); /* anchored by the user value */
		lua_pop(L, 1);
	}
	lua_pop(L, 2);
	return trace;
}

/* The traceback of an error that leaves the scope: its own, and where the scope was opened. */
static void keep_trace_of(lua_State *L, epl_task *t, const epl_scope *s)
{
	int error = lua_gettop(L);
	epl_task_push(L, t);
	lua_pushvalue(L, error);
	lua_setiuservalue(L, -2, EPL_TASK_ERROR);
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->trace);
	if (s != &t->own) {
		luaL_traceback(L, L, "\n[in a scope]", 1);
		lua_concat(L, 2);
	}
	lua_setiuservalue(L, -2, EPL_TASK_TRACE);
	lua_pop(L, 1);
}

static void leave(lua_State *L, epl_task *t, epl_scope *s)
{
	t->scope = s->parent;
	epl_scope_fini(L, s);
}

static void restore_unwinding(epl_task *t, const epl_scope *s)
{
	if (s->outer_unwinding) {
		t->unwinding = true;
		t->unwound = s->outer_unwound;
	} else if (t->unwinding) {
		epl_stop_unwinding(t);
	}
}

/* True when the task would meet a cancel behind s too: then s does not absorb the one that ended its body. */
static bool cancelled_outside(epl_task *t, epl_scope *s)
{
	bool unwinding = t->unwinding;
	lua_Integer unwound = t->unwound;
	t->scope = s->parent;
	t->unwinding = s->outer_unwinding;
	t->unwound = s->outer_unwound;
	bool pending = epl_cancel_pending(t);
	t->scope = s;
	t->unwinding = unwinding;
	t->unwound = unwound;
	return pending;
}

static int raise_failure(lua_State *L, epl_task *t, epl_scope *s)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->failure);
	if (s->others != LUA_NOREF && lua_istable(L, -1)) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, s->others);
		lua_setfield(L, -2, "others");
	}
	keep_trace_of(L, t, s);
	/* Behind a cancel the failure unwinds in its place: the waits of clean-up outside must not replace it. */
	if (!s->outer_unwinding && cancelled_outside(t, s))
		epl_start_unwinding(t);
	else
		restore_unwinding(t, s);
	leave(L, t, s);
	return lua_error(L);
}

/* True when a cancel ended the body, or one from outside a child: what the body returned may then lack its part. */
static bool cut_short(epl_task *t, epl_scope *s)
{
	if (s->body_cancelled || !s->child_cancelled) return s->body_cancelled;
	return cancelled_outside(t, s) || (s == &t->own && s->cancelled);
}

/* All children have ended; the body's results are on the stack, from 2 on. */
static int scope_left(lua_State *L, epl_task *t, epl_scope *s)
{
	bool timed_out = s->timed_out && (s->body_cancelled || s->child_cancelled);
	bool cancelled = cut_short(t, s);
	if (s->failure != LUA_NOREF) return raise_failure(L, t, s);
	bool absorbs = s->cancelled && s != &t->own && !cancelled_outside(t, s);
	if (cancelled && !absorbs) {
		const char *reason = lua_pushstring(L, epl_cancel_reason(t)); /* leaving frees it */
		leave(L, t, s);
		return epl_raise_cancel(L, t, reason);
	}
	restore_unwinding(t, s);
	leave(L, t, s);
	if (timed_out) return epl_raise_code(L, EP_ETIMEOUT, "the time was up");
	return cancelled ? 0 : lua_gettop(L) - 1;
}

static int join(lua_State *L, epl_task *t, epl_scope *s);

static int on_children_ended(lua_State *L, ep_op *op)
{
	(void)op;
	epl_task *t = epl_state_of(L)->current;
	return join(L, t, t->scope);
}

static int join(lua_State *L, epl_task *t, epl_scope *s)
{
	if (!s->children) return scope_left(L, t, s);
	ep_signal *all = ep_signal_start(t->st->loop, &s->joiners);
	if (!all) return luaL_error(L, "not enough memory");
	if (s->children == s->daemons) cancel_daemons(s);
	return epl_await_patient(L, &all->op, on_children_ended);
}

/* Behind the body of a scope: below are one value that keeps the scope alive, and the message handler. */
static int scope_body_k(lua_State *L, int status, lua_KContext serial)
{
	epl_task *t = epl_state_of(L)->current;
	epl_scope *s = t->scope;
	(void)serial;
	if (status == LUA_OK || status == LUA_YIELD) {
		lua_remove(L, 2); /* the handler */
		return join(L, t, s);
	}
	if (is_cancel(L, t))
		s->body_cancelled = true;
	else
		scope_fail(L, s, trace_of(L, t));
	lua_settop(L, 1);
	return join(L, t, s);
}

/* Runs the function below its nargs arguments in the scope; at index 1 is what keeps the scope alive. */
static int run_in(lua_State *L, epl_task *t, epl_scope *s, int nargs)
{
	s->serial = t->protections + 1;
	s->outer_unwinding = t->unwinding;
	s->outer_unwound = t->unwound;
	t->scope = s;
	return epl_protected(L, nargs, scope_body_k);
}

static epl_scope *push_scope(lua_State *L, epl_task *t)
{
	epl_nursery *n = lua_newuserdatauv(L, sizeof *n, 0);
	*n = (epl_nursery){.kept = LUA_NOREF, .first = 1};
	ep_node_init(&n->waiters);
	scope_init(&n->scope, t->scope, t);
	n->scope.listed = true;
	luaL_setmetatable(L, SCOPE);
	return &n->scope;
}

/* scope(fn, ...): calls fn(s, ...) */
static int task_scope(lua_State *L)
{
	epl_task *t = current(L);
	luaL_checktype(L, 1, LUA_TFUNCTION);
	epl_scope *s = push_scope(L, t);
	lua_insert(L, 1);
	lua_pushvalue(L, 1);
	lua_insert(L, 3);
	return run_in(L, t, s, lua_gettop(L) - 2);
}

static int run_limited(lua_State *L, bool shield)
{
	epl_task *t = current(L);
	lua_Number seconds = luaL_checknumber(L, 1);
	luaL_argcheck(L, seconds >= 0, 1, "must be a number of seconds, 0 or more");
	luaL_checktype(L, 2, LUA_TFUNCTION);
	epl_scope *s = push_scope(L, t);
	lua_replace(L, 1);
	s->shield = shield;
	set_deadline(L, s, seconds);
	return run_in(L, t, s, lua_gettop(L) - 2);
}

/* timeout(seconds, fn, ...), shield(seconds, fn, ...) */
static int task_timeout(lua_State *L) { return run_limited(L, false); }
static int task_shield(lua_State *L) { return run_limited(L, true); }

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
		return join(L, t, &t->own);
	}
	return run_in(L, t, &t->own, lua_gettop(L) - 2);
}

static int report_k(lua_State *L, int status, lua_KContext ctx)
{
	epl_task *t = epl_state_of(L)->current;
	(void)ctx;
	if (status == LUA_OK || status == LUA_YIELD) {
		if (t->number) epl_nursery_keep(L, t);
		return lua_gettop(L);
	}
	t->status = is_cancel(L, t) ? EPL_TASK_CANCELLED : EPL_TASK_FAILED;
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
			lua_pushfstring(L, "%s\n[task '%s' spawned at %s]", trace_of(L, t), name, where);
		else
			lua_pushfstring(L, "%s\n[task spawned at %s]", trace_of(L, t), where ? where : "?");
		lua_insert(L, -2);
		scope_fail(L, t->own.parent, lua_tostring(L, -2));
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
	lua_Debug ar = {.currentline = 0}, own = {.currentline = 0};
	for (int level = 1; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline > 0 && strncmp(ar.source, "@epact/", 7) != 0) break;
		if (ar.currentline > 0 && !own.currentline) own = ar;
		ar.currentline = 0;
	}
	if (ar.currentline <= 0) ar = own;
	if (ar.currentline > 0)
		lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
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
	scope_init(&t->own, parent, t);
	t->scope = &t->own;
	epl_job_init(t);
	t->status = EPL_TASK_READY;
	st->tasks++;
	if (parent) parent->children++;
	ep_loop_ready(st->loop, &t->job);
	return t;
}

static epl_task *spawn(lua_State *L, epl_scope *s, int fn)
{
	luaL_checktype(L, fn, LUA_TFUNCTION);
	if (!s->open) luaL_error(L, "the scope has ended: nothing can be spawned in it");
	return new_task(L, s, lua_gettop(L) - fn);
}

/* spawn(fn, ...) -> task */
static int task_spawn(lua_State *L)
{
	spawn(L, current(L)->scope, 1);
	return 1;
}

/* Counts a task that a spawn method of its scope made among those of collect and each. */
static void list(epl_task *t)
{
	epl_nursery *n = (epl_nursery *)t->own.parent;
	t->number = ++n->spawned;
	n->live++;
}

static int scope_spawn(lua_State *L)
{
	list(spawn(L, epl_check(L, 1, SCOPE), 2));
	return 1;
}

/* spawn_try(fn, ...): a failure is not one of the task; upvalue 1 is pcall */
static int scope_spawn_try(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 2);
	return scope_spawn(L);
}

static int scope_spawn_daemon(lua_State *L)
{
	epl_scope *s = epl_check(L, 1, SCOPE);
	spawn(L, s, 2)->daemon = true;
	s->daemons++;
	return 1;
}

static int scope_deadline(lua_State *L)
{
	epl_scope *s = epl_check(L, 1, SCOPE);
	lua_Number seconds = luaL_checknumber(L, 2);
	luaL_argcheck(L, seconds >= 0, 2, "must be a number of seconds, 0 or more");
	if (!s->open) return luaL_error(L, "the scope has ended");
	set_deadline(L, s, seconds);
	return 0;
}

static int scope_cancel(lua_State *L)
{
	cancel_for(L, epl_check(L, 1, SCOPE), 2, "its scope was cancelled");
	return 0;
}

static int scope_gc(lua_State *L)
{
	epl_scope_fini(L, epl_check(L, 1, SCOPE));
	return 0;
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
	cancel_for(L, &t->own, 2, "it was cancelled");
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

/* --- the root --- */

void epl_root_start(epl_state *st, int nargs, void (*on_done)(void *arg), void *arg)
{
	epl_task *t = new_task(st->L, NULL, nargs);
	lua_pop(st->L, 1);
	st->on_root_done = on_done;
	st->root_done_arg = arg;
	st->root = t;
}

void epl_root_cancel(epl_state *st, const char *reason)
{
	if (st->root && !has_ended(st->root)) epl_scope_cancel(&st->root->own, reason);
}

typedef struct result {
	epl_task *task;
	char *message, *traceback;
	int returned;
} result;

static int read_result(lua_State *L)
{
	result *r = lua_touserdata(L, 1);
	epl_task *t = r->task;
	if (lua_gettop(t->co) == 0) return 0;
	if (t->status == EPL_TASK_DONE) {
		r->returned = (int)lua_tointeger(t->co, 1);
		return 0;
	}
	lua_pushvalue(t->co, -1);
	lua_xmove(t->co, L, 1);
	const char *trace = trace_of(L, t);
	r->traceback = *trace ? ep_strdup(trace) : NULL;
	r->message = ep_strdup(luaL_tolstring(L, -1, NULL));
	return 0;
}

int epl_root_result(epl_state *st, char **message, char **traceback, int *returned)
{
	static const int codes[] = {[EPL_TASK_DONE] = 0, [EPL_TASK_FAILED] = EP_EIO, [EPL_TASK_CANCELLED] = EP_ECANCELLED};
	result r = {.task = st->root};
	lua_pushcfunction(st->L, read_result);
	lua_pushlightuserdata(st->L, &r);
	if (lua_pcall(st->L, 1, 0, 0)) lua_pop(st->L, 1); /* no memory for the words: the code stays */
	*message = r.message;
	*traceback = r.traceback;
	*returned = r.returned;
	return codes[st->root->status];
}

/* --- the module --- */

static const luaL_Reg task_methods[] = {
	{"await", task_await}, {"cancel", task_cancel}, {"status", task_status}, {"name", task_name}, {NULL, NULL}};
static const luaL_Reg task_meta[] = {{"__gc", task_gc}, {"__tostring", task_tostring}, {NULL, NULL}};
static const luaL_Reg scope_methods[] = {{"spawn", scope_spawn}, {"spawn_daemon", scope_spawn_daemon},
	{"deadline", scope_deadline}, {"cancel", scope_cancel}, {NULL, NULL}};
static const luaL_Reg scope_meta[] = {{"__gc", scope_gc}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"spawn", task_spawn}, {"scope", task_scope}, {"timeout", task_timeout},
	{"shield", task_shield}, {"sleep", task_sleep}, {"current", task_current}, {"yield", epl_yield}, {"now", task_now},
	{NULL, NULL}};

static void open_names(lua_State *L)
{
	push_names(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

static void open_spawn_try(lua_State *L)
{
	luaL_getmetatable(L, SCOPE);
	lua_getfield(L, -1, "__index");
	lua_getglobal(L, "pcall");
	lua_pushcclosure(L, scope_spawn_try, 1);
	lua_setfield(L, -2, "spawn_try");
	lua_pop(L, 2);
}

int epl_open_task(lua_State *L)
{
	epl_type(L, TASK, task_methods, task_meta);
	epl_type(L, SCOPE, scope_methods, scope_meta);
	open_names(L);
	open_spawn_try(L);
	luaL_newlib(L, functions);
	epl_open_wait(L);
	epl_open_event(L);
	epl_open_collect(L);
	return 1;
}
