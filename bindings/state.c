/* SPDX-License-Identifier: Apache-2.0 */
/* The instance: its Lua state, the modules a script can require, its engines, its end. */
#include "bindings/state.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/lua_modules.h"
#include "bindings/stdlib.h"
#include "bindings/task.h"
#include "runtime/base/mem.h"

epl_state *epl_state_of(lua_State *L) { return *(epl_state **)lua_getextraspace(L); }
ep_loop *epl_loop(lua_State *L) { return epl_state_of(L)->loop; }
ep_secrets *epl_secrets(lua_State *L) { return &epl_state_of(L)->secrets; }

void *epl_engine(lua_State *L, int slot) { return epl_state_of(L)->engines[slot].engine; }

void epl_engine_set(lua_State *L, int slot, void *engine, void (*close)(void *engine))
{
	epl_state *st = epl_state_of(L);
	st->engines[slot].engine = engine;
	st->engines[slot].close = close;
}

/* --- memory --- */

/* The stress build refuses the first try for each new object: Lua then collects everything and asks again. What is
 * not anchored is gone at the next object. Other memory is granted: luaL_Buffer asks without a second try. */
static bool refuse(epl_state *st, size_t type)
{
#ifdef EPACT_STRESS
	if (!st->stress || !type) return false;
	st->refused = !st->refused;
	return st->refused;
#else
	(void)st, (void)type;
	return false;
#endif
}

/* Without p, old is the type of a new object, or 0. */
static void *allocate(void *user, void *p, size_t old, size_t size)
{
	if (!size) {
		ep_free(p);
		return NULL;
	}
	return refuse(user, p ? 0 : old) ? NULL : ep_realloc(p, size);
}

/* --- modules --- */

static const luaL_Reg core[] = {
#define EPL_MODULE(name, open) {name, open},
#include "bindings/modules.def"
#undef EPL_MODULE
	{NULL, NULL}};

static int load_embedded(lua_State *L, const struct epl_lua_module *m)
{
	if (luaL_loadbufferx(L, (const char *)m->data, m->size, m->name, "b")) return lua_error(L);
	lua_pushfstring(L, "embedded:%s", m->name);
	return 2;
}

/* The searcher of modules that are part of epact. */
static int search(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	for (const luaL_Reg *r = core; r->name; r++) {
		if (strcmp(r->name, name) != 0) continue;
		lua_pushcfunction(L, r->func);
		lua_pushliteral(L, "embedded");
		return 2;
	}
	for (const struct epl_lua_module *m = epl_lua_modules; m->name; m++)
		if (!strcmp(m->name, name)) return load_embedded(L, m);
	lua_pushfstring(L, "no module '%s' in epact", name);
	return 1;
}

/* Ours comes first: a file that happens to be named epact/http.lua must not replace it. */
static void add_searcher(lua_State *L)
{
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "searchers");
	for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 1; i--) {
		lua_rawgeti(L, -1, i);
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushcfunction(L, search);
	lua_rawseti(L, -2, 1);
	lua_pop(L, 2);
}

/* os.exit(code): ends the script, not the process: the root is cancelled, clean-up runs, then the host is told. */
static int os_exit(lua_State *L)
{
	epl_state *st = epl_state_of(L);
	if (lua_isboolean(L, 1))
		st->exit_status = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
	else
		st->exit_status = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
	epl_root_cancel(st, "os.exit was called");
	return epl_yield(L);
}

static int open_state(lua_State *L)
{
	epl_state *st = epl_state_of(L);
	luaL_openlibs(L);
	add_searcher(L);
	epl_open_stdlib(L);
	epl_open_co(L);
	epl_open_protected(L);
	lua_getglobal(L, "os");
	lua_pushcfunction(L, os_exit);
	lua_setfield(L, -2, "exit");
	lua_newtable(L);
	st->task_table = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushcfunction(L, epl_open_error); /* their types are used before anybody requires the modules */
	lua_call(L, 0, 0);
	lua_pushcfunction(L, epl_open_task);
	lua_call(L, 0, 0);
	lua_pushcfunction(L, epl_open_secret);
	lua_call(L, 0, 0);
	return 0;
}

/* --- open and close --- */

int epl_state_open(epl_state **out, uv_loop_t *lent, ep_err *err)
{
	int rc;
	epl_state *st = ep_calloc(1, sizeof *st);
	if (!st) return ep_err_set(err, EP_ENOMEM, "no memory for an instance");
	ep_secrets_init(&st->secrets);
	st->grace = 5 * EP_SECOND;
	st->slice = EP_SECOND / 4;
	st->exit_status = -1;
	st->log_level = EPL_LOG_WARN;
	if ((rc = ep_loop_open(&st->loop, lent, err))) goto fail;
	st->L = lua_newstate(allocate, st);
	if (!st->L) {
		rc = ep_err_set(err, EP_ENOMEM, "no memory for a Lua state");
		goto fail_loop;
	}
	*(epl_state **)lua_getextraspace(st->L) = st;
	lua_pushcfunction(st->L, open_state);
	if (lua_pcall(st->L, 0, 0, 0)) {
		rc = ep_err_set(err, EP_ENOMEM, "opening Lua: %s", lua_tostring(st->L, -1));
		goto fail_lua;
	}
#ifdef EPACT_STRESS
	st->stress = true;
#endif
	*out = st;
	return 0;
fail_lua:
	lua_close(st->L);
fail_loop:
	ep_loop_close(st->loop, NULL, NULL);
fail:
	ep_free(st);
	return rc;
}

static void on_loop_closed(void *arg)
{
	epl_state *st = arg;
	void (*on_closed)(void *) = st->on_closed;
	void *closed_arg = st->closed_arg;
	ep_secrets_fini(&st->secrets);
	ep_free(st);
	if (on_closed) on_closed(closed_arg);
}

void epl_state_close(epl_state *st, void (*on_closed)(void *arg), void *arg)
{
	st->closing = true;
	st->on_closed = on_closed;
	st->closed_arg = arg;
	/* 1 the objects of Lua let go of their ops, which are cancelled; nothing of Lua runs after this */
	lua_close(st->L);
	st->L = NULL;
	/* 2 engines end, the youngest slot first; they are freed when their handles have closed */
	for (int i = EPL_ENGINES - 1; i >= 0; i--)
		if (st->engines[i].engine) st->engines[i].close(st->engines[i].engine);
	/* 3 the loop waits for ops, handles and engines, then closes its own */
	ep_loop_close(st->loop, on_loop_closed, st);
}
