/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies out of Lua tables, by lists of their members: for the calls of bindings/relace_*.c. */
#include "bindings/relace_body.h"

#include <math.h>
#include <string.h>

#include "bindings/json.h"
#include "runtime/base/json.h"
#include "runtime/base/utf8.h"
#include "runtime/relace/repo.h"

/* A buffer that Lua collects, so that an error in between loses nothing. */
#define TEXT "epact.relace.text"

static int text_gc(lua_State *L)
{
	ep_buf_fini(lua_touserdata(L, 1));
	return 0;
}

ep_buf *epl_push_text(lua_State *L) { return epl_new(L, sizeof(ep_buf), TEXT); }

/* --- checks: of the value on the top of the stack --- */

static int wrong(lua_State *L, const epl_member *m, const char *what, const char *expected)
{
	return luaL_error(L, "%s: '%s' must be %s, got %s", what, m->name, expected, luaL_typename(L, -1));
}

lua_Integer epl_check_array(lua_State *L, int index, const char *what, const char *name)
{
	index = lua_absindex(L, index);
	lua_Integer n = (lua_Integer)lua_rawlen(L, index), found = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), found++)
		if (!lua_isinteger(L, -2))
			luaL_error(L, "%s: '%s' must be an array, but has a %s as key", what, name, luaL_typename(L, -2));
	if (found != n) luaL_error(L, "%s: '%s' must be an array without holes", what, name);
	return n;
}

static void check_utf8(lua_State *L, int index, const char *what, const char *name)
{
	size_t len;
	const char *text = lua_tolstring(L, index, &len);
	if (ep_utf8_check(text, len) != len) luaL_error(L, "%s: '%s' is not UTF-8", what, name);
}

/* Pushes a number as people write it. */
static const char *push_number(lua_State *L, double value)
{
	bool whole = value == floor(value) && fabs(value) < 1e15;
	return whole ? lua_pushfstring(L, "%I", (lua_Integer)value) : lua_pushfstring(L, "%f", value);
}

static void check_number(lua_State *L, const epl_member *m, const char *what)
{
	bool integer = m->kind == EPL_M_INTEGER;
	if (lua_type(L, -1) != LUA_TNUMBER || (integer && !lua_isinteger(L, -1)))
		wrong(L, m, what, integer ? "an integer" : "a number");
	double value = lua_tonumber(L, -1);
	if (value >= m->least && value <= m->most) return;
	const char *got = push_number(L, value), *least = push_number(L, m->least), *most = push_number(L, m->most);
	if (isinf(m->most)) luaL_error(L, "%s: '%s' must be %s or more, got %s", what, m->name, least, got);
	luaL_error(L, "%s: '%s' must be from %s to %s, got %s", what, m->name, least, most, got);
}

/* One member of a file, which must be a string. */
static void check_part(lua_State *L, const epl_member *m, const char *part, lua_Integer i, const char *what)
{
	if (lua_getfield(L, -1, part) != LUA_TSTRING)
		luaL_error(L, "%s: element %I of '%s' needs the string '%s'", what, i, m->name, part);
	check_utf8(L, -1, what, m->name);
	lua_pop(L, 1);
}

static void check_element(lua_State *L, const epl_member *m, lua_Integer i, const char *what)
{
	int wanted = m->kind == EPL_M_TEXTS ? LUA_TSTRING : LUA_TTABLE;
	if (lua_type(L, -1) != wanted)
		luaL_error(L, "%s: element %I of '%s' must be a %s, got %s", what, i, m->name, lua_typename(L, wanted),
			luaL_typename(L, -1));
	if (m->kind == EPL_M_TEXTS) check_utf8(L, -1, what, m->name);
	if (m->kind != EPL_M_FILES) return;
	check_part(L, m, "filename", i, what);
	check_part(L, m, "content", i, what);
}

static void check_list(lua_State *L, const epl_member *m, const char *what)
{
	if (!lua_istable(L, -1)) wrong(L, m, what, "an array");
	lua_Integer n = epl_check_array(L, -1, what, m->name);
	if (!n && (m->flags & EPL_M_FILLED)) luaL_error(L, "%s: '%s' is empty", what, m->name);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, -1, i);
		check_element(L, m, i, what);
		lua_pop(L, 1);
	}
}

static void check_pairs(lua_State *L, const char *name, const char *what)
{
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "%s: '%s' is a table of strings by their names", what, name);
		check_utf8(L, -2, what, name);
		check_utf8(L, -1, what, name);
	}
}

static void check_members(lua_State *L, int index, const epl_member *members, const char *what);

static void check_value(lua_State *L, const epl_member *m, const char *what)
{
	switch (m->kind) {
	case EPL_M_TEXT:
		if (lua_type(L, -1) != LUA_TSTRING) wrong(L, m, what, "a string");
		if (!lua_rawlen(L, -1) && (m->flags & EPL_M_FILLED)) luaL_error(L, "%s: '%s' is empty", what, m->name);
		check_utf8(L, -1, what, m->name);
		break;
	case EPL_M_FLAG:
		if (!lua_isboolean(L, -1)) wrong(L, m, what, "a boolean");
		break;
	case EPL_M_INTEGER:
	case EPL_M_NUMBER: check_number(L, m, what); break;
	case EPL_M_PAIRS:
	case EPL_M_INNER:
	case EPL_M_TABLE:
		if (!lua_istable(L, -1)) wrong(L, m, what, "a table");
		if (m->kind == EPL_M_PAIRS) check_pairs(L, m->name, what);
		if (m->kind == EPL_M_INNER) check_members(L, lua_gettop(L), m->inner, what);
		break;
	default: check_list(L, m, what);
	}
}

static bool is_null(lua_State *L, const epl_member *m)
{
	return !(m->flags & EPL_M_REQUIRED) && epl_json_is_null(L, -1);
}

