/* SPDX-License-Identifier: Apache-2.0 */
/* Places where a task can't be suspended: which functions of Lua's library are none, and how an error names one. */
#include <string.h>

#include "bindings/epl.h"
#include "bindings/stdlib.h"

/* The registry's key of a table: C function, without upvalues -> 0, or the argument that calls back. */
static const char waiting_key;

void epl_open_stdlib(lua_State *L)
{
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &waiting_key);
	lua_pushglobaltable(L);
	lua_getfield(L, -1, "dofile");
	epl_set_waiting(L, -2, "dofile", 0);
	lua_pop(L, 1);
	epl_open_sort(L);
	epl_open_gsub(L);
	epl_open_require(L);
}

void epl_let_wait(lua_State *L, lua_CFunction function, int callback)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &waiting_key);
	lua_pushcfunction(L, function);
	lua_pushinteger(L, callback);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

void epl_set_waiting(lua_State *L, int table, const char *name, int callback)
{
	table = lua_absindex(L, table);
	epl_let_wait(L, lua_tocfunction(L, -1), callback);
	lua_setfield(L, table, name);
}

void epl_set_all_waiting(lua_State *L, const luaL_Reg *functions)
{
	for (; functions->name; functions++) {
		lua_pushcfunction(L, functions->func);
		epl_set_waiting(L, -2, functions->name, 0);
	}
}

/* True when the C function on the top, that of ar, lets its callbacks wait. */
static bool can_wait_inside(lua_State *L, lua_State *at, lua_Debug *ar)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &waiting_key);
	lua_pushcfunction(L, lua_tocfunction(L, -2));
	bool known = lua_rawget(L, -2) != LUA_TNIL;
	int callback = (int)lua_tointeger(L, -1);
	lua_pop(L, 2);
	if (!known || !callback) return known;
	if (!lua_getlocal(at, ar, callback)) return false;
	known = lua_isfunction(at, -1);
	lua_pop(at, 1);
	return known;
}

/* Pushes "table.concat" for the function on the top if a loaded module has it, replacing the function. */
static const char *library_name(lua_State *L)
{
	int fn = lua_gettop(L);
	lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	for (lua_pushnil(L); lua_next(L, fn + 1); lua_settop(L, fn + 2)) {
		if (!lua_istable(L, -1) || lua_type(L, -2) != LUA_TSTRING) continue;
		for (lua_pushnil(L); lua_next(L, fn + 3); lua_pop(L, 1)) {
			if (lua_type(L, -2) != LUA_TSTRING || !lua_rawequal(L, -1, fn)) continue;
			bool global = !strcmp(lua_tostring(L, fn + 2), LUA_GNAME);
			lua_pushfstring(L, global ? "%s%s" : "%s.%s", global ? "" : lua_tostring(L, fn + 2), lua_tostring(L, -2));
			lua_replace(L, fn);
			lua_settop(L, fn);
			return lua_tostring(L, fn);
		}
	}
	lua_settop(L, fn);
	return NULL;
}

typedef struct place {
	const char *name, *way_out;
} place;

static const char before[] = "do the waiting before or after it";
static const char handler[] = "a message handler";

static const place places[] = {
	{"__gc", "use a <close> variable instead, whose __close may wait"},
	{"a debug hook", before},
	{handler, "let the handler return, and wait behind xpcall"},
	{"tostring", "__tostring and __name can't wait: make the text before"},
	{"print", "__tostring can't wait: make the text before"},
	{"string.format", "__tostring can't wait: make the text before"},
	{"table.sort", "give it a comparator, which may wait: function(a, b) return a < b end"},
	{"load", "collect the pieces before, and load the whole text"},
};

/* The frame of ar, whose function is on the top of L, as a place that can't be suspended, or NULL; *perhaps is set
 * for one that may be. Leaves values. */
static const char *name_frame(lua_State *L, lua_State *at, lua_Debug *ar, const char **perhaps)
{
	bool meta = !strcmp(ar->namewhat, "metamethod");
	if (!strcmp(ar->namewhat, "hook")) return "a debug hook";
	if (meta && !strcmp(ar->name, "__gc")) return ar->name;
	if (*ar->what != 'C' || can_wait_inside(L, at, ar)) return NULL;
	const char *name = library_name(L);
	if (!name && !*perhaps && meta) *perhaps = "a metamethod of Lua's library";
	if (!name && !*perhaps && !strcmp(ar->namewhat, "for iterator")) *perhaps = "an iterator of Lua's library";
	if (!name || !strncmp(name, "epact.", 6)) return NULL;
	return strcmp(name, "error") != 0 && strcmp(name, "assert") != 0 ? name : handler;
}

/* The innermost place; a message handler leaves no frame of its own when Lua's core calls it. */
static const char *find_place(lua_State *L, lua_State *at)
{
	lua_Debug ar;
	const char *perhaps = NULL;
	for (int level = at == L; lua_getstack(at, level, &ar); level++) {
		lua_getinfo(at, "Snf", &ar);
		if (at != L) lua_xmove(at, L, 1);
		const char *name = name_frame(L, at, &ar, &perhaps);
		if (name) return name;
		lua_pop(L, 1);
	}
	return perhaps ? perhaps : handler;
}

int epl_raise_cannot_wait(lua_State *L, lua_State *at)
{
	const char *way_out = before;
	luaL_checkstack(L, 12, NULL);
	if (at != L && !lua_checkstack(at, 4)) at = L;
	const char *name = find_place(L, at);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (!strcmp(places[i].name, name)) way_out = places[i].way_out;
	return luaL_error(L, "cannot wait here, inside %s: Lua can't suspend a task there; %s", name, way_out);
}
