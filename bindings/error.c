/* SPDX-License-Identifier: Apache-2.0 */
/* Error objects: epact.error in Lua (lua/epact/error.lua); made here of the runtime's ep_err. */
#include <string.h>

#include "bindings/epl.h"
#include "bindings/trace.h"

#define TYPE "epact.error"

enum { DETAIL = 4096 };

static int push_text(lua_State *L)
{
	const ep_buf *b = lua_touserdata(L, 1);
	if (ep_buf_failed(b)) return luaL_error(L, "not enough memory");
	lua_pushlstring(L, ep_buf_text(b), b->len);
	return 1;
}

void epl_push_buf(lua_State *L, ep_buf *b)
{
	lua_pushcfunction(L, push_text);
	lua_pushlightuserdata(L, b);
	int rc = lua_pcall(L, 1, 1, 0);
	ep_buf_fini(b);
	if (rc) lua_error(L);
}

void epl_push_masked(lua_State *L, const char *text)
{
	ep_buf b = {0};
	ep_mask(&b, epl_secrets(L), text, strlen(text));
	epl_push_buf(L, &b);
}

static void set_masked(lua_State *L, const char *key, const char *text)
{
	if (!text) return;
	epl_push_masked(L, text);
	lua_setfield(L, -2, key);
}

/* The end of a peer's words, cut behind the masking: a cut before it could leave a part of a secret, which nothing
 * would hide. */
static void set_detail(lua_State *L, const char *text)
{
	size_t len;
	if (!text) return;
	epl_push_masked(L, text);
	const char *masked = lua_tolstring(L, -1, &len);
	if (len > DETAIL) {
		lua_pushlstring(L, masked + len - DETAIL, DETAIL);
		lua_remove(L, -2);
	}
	lua_setfield(L, -2, "detail");
}

static void set_integer(lua_State *L, const char *key, int value)
{
	if (!value) return;
	lua_pushinteger(L, value);
	lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, double value)
{
	if (value < 0) return;
	lua_pushnumber(L, value);
	lua_setfield(L, -2, key);
}

/* Sets the field `rate`. */
static void set_rate(lua_State *L, const ep_err_rate *rate)
{
	lua_createtable(L, 0, 3);
	set_number(L, "limit", rate->limit);
	set_number(L, "remaining", rate->remaining);
	set_number(L, "reset", rate->reset);
	lua_setfield(L, -2, "rate");
}

static int push_fields(lua_State *L)
{
	const ep_err *err = lua_touserdata(L, 1);
	lua_createtable(L, 0, 8);
	lua_pushstring(L, ep_err_slug(err->code));
	lua_setfield(L, -2, "code");
	set_masked(L, "message", ep_err_message(err));
	set_masked(L, "operation", err->operation);
	set_detail(L, err->detail);
	set_masked(L, "request_id", err->request_id);
	set_integer(L, "status", err->status);
	set_integer(L, "attempts", err->attempts);
	lua_pushboolean(L, err->retryable);
	lua_setfield(L, -2, "retryable");
	if (err->maybe_sent) {
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, "maybe_sent");
	}
	if (err->retry_after > 0) {
		lua_pushnumber(L, err->retry_after);
		lua_setfield(L, -2, "retry_after");
	}
	if (err->rate.given) set_rate(L, &err->rate);
	luaL_setmetatable(L, TYPE);
	return 1;
}

/* Protected: the error is let go also when there is no memory for its object; that is raised then. */
void epl_push_err(lua_State *L, ep_err *err)
{
	lua_pushcfunction(L, push_fields);
	lua_pushlightuserdata(L, err);
	int rc = lua_pcall(L, 1, 1, 0);
	ep_err_fini(err);
	if (rc) lua_error(L);
}

void epl_push_message(lua_State *L, ep_err *err)
{
	ep_buf b = {0};
	ep_buf_puts(&b, ep_err_message(err));
	ep_err_fini(err);
	epl_push_buf(L, &b);
}

