/* SPDX-License-Identifier: Apache-2.0 */
/* require for modules whose body waits: a module is loaded once, and whoever requires it meanwhile waits for it.
 * Searching and the results are those of Lua 5.4's loadlib.c. */
#include "bindings/stdlib.h"
#include "bindings/task.h"

#define TYPE "epact.load"

/* Upvalues: the table `package`; the loads under way, name -> load. */
enum { PACKAGE = 1, LOADS };

/* The stack of require: the arguments end at the name. */
enum { NAME = 1, LOADED, LOAD, SEARCHERS, MESSAGE };

/* A load under way, a variable to be closed in the require that does it; its user value is the error it ended
 * with. */
typedef struct load {
	ep_node waiters;    /* ep_signal, whose owner is the task that waits */
	epl_task *task;     /* NULL: outside of any */
	lua_Integer serial; /* scopes that this task opened later are inside */
	bool failed, ended;
} load;

/* --- loops --- */

/* True when the end of the load has to wait for the task. */
static bool inside(const epl_task *t, const load *l)
{
	if (t == l->task) return true;
	for (const epl_scope *s = t->scope; s; s = s->parent)
		if (s->task == l->task && s->serial > l->serial) return true;
	return false;
}

/* The load under way at the index, NULL when there is none. */
static load *load_at(lua_State *L, int index)
{
	load *l = luaL_testudata(L, index, TYPE);
	return l && !l->ended ? l : NULL;
}

/* True when a task inside `from` waits for `to`. */
static bool waits_for(const load *from, const load *to)
{
	for (const ep_node *n = to->waiters.next; n != &to->waiters; n = n->next) {
		const epl_task *t = EP_CONTAINER(n, ep_signal, link)->op.owner;
		if (t && inside(t, from)) return true;
	}
	return false;
}

enum { MOST_LOADS = 64 }; /* that are looked at: more are hardly ever under way at once */

/* True when the running task can't wait for `wanted`: that load has to wait, by way of others perhaps, for it. */
static bool is_loop(lua_State *L, const load *wanted)
{
	const epl_task *t = epl_state_of(L)->current;
	const load *all[MOST_LOADS], *reached[MOST_LOADS] = {wanted};
	int n = 0, found = 1;
	for (lua_pushnil(L); lua_next(L, lua_upvalueindex(LOADS)); lua_pop(L, 1))
		if (n < MOST_LOADS) all[n++] = load_at(L, -1);
	for (int i = 0; i < found; i++) {
		if (t ? inside(t, reached[i]) : !reached[i]->task) return true;
		for (int k = 0; k < n; k++) {
			if (!all[k] || !waits_for(reached[i], all[k]) || found == MOST_LOADS) continue;
			reached[found++] = all[k];
			all[k] = NULL;
		}
	}
	return false;
}

/* --- the load --- */

/* Closes the load, however it ended: __close(load, error), or __gc when its coroutine was dropped. */
static int load_close(lua_State *L)
{
	load *l = lua_touserdata(L, 1);
	const epl_task *t = epl_state_of(L)->current;
	if (l->ended) return 0;
	if (!lua_isnoneornil(L, 2) && !(t && t->unwinding)) { /* after a cancel the next who waits tries again */
		lua_settop(L, 2);
		lua_setiuservalue(L, 1, 1);
		l->failed = true;
	}
	l->ended = true;
	ep_signal_all(&l->waiters, 0);
	return 0;
}

/* On the stack behind the message: loader data, what the module returned. */
static int after_body(lua_State *L, int status, lua_KContext ctx)
{
	const char *name = lua_tostring(L, NAME);
	(void)status, (void)ctx;
	if (lua_isnil(L, -1))
		lua_pop(L, 1);
	else
		lua_setfield(L, LOADED, name);
	if (lua_getfield(L, LOADED, name) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_pushboolean(L, 1);
		lua_pushvalue(L, -1);
		lua_setfield(L, LOADED, name);
	}
	lua_insert(L, -2);
	return 2;
}

