/* SPDX-License-Identifier: Apache-2.0 */
/* Lua's library `coroutine` where tasks run: a wait inside a coroutine of the script goes outward through those that resumed
 * it, and the wake-up back in. */
#include "bindings/stdlib.h"
#include "bindings/task.h"

static bool can_resume(lua_State *L, lua_State *co, int nargs)
{
	if (!lua_checkstack(co, nargs + 1)) return lua_pushliteral(L, "too many arguments to resume"), false;
	if (co == L) return lua_pushliteral(L, "cannot resume non-suspended coroutine"), false;
	if (epl_waits(co)) return lua_pushliteral(L, "cannot resume a coroutine that waits"), false;
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
	status = epl_resume_again(L, co, resume_k, &nres);
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
	int status = epl_resume_inner(L, co, nargs, resume_k, &nres);
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
	status = epl_resume_again(L, co, wrapped_k, &nres);
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
	int status = epl_resume_inner(L, co, nargs, wrapped_k, &nres);
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

/* coroutine.status(co): one that waits is not suspended, since only the end of its wait resumes it. */
static int co_status(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);
	if (!co || !epl_waits(co)) return lua_tocfunction(L, lua_upvalueindex(1))(L);
	lua_pushliteral(L, "normal");
	return 1;
}

static int co_close(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);
	if (co && epl_waits(co)) return luaL_error(L, "cannot close a coroutine that waits: cancel the task that runs it");
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static const luaL_Reg coroutines[] = {{"resume", co_resume}, {"wrap", co_wrap}, {NULL, NULL}};
static const luaL_Reg checked[] = {{"status", co_status}, {"close", co_close}, {NULL, NULL}};

void epl_open_co(lua_State *L)
{
	lua_getglobal(L, "coroutine");
	epl_set_all_waiting(L, coroutines);
	epl_let_wait(L, wrapped, 0);
	lua_pushcfunction(L, epl_yield_outward);
	lua_setfield(L, -2, "yield");
	for (const luaL_Reg *r = checked; r->name; r++) { /* Lua's own is the upvalue */
		lua_getfield(L, -1, r->name);
		lua_pushcclosure(L, r->func, 1);
		lua_setfield(L, -2, r->name);
	}
	lua_pop(L, 1);
}
