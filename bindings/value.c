/* SPDX-License-Identifier: Apache-2.0 */
/* Values between Lua and a host. Nothing of the script's runs here: tables are read raw. */
#include "bindings/value.h"

#include <ctype.h>
#include <string.h>

#include "bindings/epl.h"
#include "bindings/json_private.h"

enum { DEEPEST = 100, LONGEST_KEY = 60 };

/* Where in a value the reader or writer is, for errors. */
typedef struct level {
	const struct level *up; /* NULL: the whole */
	const char *key;        /* NULL: number says which */
	lua_Integer number;
	int depth;
} level;

typedef struct reader {
	lua_State *L;
	epl_arena *arena;
	const char *what;
	const epl_json_state *json; /* NULL: no table is marked */
} reader;

static bool is_name(const char *key)
{
	if (!*key || isdigit((unsigned char)*key)) return false;
	for (; *key; key++)
		if (!isalnum((unsigned char)*key) && *key != '_') return false;
	return true;
}

static void add_path(ep_buf *b, const level *at)
{
	if (!at->up) return;
	add_path(b, at->up);
	if (!at->key)
		ep_buf_printf(b, "[%lld]", (long long)at->number);
	else if (is_name(at->key) && strlen(at->key) <= LONGEST_KEY)
		ep_buf_printf(b, ".%s", at->key);
	else
		ep_buf_printf(b, "['%.*s']", LONGEST_KEY, at->key);
}

/* Raises "argument 2.name[1] is a function, which ...". */
static int refuse(lua_State *L, const level *at, const char *what, const char *problem)
{
	const level *top = at;
	ep_buf path = {0};
	while (top->up) top = top->up;
	add_path(&path, at);
	epl_push_buf(L, &path);
	return epl_raise_code(L, EP_EINVAL, "%s %lld%.300s %s", what, (long long)top->number, lua_tostring(L, -1), problem);
}

static int no_memory(lua_State *L) { return epl_raise_code(L, EP_ENOMEM, "not enough memory for values"); }

/* --- from Lua --- */

static void read_value(const reader *r, const level *at, epact_value *out);

static void *array(const reader *r, size_t count, size_t size)
{
	void *p = count > SIZE_MAX / size ? NULL : epl_arena_alloc(r->arena, count * size);
	if (!p) no_memory(r->L);
	return p;
}

/* True when the table on the top holds 1 to n and nothing else; *count is the number of its pairs. */
static bool is_list(const reader *r, size_t *count)
{
	lua_State *L = r->L;
	lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
	bool marked = false;
	if (r->json && lua_getmetatable(L, -1)) {
		marked = lua_topointer(L, -1) == r->json->array_mark;
		lua_pop(L, 1);
	}
	*count = 0;
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) ++*count;
	if (*count != (size_t)n || (!n && !marked)) return false;
	for (lua_Integer i = 1; i <= n; i++) {
		bool there = lua_rawgeti(L, -1, i) != LUA_TNIL;
		lua_pop(L, 1);
		if (!there) return false;
	}
	return true;
}

static void read_list(const reader *r, const level *at, epact_value *out)
{
	epact_value *items = array(r, out->size, sizeof *items);
	level inner = {.up = at, .depth = at->depth + 1};
	for (size_t i = 0; i < out->size; i++) {
		inner.number = (lua_Integer)i + 1;
		lua_rawgeti(r->L, -1, inner.number);
		read_value(r, &inner, &items[i]);
		lua_pop(r->L, 1);
	}
	out->as.list = items;
}

static void read_map(const reader *r, const level *at, epact_value *out)
{
	lua_State *L = r->L;
	epact_pair *pairs = array(r, out->size, sizeof *pairs), *p = pairs;
	level inner = {.up = at, .depth = at->depth + 1};
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), p++) {
		inner.key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
		inner.number = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
		lua_pushvalue(L, -2);
		int type = lua_type(L, -1);
		if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
			refuse(L, at, r->what, "has a key that is no string, number or boolean");
		read_value(r, &inner, &p->key);
		lua_pop(L, 1);
		read_value(r, &inner, &p->value);
	}
	out->as.map = pairs;
}

static void read_table(const reader *r, const level *at, epact_value *out)
{
	if (at->depth == DEEPEST) refuse(r->L, at, r->what, "is nested too deep (a table that holds itself?)");
	luaL_checkstack(r->L, 6, "values nested too deep");
	out->type = is_list(r, &out->size) ? EPACT_LIST : EPACT_MAP;
	if (out->type == EPACT_LIST)
		read_list(r, at, out);
	else
		read_map(r, at, out);
}

static void read_other(const reader *r, const level *at, epact_value *out)
{
	lua_State *L = r->L;
	bool null = false;
	if (r->json && lua_type(L, -1) == LUA_TUSERDATA) {
		epl_json_open_state(L);
		null = lua_rawequal(L, -1, -2);
		lua_pop(L, 1);
	}
	if (null) {
		*out = epact_nil();
		return;
	}
	bool secret = luaL_testudata(L, -1, "epact.secret") != NULL;
	lua_pushfstring(L, secret ? "is a secret: pass secret:reveal() when that is meant" : "is a %s, which is no data",
		luaL_typename(L, -1));
	refuse(L, at, r->what, lua_tostring(L, -1));
}