static void check_members(lua_State *L, int index, const epl_member *members, const char *what)
{
	luaL_checkstack(L, 12, what);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		const epl_member *m = members;
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "%s: the names of members are strings, got a %s", what, luaL_typename(L, -2));
		const char *key = lua_tostring(L, -2);
		while (m->name && strcmp(m->name, key) != 0) m++;
		if (!m->name) epl_unknown_option(L, key, &members->name, sizeof *members, what);
		if (!is_null(L, m)) check_value(L, m, what);
	}
	for (const epl_member *m = members; m->name; m++) {
		lua_pushstring(L, m->name);
		if (lua_rawget(L, index) == LUA_TNIL && (m->flags & EPL_M_REQUIRED))
			luaL_error(L, "%s: '%s' is missing", what, m->name);
		lua_pop(L, 1);
	}
}

/* --- writing: of values that were checked --- */

static void encode(lua_State *L, int index, ep_buf *out, const char *what, const char *name)
{
	ep_err err = {0};
	if (!epl_json_encode(L, index, out, &err)) return;
	epl_push_message(L, &err);
	luaL_error(L, "%s: '%s': %s", what, name, lua_tostring(L, -1));
}

static void write_file(lua_State *L, ep_buf *out)
{
	static const char *const parts[] = {"{\"filename\":", ",\"content\":"}, *const names[] = {"filename", "content"};
	for (int i = 0; i < 2; i++) {
		size_t len;
		lua_getfield(L, -1, names[i]);
		const char *text = lua_tolstring(L, -1, &len);
		ep_buf_puts(out, parts[i]);
		ep_json_string(out, text, len);
		lua_pop(L, 1);
	}
	ep_buf_putc(out, '}');
}

static void write_list(lua_State *L, const epl_member *m, ep_buf *out, const char *what)
{
	lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
	ep_buf_putc(out, '[');
	for (lua_Integer i = 1; i <= n; i++) {
		if (i > 1) ep_buf_putc(out, ',');
		lua_rawgeti(L, -1, i);
		if (m->kind == EPL_M_FILES)
			write_file(L, out);
		else
			encode(L, lua_gettop(L), out, what, m->name);
		lua_pop(L, 1);
	}
	ep_buf_putc(out, ']');
}

static void write_members(lua_State *L, int index, const epl_member *members, ep_buf *out, const char *what);

static void write_pairs(lua_State *L, ep_buf *out)
{
	char before = '{';
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), before = ',') {
		size_t name_len, len;
		const char *name = lua_tolstring(L, -2, &name_len), *text = lua_tolstring(L, -1, &len);
		ep_buf_putc(out, before);
		ep_json_string(out, name, name_len);
		ep_buf_putc(out, ':');
		ep_json_string(out, text, len);
	}
	if (before == '{') ep_buf_putc(out, before);
	ep_buf_putc(out, '}');
}

static void write_value(lua_State *L, const epl_member *m, ep_buf *out, const char *what)
{
	if (is_null(L, m)) {
		ep_buf_puts(out, "null");
		return;
	}
	switch (m->kind) {
	case EPL_M_TEXTS:
	case EPL_M_LIST:
	case EPL_M_FILES: write_list(L, m, out, what); break;
	case EPL_M_PAIRS: write_pairs(L, out); break;
	case EPL_M_INNER: write_members(L, lua_gettop(L), m->inner, out, what); break;
	default: encode(L, lua_gettop(L), out, what, m->name);
	}
}

static void write_members(lua_State *L, int index, const epl_member *members, ep_buf *out, const char *what)
{
	char before = '{';
	luaL_checkstack(L, 12, what);
	for (const epl_member *m = members; m->name; m++) {
		lua_pushstring(L, m->name);
		bool given = lua_rawget(L, index) != LUA_TNIL;
		if (given || m->preset) {
			ep_buf_putc(out, before);
			ep_json_string(out, m->name, strlen(m->name));
			ep_buf_putc(out, ':');
			before = ',';
		}
		if (given)
			write_value(L, m, out, what);
		else if (m->preset)
			ep_buf_puts(out, m->preset);
		lua_pop(L, 1);
	}
	if (before == '{') ep_buf_putc(out, before);
	ep_buf_putc(out, '}');
}

void epl_check_body(lua_State *L, int index, const epl_member *members, const char *what)
{
	if (!lua_istable(L, index)) luaL_error(L, "%s: a table is expected, got %s", what, luaL_typename(L, index));
	check_members(L, index, members, what);
}

ep_buf *epl_push_body(lua_State *L, int index, const epl_member *members, const char *what)
{
	epl_check_body(L, index, members, what);
	ep_buf *out = epl_push_text(L);
	write_members(L, index, members, out, what);
	if (ep_buf_failed(out)) luaL_error(L, "%s: not enough memory", what);
	return out;
}

/* --- metadata --- */

static ep_relace_text text_at(lua_State *L, int index)
{
	ep_relace_text text;
	text.data = lua_tolstring(L, index, &text.len);
	return text;
}

const ep_buf *epl_push_pairs(lua_State *L, int index, const char *name, const char *what)
{
	if (!index) return NULL;
	ep_buf *pairs = epl_push_text(L);
	ep_err err = {0};
	lua_pushvalue(L, index);
	check_pairs(L, name, what);
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		if (ep_relace_add_pair(pairs, text_at(L, -2), text_at(L, -1), &err)) epl_raise(L, &err);
	lua_pop(L, 1);
	return pairs;
}

void epl_open_relace_body(lua_State *L)
{
	static const luaL_Reg meta[] = {{"__gc", text_gc}, {NULL, NULL}};
	epl_type(L, TEXT, NULL, meta);
}
