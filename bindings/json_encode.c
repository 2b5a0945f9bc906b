/* SPDX-License-Identifier: Apache-2.0 */
/* From Lua values to a JSON text. Nothing here raises: only functions of Lua that cannot are called, and the stack is
 * grown by lua_checkstack, which says no. */
#include <ctype.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/json.h"
#include "bindings/json_private.h"
#include "runtime/base/mem.h"
#include "runtime/base/utf8.h"

enum { LONGEST_PATH = 300 };

/* A table that is being written, and which of its values is. */
typedef struct level {
	const struct level *up;
	const void *table;
	const char *key; /* NULL: index says which */
	size_t key_len;
	lua_Integer index;
} level;

typedef struct encoder {
	lua_State *L;
	ep_buf *out;
	ep_err *err;
	const epl_json_style *style;
	const void *null, *array_mark, *object_mark;
	int depth;
} encoder;

/* A member's text within the output, for sorting. */
typedef struct span {
	const char *key;
	size_t key_len, from, to;
} span;

static int put_value(encoder *e, const level *up);

/* --- errors --- */

static bool is_name(const char *key, size_t len)
{
	if (!len || isdigit((unsigned char)*key)) return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)key[i]) && key[i] != '_') return false;
	return true;
}

static void add_path(ep_buf *b, const level *at)
{
	if (!at) {
		ep_buf_puts(b, "value");
		return;
	}
	add_path(b, at->up);
	if (!at->key)
		ep_buf_printf(b, "[%lld]", (long long)at->index);
	else if (is_name(at->key, at->key_len))
		ep_buf_printf(b, ".%s", at->key);
	else if (ep_buf_puts(b, "[") || ep_json_string(b, at->key, at->key_len) || ep_buf_puts(b, "]"))
		ep_buf_reset(b);
}

/* Sets the error, of the value at `at`; what follows the path in the message. */
static int refuse(const encoder *e, const level *at, const char *what)
{
	ep_buf path = {0};
	add_path(&path, at);
	int shown = path.len > LONGEST_PATH ? LONGEST_PATH : (int)path.len;
	ep_err_set(e->err, EP_EJSON, "%.*s%s: %s", shown, ep_buf_text(&path), path.len > LONGEST_PATH ? "..." : "", what);
	ep_buf_fini(&path);
	if (!e->out->failed) e->out->failed = EP_EJSON;
	return EP_EJSON;
}

static int refuse_type(const encoder *e, const level *at, const char *article, int index)
{
	char what[80];
	snprintf(what, sizeof what, "%s%s cannot be JSON", article, lua_typename(e->L, lua_type(e->L, index)));
	return refuse(e, at, what);
}

static int full(const encoder *e)
{
	int code = e->out->failed ? e->out->failed : EP_ENOMEM;
	if (!e->out->failed) e->out->failed = code;
	return ep_err_set(e->err, code, code == EP_ETOOLARGE ? "the JSON text is too large" : "not enough memory for JSON");
}

/* --- scalars --- */

static int put_string(encoder *e, const level *at, int index)
{
	char what[80];
	size_t len;
	const char *text = lua_tolstring(e->L, index, &len);
	int rc = ep_json_string(e->out, text, len);
	if (!rc) return 0;
	if (rc != EP_EJSON) return full(e);
	snprintf(what, sizeof what, "a string that is not UTF-8, at byte %zu", ep_utf8_check(text, len));
	return refuse(e, at, what);
}

static int put_number(encoder *e, const level *at)
{
	int rc = lua_isinteger(e->L, -1) ? ep_json_integer(e->out, lua_tointeger(e->L, -1))
									 : ep_json_number(e->out, lua_tonumber(e->L, -1));
	if (!rc) return 0;
	return rc == EP_EJSON ? refuse(e, at, "a number that is not finite cannot be JSON") : full(e);
}

static int put_text(encoder *e, const char *text, size_t len) { return ep_buf_add(e->out, text, len) ? full(e) : 0; }

/* --- containers --- */

