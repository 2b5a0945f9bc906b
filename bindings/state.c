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

static void *allocate(void *user, void *p, size_t old, size_t size);

/* Where a state that is not ours keeps its instance: the address is the key. */
static const char attached_key;

/* Of a state of ours the allocator knows the instance. */
epl_state *epl_state_of(lua_State *L)
{
	void *user;
	if (lua_getallocf(L, &user) == allocate) return user;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &attached_key);
	user = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return user;
}

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

static void *resize(const epl_state *st, void *p, size_t old, size_t size)
{
	if (st->memory.allocate) return st->memory.allocate(st->memory.arg, p, p ? old : 0, size);
	if (size) return ep_realloc(p, size);
	ep_free(p);
	return NULL;
}

/* Without p, old is the type of a new object, or 0. Lua relies on it that what shrinks is not refused. */
static void *allocate(void *user, void *p, size_t old, size_t size)
{
	epl_state *st = user;
	size_t before = p ? old : 0;
	if (size > before && st->memory.limit && size - before > st->memory.limit - st->memory.used) return NULL;
	if (size && refuse(st, p ? 0 : old)) return NULL;
	void *q = resize(st, p, old, size);
	if (q || !size) st->memory.used += size - before;
	return q;
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

int epl_load_module(lua_State *L, const char *name)
{
	for (const struct epl_lua_module *m = epl_lua_modules; m->name; m++)
		if (!strcmp(m->name, name)) return load_embedded(L, m), lua_call(L, 1, 1), 1;
	return luaL_error(L, "no module '%s' in epact", name);
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

/* os.exit(code): ends the script or call that it is called in, not the process: it is cancelled, clean-up runs, then the
 * host is told. */
static int os_exit(lua_State *L)
{
	const epl_state *st = epl_state_of(L);
	epl_call *call = epl_call_running(st);
	if (st->attached && !st->current) return lua_tocfunction(L, lua_upvalueindex(1))(L);
	int status = lua_isboolean(L, 1) ? !lua_toboolean(L, 1) : (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
	if (call) {
		call->exit_status = status;
		epl_call_cancel(call, "os.exit was called");
	}
	return epl_yield(L);
}

static void open_os(lua_State *L)
{
	lua_getglobal(L, "os");
	lua_getfield(L, -1, "exit");
	lua_pushcclosure(L, os_exit, 1);
	lua_setfield(L, -2, "exit");
	lua_pushcfunction(L, epl_os_getenv);
	lua_setfield(L, -2, "getenv");
	lua_pop(L, 1);
}

/* What a state gets beyond Lua's own library, on the stack. */
static void open_ours(lua_State *L)
{
	epl_state *st = epl_state_of(L);
	add_searcher(L);
	epl_open_stdlib(L);
	epl_open_co(L);
	epl_open_protected(L);
	open_os(L);
	lua_newtable(L);
	st->task_table = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushcfunction(L, epl_open_error); /* their types are used before anybody requires the modules */
	lua_call(L, 0, 0);
	lua_pushcfunction(L, epl_open_task);
	lua_call(L, 0, 0);
	lua_pushcfunction(L, epl_open_secret);
	lua_call(L, 0, 0);
}

static int open_state(lua_State *L)
{
	luaL_openlibs(L);
	open_ours(L);
	return 0;
}

/* --- open and close --- */

/* An instance without a state of Lua. */
static int new_state(epl_state **out, uv_loop_t *lent, ep_err *err)
{
	epl_state *st = ep_calloc(1, sizeof *st);
	if (!st) return ep_err_set(err, EP_ENOMEM, "no memory for an instance");
	ep_secrets_init(&st->secrets);
	ep_node_init(&st->calls);
	st->grace = 5 * EP_SECOND;
	st->slice = EP_SECOND / 4;
	st->log_level = EPL_LOG_WARN;
	int rc = ep_loop_open(&st->loop, lent, err);
	if (rc)
		ep_free(st);
	else
		*out = st;
	return rc;
}

int epl_state_open(epl_state **out, uv_loop_t *lent, const epl_memory *memory, ep_err *err)
{
	epl_state *st;
	int rc = new_state(&st, lent, err);
	if (rc) return rc;
	st->memory = *memory;
	st->L = lua_newstate(allocate, st);
	if (!st->L) {
		rc = ep_err_set(err, EP_ENOMEM, "no memory for a Lua state");
		goto fail_loop;
	}
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
	ep_free(st);
	return rc;
}

static void on_loop_closed(void *arg)
{
	epl_state *st = arg;
	void (*on_closed)(void *) = st->on_closed;
	void *closed_arg = st->closed_arg;
	ep_secret_release(st->api_key);
	ep_free(st->base_url);
	epl_free_environment(st->environment);
	ep_secrets_fini(&st->secrets);
	ep_free(st);
	if (on_closed) on_closed(closed_arg);
}

/* Engines end, the youngest slot first, and are freed when their handles have closed; then the loop, which waits for ops,
 * handles and engines. Nothing of Lua runs after this. */
static void close_rest(void *arg)
{
	epl_state *st = arg;
	for (int i = EPL_ENGINES - 1; i >= 0; i--)
		if (st->engines[i].engine) st->engines[i].close(st->engines[i].engine);
	ep_loop_close(st->loop, on_loop_closed, st);
}

void epl_state_close(epl_state *st, void (*on_closed)(void *arg), void *arg)
{
	st->closing = true;
	st->on_closed = on_closed;
	st->closed_arg = arg;
	lua_close(st->L); /* its objects let go of their ops, which are cancelled */
	st->L = NULL;
	ep_loop_settle(st->loop, st->grace, close_rest, st);
}

/* --- a state that is not ours --- */

/* The object was made before any other of ours, so that it is collected as the last. */
static int attached_gc(lua_State *L)
{
	epl_state **st = lua_touserdata(L, 1);
	if (!*st) return 0;
	(*st)->closing = true;
	(*st)->L = NULL;
	ep_loop_settle((*st)->loop, (*st)->grace, close_rest, *st);
	*st = NULL;
	return 0;
}

epl_state *epl_state_attach(lua_State *L)
{
	ep_err err = {0};
	epl_state **held = lua_newuserdatauv(L, sizeof *held, 0);
	*held = NULL;
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, attached_gc);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	if (new_state(held, NULL, &err)) {
		epl_push_message(L, &err);
		luaL_error(L, "epact: %s", lua_tostring(L, -1));
	}
	(*held)->L = L;
	(*held)->attached = true;
	luaL_ref(L, LUA_REGISTRYINDEX); /* held until the state is closed */
	lua_pushlightuserdata(L, *held);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &attached_key);
	open_ours(L);
	return epl_state_of(L);
}