int epl_raise(lua_State *L, ep_err *err)
{
	epl_push_err(L, err);
	return lua_error(L);
}

int epl_raise_code(lua_State *L, int code, const char *format, ...)
{
	ep_err err = {0};
	va_list args;
	va_start(args, format);
	ep_err_vset(&err, code, format, args);
	va_end(args);
	return epl_raise(L, &err);
}

/* "MESSAGE (CODE, operation OPERATION, 3 attempts)": what is known, in one line. */
static int error_tostring(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_Buffer b;
	luaL_buffinit(L, &b);
	lua_getfield(L, 1, "message");
	luaL_tolstring(L, -1, NULL);
	lua_remove(L, -2);
	luaL_addvalue(&b);
	if (lua_getfield(L, 1, "operation") == LUA_TSTRING) {
		lua_pushfstring(L, " (%s", lua_tostring(L, -1));
		lua_remove(L, -2);
		luaL_addvalue(&b);
		if (lua_getfield(L, 1, "attempts") == LUA_TNUMBER && lua_tointeger(L, -1) > 1) {
			lua_pushfstring(L, ", %d attempts", (int)lua_tointeger(L, -1));
			lua_remove(L, -2);
			luaL_addvalue(&b);
		} else {
			lua_pop(L, 1);
		}
		luaL_addchar(&b, ')');
	} else {
		lua_pop(L, 1);
	}
	luaL_pushresult(&b);
	return 1;
}

/* new(fields): gives the table the type; fields.code and fields.message are required. */
static int error_new(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (lua_getfield(L, 1, "code") != LUA_TSTRING) return luaL_argerror(L, 1, "field 'code' must be a string");
	if (lua_getfield(L, 1, "message") != LUA_TSTRING) return luaL_argerror(L, 1, "field 'message' must be a string");
	lua_settop(L, 1);
	luaL_setmetatable(L, TYPE);
	return 1;
}

static int error_is(lua_State *L)
{
	bool is = lua_istable(L, 1) && lua_getmetatable(L, 1);
	if (is) {
		luaL_getmetatable(L, TYPE);
		is = lua_rawequal(L, -1, -2);
	}
	lua_pushboolean(L, is);
	return 1;
}

static int error_mask(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	ep_buf b = {0};
	ep_mask(&b, epl_secrets(L), text, len);
	epl_push_buf(L, &b);
	return 1;
}

/* nearest(word, list of names) -> name or nil */
static int error_nearest(lua_State *L)
{
	const char *word = luaL_checkstring(L, 1);
	luaL_checktype(L, 2, LUA_TTABLE);
	size_t count = (size_t)lua_rawlen(L, 2);
	const char **names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);
	for (size_t i = 0; i < count; i++) {
		if (lua_rawgeti(L, 2, (lua_Integer)i + 1) != LUA_TSTRING) return luaL_argerror(L, 2, "names are strings");
		names[i] = lua_tostring(L, -1); /* the list keeps it */
		lua_pop(L, 1);
	}
	names[count] = NULL;
	lua_pushstring(L, epl_nearest(word, names, sizeof *names));
	return 1;
}

/* traceback(value) -> the error's text, blamed on the script, and where it came from; what is no string as it is. */
static int error_traceback(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_settop(L, 1);
	if (lua_type(L, 1) != LUA_TSTRING) return 1;
	epl_blame_script(L);
	epl_push_trace(L, lua_tostring(L, 1));
	return lua_rawlen(L, 2) ? 1 : (lua_settop(L, 1), 1);
}

static const luaL_Reg meta[] = {{"__tostring", error_tostring}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"new", error_new}, {"is", error_is}, {"mask", error_mask},
	{"nearest", error_nearest}, {"traceback", error_traceback}, {NULL, NULL}};

int epl_open_error(lua_State *L)
{
	epl_type(L, TYPE, NULL, meta);
	luaL_newlib(L, functions);
	return 1;
}
