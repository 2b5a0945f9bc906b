/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments and environments: the strings are kept in a Lua table, the array of their addresses in a userdata. */
#include "bindings/argv.h"

#include <string.h>

/* The array of the strings 1..count of the table on the top; pushed above it. */
static const char *const *make_array(lua_State *L, lua_Integer count)
{
	int table = lua_gettop(L);
	const char **array = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *array, 0);
	for (lua_Integer i = 0; i < count; i++) {
		lua_rawgeti(L, table, i + 1);
		array[i] = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	array[count] = NULL;
	return array;
}

const char *const *epl_check_argv(lua_State *L, int arg)
{
	if (!lua_istable(L, arg)) luaL_typeerror(L, arg, "list of strings, such as {\"ls\", \"-l\"},");
	lua_Integer count = luaL_len(L, arg);
	luaL_argcheck(L, count > 0, arg, "the list of arguments is empty: the first is the program");
	lua_createtable(L, (int)count, 0);
	for (lua_Integer i = 1; i <= count; i++) {
		size_t len;
		int type = lua_geti(L, arg, i);
		if (type != LUA_TSTRING && type != LUA_TNUMBER)
			luaL_argerror(L, arg, lua_pushfstring(L, "item %I must be a string, got %s", i, lua_typename(L, type)));
		const char *text = lua_tolstring(L, -1, &len);
		if (strlen(text) != len) luaL_argerror(L, arg, lua_pushfstring(L, "item %I holds a NUL byte", i));
		lua_rawseti(L, -2, i);
	}
	return make_array(L, count);
}

/* Whether the table at index says something about the variable of entry. */
static bool is_changed(lua_State *L, int index, const char *entry)
{
	if (!index) return false;
	lua_pushlstring(L, entry, strcspn(entry, "="));
	bool changed = lua_rawget(L, index) != LUA_TNIL;
	lua_pop(L, 1);
	return changed;
}

/* Checks the variable on the top (key below value). */
static void check_variable(lua_State *L, const char *what)
{
	size_t key_len, len;
	if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "%s: option 'env': names are strings", what);
	const char *key = lua_tolstring(L, -2, &key_len);
	if (!key_len || strcspn(key, "=") != key_len) luaL_error(L, "%s: option 'env': '%s' is not a name", what, key);
	if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) return;
	if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
		luaL_error(L, "%s: option 'env': '%s' must be a string, or false, got %s", what, key, luaL_typename(L, -1));
	const char *value = lua_tolstring(L, -1, &len);
	if (strlen(value) != len) luaL_error(L, "%s: option 'env': '%s' holds a NUL byte", what, key);
}

const char *const *epl_make_env(lua_State *L, int index, bool inherit, const char *what)
{
	lua_Integer count = 0;
	lua_newtable(L);
	int table = lua_gettop(L);
	for (const char *const *entry = epl_environment(L); inherit && *entry; entry++) {
		if (is_changed(L, index, *entry)) continue;
		lua_pushstring(L, *entry);
		lua_rawseti(L, table, ++count);
	}
	if (index) lua_pushnil(L);
	while (index && lua_next(L, index)) {
		check_variable(L, what);
		if (lua_toboolean(L, -1)) {
			lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
			lua_rawseti(L, table, ++count);
		}
		lua_pop(L, 1);
	}
	return make_array(L, count);
}
