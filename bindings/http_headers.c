/* SPDX-License-Identifier: Apache-2.0 */
/* Headers and queries out of Lua tables, for bindings/http.c. */
#include <stdlib.h>
#include <string.h>

#include "bindings/epl.h"
#include "bindings/http.h"
#include "bindings/json.h"
#include "runtime/base/json.h"

#define LIST "epact.http.headers"

static int list_gc(lua_State *L)
{
	epl_http_list *h = epl_check(L, 1, LIST);
	for (size_t i = 0; i < h->count; i++) ep_secret_release((ep_secret *)h->list[i].secret);
	h->count = 0;
	return 0;
}

void epl_http_open_headers(lua_State *L)
{
	static const luaL_Reg meta[] = {{"__gc", list_gc}, {NULL, NULL}};
	epl_type(L, LIST, NULL, meta);
}

/* --- headers --- */

static size_t count_headers(lua_State *L, int index, const char *what)
{
	size_t n = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "%s: option 'headers' has a key that is a %s; use header names", what, luaL_typename(L, -2));
		bool list = lua_istable(L, -1) && lua_rawlen(L, -1);
		n += list ? lua_rawlen(L, -1) : 1;
	}
	return n;
}

static bool holds_secret(lua_State *L)
{
	if (!lua_istable(L, -1)) return false;
	bool holds = lua_getfield(L, -1, "secret") != LUA_TNIL;
	lua_pop(L, 1);
	return holds;
}

static bool removes(lua_State *L) { return epl_json_is_null(L, -1) || (lua_isboolean(L, -1) && !lua_toboolean(L, -1)); }

/* Adds the header with the value on the top of the stack, which its table keeps alive. */
static void add_header(lua_State *L, epl_http_list *h, const char *name, size_t name_len, const char *what)
{
	ep_http_header *to = &h->list[h->count];
	*to = (ep_http_header){.name = name, .name_len = name_len, .value = ""};
	if (h->count == h->room) luaL_error(L, "%s: option 'headers' was changed while it was read", what);
	if (lua_type(L, -1) == LUA_TSTRING) {
		to->value = lua_tolstring(L, -1, &to->value_len);
	} else if (h->removable && removes(L)) {
		to->value = NULL;
	} else if (lua_type(L, -1) == LUA_TUSERDATA || holds_secret(L)) {
		to->secret = epl_option_secret(L, -1, name, what);
	} else {
		luaL_error(L, "%s: header '%s' must be a string, a secret or an array of strings, got %s", what, name,
			luaL_typename(L, -1));
	}
	h->count++;
}

static void add_headers(lua_State *L, epl_http_list *h, int index, const char *what)
{
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		size_t len, n = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
		const char *name = lua_tolstring(L, -2, &len);
		for (size_t i = 1; i <= n; i++, lua_pop(L, 1)) {
			lua_rawgeti(L, -1, (lua_Integer)i);
			if (lua_type(L, -1) != LUA_TSTRING)
				luaL_error(L, "%s: header '%s' must be an array of strings, got %s", what, name, luaL_typename(L, -1));
			add_header(L, h, name, len, what);
		}
		if (!n) add_header(L, h, name, len, what);
	}
}

static bool has_header(const epl_http_list *h, const char *name)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->list[i].name_len == strlen(name) && !strncasecmp(h->list[i].name, name, strlen(name))) return true;
	return false;
}

static void add_constant(epl_http_list *h, const char *name, const char *value, ep_secret *secret)
{
	h->list[h->count++] = (ep_http_header){
		.name = name, .name_len = strlen(name), .value = value, .value_len = strlen(value), .secret = secret};
}

epl_http_list *epl_http_read_headers(lua_State *L, int index, int bearer, const char *type, const char *what)
{
	size_t room = 2 + (index ? count_headers(L, index, what) : 0);
	epl_http_list *h = epl_new(L, sizeof *h + room * sizeof h->list[0], LIST);
	h->room = room - 2;
	if (index) add_headers(L, h, index, what);
	if (bearer) {
		if (has_header(h, "Authorization"))
			luaL_error(L, "%s: both 'bearer' and an Authorization header are given", what);
		add_constant(h, "Authorization", "Bearer ", epl_option_secret(L, bearer, "bearer", what));
	}
	if (type && !has_header(h, "Content-Type")) add_constant(h, "Content-Type", type, NULL);
	return h;
}

epl_http_list *epl_http_read_changes(lua_State *L, int index, const char *what)
{
	size_t room = index ? count_headers(L, index, what) : 0;
	epl_http_list *h = epl_new(L, sizeof *h + room * sizeof h->list[0], LIST);
	h->room = room;
	h->removable = true;
	if (index) add_headers(L, h, index, what);
	return h;
}

/* --- queries --- */

typedef struct pair {
	const char *name, *value; /* borrowed from the table; a value of NULL is the number */
	size_t name_len, value_len, order;
	char number[48];
} pair;

typedef struct pairs {
	size_t count, room;
	pair list[];
} pairs;