static int put_line(encoder *e)
{
	static const char spaces[] = "                                ";
	if (!e->style->pretty) return 0;
	if (put_text(e, "\n", 1)) return e->out->failed;
	for (int left = e->depth * 2; left > 0; left -= 32)
		if (put_text(e, spaces, (size_t)(left < 32 ? left : 32))) return e->out->failed;
	return 0;
}

/* Whether keys other than 1..n are in the table of n values at the top of the stack; its stack is left as it was. */
static bool is_sequence(lua_State *L, lua_Integer *n)
{
	lua_Integer count = 0, most = 0;
	for (lua_pushnil(L); lua_next(L, -2); count++) {
		lua_pop(L, 1);
		lua_Integer key = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
		if (key < 1) {
			lua_pop(L, 1);
			return false;
		}
		if (key > most) most = key;
	}
	*n = count;
	return most == count;
}

static int put_array(encoder *e, level *at)
{
	lua_Integer n = 0;
	if (!is_sequence(e->L, &n))
		return refuse(e, at->up, "a table with holes, or with other keys beside 1 to n, cannot be JSON");
	if (put_text(e, "[", 1)) return e->out->failed;
	e->depth++;
	for (at->index = 1; at->index <= n; at->index++) {
		if (at->index > 1 && put_text(e, ",", 1)) return e->out->failed;
		if (put_line(e)) return e->out->failed;
		lua_rawgeti(e->L, -1, at->index);
		int rc = put_value(e, at);
		if (rc) return rc;
		lua_pop(e->L, 1);
	}
	e->depth--;
	if (n && put_line(e)) return e->out->failed;
	return put_text(e, "]", 1);
}

/* Writes the member whose key and value are on the top of the stack. */
static int put_member(encoder *e, level *at)
{
	if (lua_type(e->L, -2) != LUA_TSTRING) {
		if (lua_isinteger(e->L, -2)) return refuse(e, at->up, "an integer among the keys of an object cannot be JSON");
		return refuse_type(e, at->up, "a key that is a ", -2);
	}
	at->key = NULL;
	if (ep_json_string(e->out, lua_tostring(e->L, -2), lua_rawlen(e->L, -2))) {
		if (e->out->failed == EP_EJSON) return refuse(e, at->up, "a key that is not UTF-8");
		return full(e);
	}
	at->key = lua_tolstring(e->L, -2, &at->key_len);
	if (put_text(e, ": ", e->style->pretty ? 2 : 1)) return e->out->failed;
	return put_value(e, at);
}

static int put_members(encoder *e, level *at, size_t *count)
{
	for (lua_pushnil(e->L); lua_next(e->L, -2); lua_pop(e->L, 1)) {
		if ((*count)++ && put_text(e, ",", 1)) return e->out->failed;
		int rc = put_line(e);
		if (rc || (rc = put_member(e, at))) return rc;
	}
	return 0;
}

static int by_key(const void *left, const void *right)
{
	const span *a = left, *b = right;
	int order = memcmp(a->key, b->key, a->key_len < b->key_len ? a->key_len : b->key_len);
	return order ? order : a->key_len < b->key_len ? -1 : 1;
}

/* Replaces the members that were written from `begin` on by the same in the order of their keys. */
static int put_sorted(encoder *e, span *spans, size_t count, size_t begin)
{
	ep_buf unsorted = {0};
	if (count) qsort(spans, count, sizeof *spans, by_key);
	int rc = ep_buf_add(&unsorted, e->out->data + begin, e->out->len - begin) ? full(e) : 0;
	e->out->len = begin;
	for (size_t i = 0; i < count && !rc; i++) {
		if (i) rc = put_text(e, ",", 1);
		if (!rc) rc = put_line(e);
		if (!rc) rc = put_text(e, unsorted.data + (spans[i].from - begin), spans[i].to - spans[i].from);
	}
	ep_buf_fini(&unsorted);
	return rc;
}