static void read_string(const reader *r, epact_value *out)
{
	size_t len;
	const char *text = lua_tolstring(r->L, -1, &len);
	const char *copy = epl_arena_text(r->arena, text, len);
	if (!copy) no_memory(r->L);
	*out = epact_bytes(copy, len);
}

static void read_value(const reader *r, const level *at, epact_value *out)
{
	lua_State *L = r->L;
	switch (lua_type(L, -1)) {
	case LUA_TNIL: *out = epact_nil(); break;
	case LUA_TBOOLEAN: *out = epact_boolean(lua_toboolean(L, -1)); break;
	case LUA_TNUMBER:
		*out = lua_isinteger(L, -1) ? epact_integer(lua_tointeger(L, -1)) : epact_number(lua_tonumber(L, -1));
		break;
	case LUA_TSTRING: read_string(r, out); break;
	case LUA_TTABLE: read_table(r, at, out); break;
	default: read_other(r, at, out);
	}
}

const epact_value *epl_values_read(lua_State *L, int first, size_t count, epl_arena *arena, const char *what)
{
	luaL_checkstack(L, 8, NULL);
	reader r = {.L = L, .arena = arena, .what = what, .json = epl_json_find(L)};
	epact_value *values = array(&r, count, sizeof *values);
	for (size_t i = 0; i < count; i++) {
		level top = {.number = (lua_Integer)i + 1};
		lua_pushvalue(L, first + (int)i);
		read_value(&r, &top, &values[i]);
		lua_pop(L, 1);
	}
	return values;
}

/* --- to Lua --- */

typedef struct writer {
	lua_State *L;
	const char *what;
} writer;

static void push_value(const writer *w, const level *at, const epact_value *value);

static void push_list(const writer *w, const level *at, const epact_value *value)
{
	level inner = {.up = at, .depth = at->depth + 1};
	lua_createtable(w->L, value->size < INT_MAX ? (int)value->size : 0, 0);
	for (size_t i = 0; i < value->size; i++) {
		inner.number = (lua_Integer)i + 1;
		push_value(w, &inner, &value->as.list[i]);
		lua_rawseti(w->L, -2, inner.number);
	}
}

static void check_key(const writer *w, const level *at, const epact_value *key)
{
	bool plain = key->type == EPACT_BOOL || key->type == EPACT_INTEGER || key->type == EPACT_STRING ||
		(key->type == EPACT_NUMBER && key->as.number == key->as.number);
	if (!plain) refuse(w->L, at, w->what, "has a key that is no string, number or boolean");
}

static void push_map(const writer *w, const level *at, const epact_value *value)
{
	level inner = {.up = at, .depth = at->depth + 1};
	lua_createtable(w->L, 0, value->size < INT_MAX ? (int)value->size : 0);
	for (size_t i = 0; i < value->size; i++) {
		const epact_pair *p = &value->as.map[i];
		check_key(w, at, &p->key);
		push_value(w, &inner, &p->key);
		inner.key = p->key.type == EPACT_STRING ? lua_tostring(w->L, -1) : NULL;
		inner.number = p->key.type == EPACT_INTEGER ? p->key.as.integer : 0;
		push_value(w, &inner, &p->value);
		lua_rawset(w->L, -3);
	}
}

static void push_value(const writer *w, const level *at, const epact_value *value)
{
	lua_State *L = w->L;
	if (at->depth == DEEPEST) refuse(L, at, w->what, "is nested too deep");
	luaL_checkstack(L, 6, "values nested too deep");
	switch (value->type) {
	case EPACT_NIL: lua_pushnil(L); break;
	case EPACT_BOOL: lua_pushboolean(L, value->as.boolean); break;
	case EPACT_INTEGER: lua_pushinteger(L, value->as.integer); break;
	case EPACT_NUMBER: lua_pushnumber(L, value->as.number); break;
	case EPACT_STRING: lua_pushlstring(L, value->size ? value->as.string : "", value->size); break;
	case EPACT_LIST: push_list(w, at, value); break;
	case EPACT_MAP: push_map(w, at, value); break;
	default: refuse(L, at, w->what, "is of a type that does not exist");
	}
}

void epl_values_push(lua_State *L, const epact_value *values, size_t count, const char *what)
{
	writer w = {.L = L, .what = what};
	if (count > INT_MAX / 2 || !lua_checkstack(L, (int)count + 8))
		epl_raise_code(L, EP_ETOOLARGE, "%zu values are too many for one call", count);
	for (size_t i = 0; i < count; i++) {
		level top = {.number = (lua_Integer)i + 1};
		push_value(&w, &top, &values[i]);
	}
}