/* The number on the top, exactly, and without a fraction where it has none; false: it is not finite. */
static bool write_number(lua_State *L, char to[48])
{
	int is_integer;
	lua_Integer integer = lua_tointegerx(L, -1, &is_integer);
	ep_buf text = {0};
	int rc = is_integer ? ep_json_integer(&text, integer) : ep_json_number(&text, lua_tonumber(L, -1));
	if (!rc) strcpy(to, ep_buf_text(&text));
	ep_buf_fini(&text);
	return !rc;
}

static void set_value(lua_State *L, pair *p, const char *what)
{
	switch (lua_type(L, -1)) {
	case LUA_TSTRING: p->value = lua_tolstring(L, -1, &p->value_len); return;
	case LUA_TBOOLEAN: p->value = lua_toboolean(L, -1) ? "true" : "false"; break;
	case LUA_TNUMBER:
		if (!write_number(L, p->number))
			luaL_error(L, "%s: query parameter '%s' must be a finite number", what, p->name);
		p->value_len = strlen(p->number);
		return;
	default:
		p->value = "";
		if (epl_json_is_null(L, -1)) break;
		luaL_error(L, "%s: query parameter '%s' must be a string, a number, a boolean or an array of these, got %s",
			what, p->name, luaL_typename(L, -1));
	}
	p->value_len = strlen(p->value);
}

static void add_pair(lua_State *L, pairs *all, const char *name, size_t len, const char *what)
{
	if (all->count == all->room) luaL_error(L, "%s: option 'query' was changed while it was read", what);
	pair *p = &all->list[all->count];
	*p = (pair){.name = name, .name_len = len, .order = all->count};
	set_value(L, p, what);
	all->count++;
}

static int by_name(const void *a, const void *b)
{
	const pair *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : x->order < y->order ? -1 : 1;
}

static size_t count_pairs(lua_State *L, int index, const char *what)
{
	size_t n = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "%s: option 'query' has a key that is a %s; use names", what, luaL_typename(L, -2));
		n += lua_istable(L, -1) ? lua_rawlen(L, -1) : 1;
	}
	return n;
}

/* Pushes the pairs of the table in the order of their names: the same table is always the same query. */
static pairs *read_pairs(lua_State *L, int index, const char *what)
{
	size_t room = count_pairs(L, index, what);
	pairs *all = lua_newuserdatauv(L, sizeof *all + room * sizeof all->list[0], 0);
	*all = (pairs){.room = room};
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		size_t len, n = lua_istable(L, -1) ? lua_rawlen(L, -1) : 0;
		const char *name = lua_tolstring(L, -2, &len);
		for (size_t i = 1; i <= n; i++, lua_pop(L, 1)) {
			lua_rawgeti(L, -1, (lua_Integer)i);
			add_pair(L, all, name, len, what);
		}
		if (!lua_istable(L, -1)) add_pair(L, all, name, len, what);
	}
	qsort(all->list, all->count, sizeof(pair), by_name);
	return all;
}

static int push_built(lua_State *L, ep_buf *b)
{
	if (ep_buf_failed(b)) return luaL_error(L, "not enough memory");
	lua_pushlstring(L, ep_buf_text(b), b->len);
	return 1;
}

/* In a protected call, so that the buffer is freed whatever happens: (pairs, buffer). */
static int build_query(lua_State *L)
{
	const pairs *all = lua_touserdata(L, 1);
	ep_buf *b = lua_touserdata(L, 2);
	for (size_t i = 0; i < all->count; i++) {
		const pair *p = &all->list[i];
		if (i) ep_buf_putc(b, '&');
		ep_http_url_escape(b, p->name, p->name_len);
		ep_buf_putc(b, '=');
		ep_http_url_escape(b, p->value ? p->value : p->number, p->value_len);
	}
	return push_built(L, b);
}

/* Calls a function of (value at index, buffer) with a buffer that is freed also when it raises; one result. */
static void with_buffer(lua_State *L, lua_CFunction function, int index)
{
	ep_buf b = {0};
	index = lua_absindex(L, index);
	lua_pushcfunction(L, function);
	lua_pushvalue(L, index);
	lua_pushlightuserdata(L, &b);
	int status = lua_pcall(L, 2, 1, 0);
	ep_buf_fini(&b);
	if (status != LUA_OK) lua_error(L);
}

void epl_http_push_query(lua_State *L, int index, const char *what)
{
	if (lua_type(L, index) == LUA_TSTRING) {
		lua_pushvalue(L, index);
		return;
	}
	if (!lua_istable(L, index))
		luaL_error(L, "%s: option 'query' must be a table or a string, got %s", what, luaL_typename(L, index));
	read_pairs(L, lua_absindex(L, index), what);
	with_buffer(L, build_query, -1);
	lua_remove(L, -2);
}

static int build_escaped(lua_State *L)
{
	size_t len;
	const char *text = lua_tolstring(L, 1, &len);
	ep_buf *b = lua_touserdata(L, 2);
	ep_http_url_escape(b, text, len);
	return push_built(L, b);
}

int epl_http_escape(lua_State *L)
{
	luaL_checkstring(L, 1);
	with_buffer(L, build_escaped, 1);
	return 1;
}
