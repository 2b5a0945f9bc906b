/* SPDX-License-Identifier: Apache-2.0 */
/* Protected calls, which know of cancels: pcall and xpcall let the cancel of their task pass. */
#include "bindings/stdlib.h"
#include "bindings/task.h"
#include "bindings/trace.h"

/* The message handler: keeps the traceback in the task, once for an error however often it is raised again. */
static int keep_trace(lua_State *L)
{
	epl_task *t = epl_state_of(L)->current;
	if (!t || t->unwinding) return 1;
	epl_blame_script(L);
	epl_task_push(L, t);
	if (lua_isnil(L, -1)) return lua_settop(L, 1), 1;
	lua_getiuservalue(L, -1, EPL_TASK_ERROR);
	if (!lua_rawequal(L, -1, 1)) {
		epl_push_trace(L, NULL);
		lua_setiuservalue(L, 2, EPL_TASK_TRACE);
		lua_pushvalue(L, 1);
		lua_setiuservalue(L, 2, EPL_TASK_ERROR);
	}
	lua_settop(L, 1);
	return 1;
}

int epl_protected(lua_State *L, int nargs, lua_KFunction k)
{
	epl_task *t = epl_state_of(L)->current;
	lua_KContext serial = (lua_KContext)++t->st->protections;
	int handler = lua_gettop(L) - nargs;
	lua_pushcfunction(L, keep_trace);
	lua_insert(L, handler);
	return k(L, lua_pcallk(L, nargs, LUA_MULTRET, handler, serial, k), serial);
}

static lua_KContext enter(lua_State *L)
{
	epl_task *t = epl_state_of(L)->current;
	return t ? (lua_KContext)++t->st->protections : 0;
}

/* True when the error that a protected call caught is the cancel of its task on its way out. */
static bool unwinds_through(epl_task *t, lua_KContext serial) { return t && t->unwinding && serial <= t->unwound; }

static bool has_failed(int status) { return status != LUA_OK && status != LUA_YIELD; }

/* The results of a failure: false and the error on the top. */
static int push_failure(lua_State *L)
{
	lua_pushboolean(L, 0);
	lua_insert(L, -2);
	return 2;
}

/* The message handler of pcall: what epact's own Lua was called with is the script's mistake, on the script's line. */
static int blame_script(lua_State *L)
{
	epl_blame_script(L);
	return 1;
}

static int pcall_k(lua_State *L, int status, lua_KContext serial)
{
	if (!has_failed(status)) return lua_gettop(L) - 1; /* behind the handler: the true, then the results */
	return unwinds_through(epl_state_of(L)->current, serial) ? lua_error(L) : push_failure(L);
}

/* Calls the function at 1 with the arguments behind it; the handler and a true go below its results. */
static int protected_call(lua_State *L, lua_KFunction k)
{
	luaL_checkany(L, 1);
	lua_pushcfunction(L, blame_script);
	lua_pushboolean(L, 1);
	lua_rotate(L, 1, 2);
	lua_KContext serial = enter(L);
	return k(L, lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 1, serial, k), serial);
}

static int co_pcall(lua_State *L) { return protected_call(L, pcall_k); }

static int xpcall_k(lua_State *L, int status, lua_KContext serial)
{
	if (!has_failed(status)) return lua_gettop(L) - 2; /* behind f and the handler */
	return unwinds_through(epl_state_of(L)->current, serial) ? lua_error(L) : push_failure(L);
}

static int co_xpcall(lua_State *L)
{
	int n = lua_gettop(L);
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushboolean(L, 1);
	lua_pushvalue(L, 1);
	lua_rotate(L, 3, 2); /* f handler true f args... */
	lua_KContext serial = enter(L);
	return xpcall_k(L, lua_pcallk(L, n - 2, LUA_MULTRET, 2, serial, xpcall_k), serial);
}

/* The one protected call that a cancel does not pass: the task meets it again at its next wait. */
static int rawpcall_k(lua_State *L, int status, lua_KContext serial)
{
	epl_task *t = epl_state_of(L)->current;
	if (!has_failed(status)) return lua_gettop(L) - 1;
	if (unwinds_through(t, serial)) epl_stop_unwinding(t);
	return push_failure(L);
}

static int co_rawpcall(lua_State *L) { return protected_call(L, rawpcall_k); }

static const luaL_Reg globals[] = {{"pcall", co_pcall}, {"xpcall", co_xpcall}, {"rawpcall", co_rawpcall}, {NULL, NULL}};

void epl_open_protected(lua_State *L)
{
	lua_pushglobaltable(L);
	epl_set_all_waiting(L, globals);
	lua_pop(L, 1);
}