static int search_k(lua_State *L, int status, lua_KContext i);

/* Calls searcher number i; in MESSAGE is what those before it said. */
static int search(lua_State *L, lua_Integer i)
{
	lua_settop(L, MESSAGE);
	if (lua_rawgeti(L, SEARCHERS, i) == LUA_TNIL)
		return luaL_error(L, "module '%s' not found:%s", lua_tostring(L, NAME), lua_tostring(L, MESSAGE));
	lua_pushvalue(L, NAME);
	lua_callk(L, 1, 2, (lua_KContext)i, search_k);
	return search_k(L, LUA_OK, (lua_KContext)i);
}

static int search_k(lua_State *L, int status, lua_KContext i)
{
	(void)status;
	if (lua_isfunction(L, -2)) {
		lua_insert(L, -2);
		lua_pushvalue(L, NAME);
		lua_pushvalue(L, -3);
		lua_callk(L, 2, 1, 0, after_body);
		return after_body(L, LUA_OK, 0);
	}
	if (lua_isstring(L, -2)) {
		lua_pop(L, 1);
		lua_pushliteral(L, "\n\t");
		lua_insert(L, -2);
		lua_concat(L, 3);
	}
	return search(L, (lua_Integer)i + 1);
}

static int load_module(lua_State *L)
{
	epl_task *t = epl_state_of(L)->current;
	load *l = epl_new(L, sizeof *l, TYPE);
	ep_node_init(&l->waiters);
	l->task = t;
	l->serial = t ? t->st->protections : 0;
	lua_pushvalue(L, NAME);
	lua_pushvalue(L, LOAD);
	lua_rawset(L, lua_upvalueindex(LOADS));
	lua_toclose(L, LOAD);
	if (lua_getfield(L, lua_upvalueindex(PACKAGE), "searchers") != LUA_TTABLE)
		return luaL_error(L, "'package.searchers' must be a table");
	lua_pushliteral(L, "");
	return search(L, 1);
}

static int require(lua_State *L);

static int on_load_ended(lua_State *L, ep_op *op)
{
	const load *l = lua_touserdata(L, LOAD);
	(void)op;
	if (!l->failed) return require(L);
	lua_getiuservalue(L, LOAD, 1);
	return lua_error(L);
}

/* At LOAD is the load under way. */
static int wait_for_load(lua_State *L, load *l)
{
	if (is_loop(L, l))
		return luaL_error(L, "module '%s' is required while it is being loaded (a loop)", lua_tostring(L, NAME));
	epl_check_can_wait(L);
	ep_signal *ended = ep_signal_start(epl_loop(L), &l->waiters);
	if (!ended) return luaL_error(L, "not enough memory");
	return epl_await(L, &ended->op, on_load_ended);
}

/* require(name) -> the module, loader data */
static int require(lua_State *L)
{
	const char *name = luaL_checkstring(L, NAME);
	lua_settop(L, NAME);
	lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_getfield(L, LOADED, name);
	if (lua_toboolean(L, -1)) return 1;
	lua_settop(L, LOADED);
	lua_pushvalue(L, NAME);
	lua_rawget(L, lua_upvalueindex(LOADS));
	load *l = load_at(L, LOAD);
	if (l) return wait_for_load(L, l);
	lua_settop(L, LOADED);
	return load_module(L);
}

static const luaL_Reg meta[] = {{"__close", load_close}, {"__gc", load_close}, {NULL, NULL}};

void epl_open_require(lua_State *L)
{
	epl_type(L, TYPE, NULL, meta);
	lua_pushglobaltable(L);
	lua_getfield(L, -1, "package");
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "v"); /* a load is held by the require that does it */
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_pushcclosure(L, require, 2);
	epl_set_waiting(L, -2, "require", 0);
	lua_pop(L, 1);
}