static int put_members_sorted(encoder *e, level *at, size_t *count)
{
	span *spans = NULL;
	size_t room = 0, begin = e->out->len;
	int rc = 0;
	for (lua_pushnil(e->L); lua_next(e->L, -2); lua_pop(e->L, 1)) {
		if (*count == room) {
			span *grown = ep_realloc(spans, (room = room ? room * 2 : 16) * sizeof *spans);
			if (!grown) {
				rc = full(e);
				goto done;
			}
			spans = grown;
		}
		span *s = &spans[*count];
		s->from = e->out->len;
		if ((rc = put_member(e, at))) goto done;
		s->key = at->key;
		s->key_len = at->key_len;
		s->to = e->out->len;
		++*count;
	}
	rc = put_sorted(e, spans, *count, begin);
done:
	ep_free(spans);
	return rc;
}

static int put_object(encoder *e, level *at)
{
	size_t count = 0;
	if (put_text(e, "{", 1)) return e->out->failed;
	e->depth++;
	int rc = e->style->sort ? put_members_sorted(e, at, &count) : put_members(e, at, &count);
	if (rc) return rc;
	e->depth--;
	if (count && put_line(e)) return e->out->failed;
	return put_text(e, "}", 1);
}

/* What the table at the top is to be: marked ones say it, else the first key does; an empty one is an object. */
static bool is_array(const encoder *e)
{
	lua_State *L = e->L;
	if (lua_getmetatable(L, -1)) {
		const void *mark = lua_topointer(L, -1);
		lua_pop(L, 1);
		if (mark == e->array_mark) return true;
		if (mark == e->object_mark) return false;
	}
	lua_pushnil(L);
	if (!lua_next(L, -2)) return false;
	bool integer = lua_isinteger(L, -2);
	lua_pop(L, 2);
	return integer;
}

/* An error when the table at the top is one of those that are being written. */
static int check_cycle(const encoder *e, const level *up, const void *table)
{
	for (const level *l = up; l; l = l->up) {
		if (l->table != table) continue;
		char what[LONGEST_PATH + 100];
		ep_buf path = {0};
		add_path(&path, l->up);
		snprintf(what, sizeof what, "a cycle: it is the same table as %.*s", LONGEST_PATH, ep_buf_text(&path));
		ep_buf_fini(&path);
		return refuse(e, up, what);
	}
	return 0;
}

static int put_table(encoder *e, const level *up)
{
	level at = {.up = up, .table = lua_topointer(e->L, -1)};
	if (!lua_checkstack(e->L, 5)) return full(e);
	int rc = check_cycle(e, up, at.table);
	if (rc) return rc;
	if (e->depth == EP_JSON_MAX_DEPTH) return refuse(e, up, "tables nested too deep for JSON");
	return is_array(e) ? put_array(e, &at) : put_object(e, &at);
}

/* Writes the value at the top of the stack and leaves it there. After an error more may be left above. */
static int put_value(encoder *e, const level *up)
{
	switch (lua_type(e->L, -1)) {
	case LUA_TSTRING: return put_string(e, up, -1);
	case LUA_TNUMBER: return put_number(e, up);
	case LUA_TBOOLEAN: return lua_toboolean(e->L, -1) ? put_text(e, "true", 4) : put_text(e, "false", 5);
	case LUA_TTABLE: return put_table(e, up);
	case LUA_TNIL: return refuse(e, up, "nil cannot be JSON (epact.json.null is its null)");
	case LUA_TUSERDATA:
		if (e->null && lua_touserdata(e->L, -1) == e->null) return put_text(e, "null", 4);
		return refuse_type(e, up, "a ", -1);
	default: return refuse_type(e, up, "a ", -1);
	}
}

int epl_json_encode_styled(lua_State *L, int index, const epl_json_style *style, ep_buf *out, ep_err *err)
{
	int top = lua_gettop(L);
	encoder e = {.L = L, .out = out, .err = err, .style = style};
	if (!lua_checkstack(L, 5)) return full(&e);
	index = lua_absindex(L, index);
	epl_json_state *state = epl_json_find(L);
	if (state) {
		e.null = state;
		e.array_mark = state->array_mark;
		e.object_mark = state->object_mark;
	}
	lua_pushvalue(L, index);
	int rc = put_value(&e, NULL);
	lua_settop(L, top);
	return rc;
}

int epl_json_encode(lua_State *L, int index, ep_buf *out, ep_err *err)
{
	return epl_json_encode_styled(L, index, &(epl_json_style){0}, out, err);
}
