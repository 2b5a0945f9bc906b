/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what Lua gives: options tables, texts, types. Nothing here acquires anything. */
#include <math.h>
#include <string.h>

#include "bindings/epl.h"

const char *epl_check_text(lua_State *L, int arg, size_t *len)
{
	size_t n;
	const char *text = luaL_checklstring(L, arg, &n);
	if (memchr(text, 0, n)) luaL_argerror(L, arg, "the string holds a NUL byte");
	if (len) *len = n;
	return text;
}

/* --- names that are nearly right --- */

enum { NAME_ROOM = 32 };

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Levenshtein's distance; names longer than the room count as far away. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_ROOM + 1], la = strlen(a), lb = strlen(b);
	if (la > NAME_ROOM || lb > NAME_ROOM) return NAME_ROOM;
	for (size_t j = 0; j <= lb; j++) row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[lb];
}

static const char *const *next_name(const char *const *name, size_t stride)
{
	return (const char *const *)(const void *)((const char *)name + stride);
}

const char *epl_nearest(const char *key, const char *const *names, size_t stride)
{
	const char *best = NULL;
	size_t best_distance = strlen(key) / 2 + 1;
	for (; *names; names = next_name(names, stride)) {
		size_t d = distance(key, *names);
		if (d < best_distance) best_distance = d, best = *names;
	}
	return best;
}

/* --- options --- */

int epl_unknown_option(lua_State *L, const char *key, const char *const *names, size_t stride, const char *what)
{
	luaL_Buffer b;
	const char *near = epl_nearest(key, names, stride);
	luaL_buffinit(L, &b);
	for (const char *const *name = names; *name; name = next_name(name, stride)) {
		if (name != names) luaL_addstring(&b, ", ");
		luaL_addstring(&b, *name);
	}
	luaL_pushresult(&b);
	const char *known = lua_tostring(L, -1);
	if (near) return luaL_error(L, "%s: unknown option '%s'; did you mean '%s'? (known: %s)", what, key, near, known);
	return luaL_error(L, "%s: unknown option '%s' (known: %s)", what, key, known);
}

static int wrong_type(lua_State *L, const epl_option *o, const char *what, const char *expected)
{
	return luaL_error(L, "%s: option '%s' must be %s, got %s", what, o->name, expected, luaL_typename(L, -1));
}

static void check_sign(lua_State *L, const epl_option *o, lua_Number n, const char *what)
{
	const char *unit = o->kind == EPL_SECONDS ? "a number of seconds, " : "";
	const char *least = (o->flags & EPL_POSITIVE) && !(n > 0)               ? "more than 0"
		: (o->kind == EPL_SECONDS || (o->flags & EPL_NATURAL)) && !(n >= 0) ? "0 or more"
																			: NULL;
	if (least)
		luaL_error(L, "%s: option '%s' must be %s%s, got %s", what, o->name, unit, least, luaL_tolstring(L, -1, NULL));
}

static void read_number(lua_State *L, const epl_option *o, void *at, const char *what)
{
	int ok;
	bool integer = o->kind == EPL_INT;
	lua_Integer i = integer ? lua_tointegerx(L, -1, &ok) : 0;
	lua_Number n = integer ? (lua_Number)i : lua_tonumberx(L, -1, &ok);
	if (!ok || lua_type(L, -1) != LUA_TNUMBER) wrong_type(L, o, what, integer ? "an integer" : "a number");
	check_sign(L, o, n, what);
	if (integer)
		*(lua_Integer *)at = i;
	else if (o->kind == EPL_NUMBER)
		*(double *)at = n;
	else
		*(uint64_t *)at = ep_seconds(n);
}

static void read_text(lua_State *L, const epl_option *o, void *at, const char *what)
{
	epl_text *text = at;
	if (lua_type(L, -1) != LUA_TSTRING) wrong_type(L, o, what, "a string");
	text->data = lua_tolstring(L, -1, &text->len);
	if (o->kind == EPL_TEXT && memchr(text->data, 0, text->len))
		luaL_error(L, "%s: option '%s' holds a NUL byte", what, o->name);
}

/* Reads the value on the top of the stack; true when it is to stay there. */
static bool read_option(lua_State *L, const epl_option *o, void *to, const char *what)
{
	void *at = (char *)to + o->offset;
	switch (o->kind) {
	case EPL_BOOL:
		if (!lua_isboolean(L, -1)) wrong_type(L, o, what, "a boolean");
		*(bool *)at = lua_toboolean(L, -1);
		return false;
	case EPL_TRISTATE:
		if (!lua_isboolean(L, -1)) wrong_type(L, o, what, "a boolean");
		*(int *)at = lua_toboolean(L, -1);
		return false;
	case EPL_INT:
	case EPL_NUMBER:
	case EPL_SECONDS: read_number(L, o, at, what); return false;
	case EPL_TEXT:
	case EPL_BYTES: read_text(L, o, at, what); return false;
	case EPL_TABLE:
		if (!lua_istable(L, -1)) wrong_type(L, o, what, "a table");
		break;
	case EPL_FUNCTION:
		if (!lua_isfunction(L, -1)) wrong_type(L, o, what, "a function");
		break;
	case EPL_VALUE: break;
	}
	*(int *)at = lua_gettop(L);
	return true;
}

static void check_keys(lua_State *L, int index, const epl_option *spec, const char *what)
{
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		const epl_option *o = spec;
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "%s: option names are strings, got a %s", what, luaL_typename(L, -2));
		const char *key = lua_tostring(L, -2);
		while (o->name && strcmp(o->name, key) != 0) o++;
		if (!o->name) epl_unknown_option(L, key, &spec->name, sizeof *spec, what);
	}
}

void epl_read_options(lua_State *L, int index, const epl_option *spec, void *to, const char *what)
{
	index = lua_absindex(L, index);
	bool given = !lua_isnoneornil(L, index);
	if (given && !lua_istable(L, index))
		luaL_error(L, "%s: the options must be a table, got %s", what, luaL_typename(L, index));
	if (given) check_keys(L, index, spec, what);
	luaL_checkstack(L, 20, what);
	for (const epl_option *o = spec; o->name; o++) {
		int type = given ? lua_getfield(L, index, o->name) : (lua_pushnil(L), LUA_TNIL);
		if (type == LUA_TNIL && (o->flags & EPL_REQUIRED)) luaL_error(L, "%s: option '%s' is missing", what, o->name);
		if (type == LUA_TNIL || !read_option(L, o, to, what)) lua_pop(L, 1);
	}
}

/* --- types --- */

void epl_type(lua_State *L, const char *type, const luaL_Reg *methods, const luaL_Reg *meta)
{
	if (luaL_newmetatable(L, type)) {
		if (meta) luaL_setfuncs(L, meta, 0);
		if (methods) {
			lua_newtable(L);
			luaL_setfuncs(L, methods, 0);
			lua_setfield(L, -2, "__index");
		}
		lua_pushboolean(L, 0);
		lua_setfield(L, -2, "__metatable");
	}
	lua_pop(L, 1);
}

void *epl_new(lua_State *L, size_t size, const char *type)
{
	void *object = lua_newuserdatauv(L, size, 1);
	memset(object, 0, size);
	luaL_setmetatable(L, type);
	return object;
}

void *epl_check(lua_State *L, int arg, const char *type) { return luaL_checkudata(L, arg, type); }
