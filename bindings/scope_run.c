/* SPDX-License-Identifier: Apache-2.0 */
/* Code in a scope: how its body is run, how its children are waited for, and what of a failure or a cancel goes on
 * outward. */
#include <string.h>

#include "bindings/task.h"
#include "bindings/trace.h"

/* --- the end of a scope --- */

bool epl_task_unwinds_with_top(lua_State *L, epl_task *t)
{
	if (!t->unwinding || !lua_istable(L, -1)) return false;
	lua_getfield(L, -1, "code");
	bool is = lua_type(L, -1) == LUA_TSTRING && !strcmp(lua_tostring(L, -1), "cancelled");
	lua_pop(L, 1);
	return is;
}

/* The traceback that belongs to the error on the top: kept when it was raised, else none. */
const char *epl_task_trace(lua_State *L, epl_task *t)
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
		epl_push_trace(L, "\n[in a scope]");
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
	double limit = timed_out ? ((const epl_nursery *)s)->limit : 0;
	restore_unwinding(t, s);
	leave(L, t, s);
	if (timed_out) return epl_raise_code(L, EP_ETIMEOUT, "the time was up: not done within %g s", limit);
	return cancelled ? 0 : lua_gettop(L) - 1;
}

static int on_children_ended(lua_State *L, ep_op *op)
{
	(void)op;
	epl_task *t = epl_state_of(L)->current;
	return epl_scope_join(L, t, t->scope);
}

int epl_scope_join(lua_State *L, epl_task *t, epl_scope *s)
{
	if (!s->children) return scope_left(L, t, s);
	ep_signal *all = ep_signal_start(t->st->loop, &s->joiners);
	if (!all) return luaL_error(L, "not enough memory");
	if (s->children == s->daemons) epl_scope_cancel_daemons(s);
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
		return epl_scope_join(L, t, s);
	}
	if (epl_task_unwinds_with_top(L, t))
		s->body_cancelled = true;
	else
		epl_scope_fail(L, s, epl_task_trace(L, t));
	lua_settop(L, 1);
	return epl_scope_join(L, t, s);
}

/* Runs the function below its nargs arguments in the scope; at index 1 is what keeps the scope alive. */
int epl_scope_run(lua_State *L, epl_task *t, epl_scope *s, int nargs)
{
	s->in = L;
	s->serial = t->st->protections + 1;
	s->outer_unwinding = t->unwinding;
	s->outer_unwound = t->unwound;
	t->scope = s;
	return epl_protected(L, nargs, scope_body_k);
}
