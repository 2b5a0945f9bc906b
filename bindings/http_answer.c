/* SPDX-License-Identifier: Apache-2.0 */
/* The whole answers of epact.http. Face: lua/epact/http.lua; engine: runtime/http; streamed ones: bindings/http_stream.c. */
#include <ctype.h>
#include <string.h>

#include "bindings/epl.h"
#include "bindings/http_answer.h"
#include "bindings/json.h"

#define RESPONSE "epact.http.response"

enum {
	SNIPPET = 200, /* bytes of a body that an error shows */
	MASKED = 8192, /* that are masked before they are cut to these: a secret may begin in one and end in the other */
};

/* The header lines in a response, under this key: parsed when somebody asks. */
static const char head_key;

/* What was asked, under this key: the operation of the errors that the response raises. */
static const char operation_key;

/* --- headers --- */

static void push_lower(lua_State *L, const char *text, size_t len)
{
	luaL_Buffer b;
	char *to = luaL_buffinitsize(L, &b, len);
	for (size_t i = 0; i < len; i++) to[i] = (char)tolower((unsigned char)text[i]);
	luaL_pushresultsize(&b, len);
}

/* Sets table[lower name] = value, behind an earlier value of that name. */
static void set_header(lua_State *L, const ep_http_field *f)
{
	push_lower(L, f->name, f->name_len);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) == LUA_TSTRING) {
		lua_pushliteral(L, ", ");
		lua_pushlstring(L, f->value, f->value_len);
		lua_concat(L, 3);
	} else {
		lua_pop(L, 1);
		lua_pushlstring(L, f->value, f->value_len);
	}
	lua_rawset(L, -3);
}

void epl_http_push_headers(lua_State *L, const ep_http_call *call)
{
	ep_http_field f;
	lua_newtable(L);
	for (size_t at = 0; ep_http_header_next(call, &at, &f);) set_header(L, &f);
}

int epl_http_push_header_list(lua_State *L, const ep_http_call *call)
{
	ep_http_field f;
	lua_newtable(L);
	lua_Integer n = 0;
	for (size_t at = 0; ep_http_header_next(call, &at, &f);) {
		lua_createtable(L, 0, 2);
		push_lower(L, f.name, f.name_len);
		lua_setfield(L, -2, "name");
		lua_pushlstring(L, f.value, f.value_len);
		lua_setfield(L, -2, "value");
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* The response at arg as a call that has only its head, borrowed. */
static ep_http_call head_of(lua_State *L, int arg)
{
	ep_http_call call = {0};
	if (lua_istable(L, arg) && lua_rawgetp(L, arg, &head_key) == LUA_TSTRING)
		call.head.data = (char *)lua_tolstring(L, -1, &call.head.len);
	if (lua_istable(L, arg)) lua_pop(L, 1); /* the answer holds it */
	return call;
}

int epl_http_push_header(lua_State *L, const ep_http_call *call, int name)
{
	ep_http_field f;
	if (!ep_http_header_find(call, luaL_checkstring(L, name), &f)) return 0;
	lua_pushlstring(L, f.value, f.value_len);
	return 1;
}

/* header(name) -> value or nil: of several of that name the first. */
static int response_header(lua_State *L)
{
	ep_http_call call = head_of(L, 1);
	return epl_http_push_header(L, &call, 2);
}

/* header_list() -> array of {name, value} in the order sent. */
static int response_header_list(lua_State *L)
{
	ep_http_call call = head_of(L, 1);
	return epl_http_push_header_list(L, &call);
}

/* --- statuses as errors --- */

static int code_of_status(lua_Integer status)
{
	switch (status) {
	case 400: return EP_EBADREQUEST;
	case 401:
	case 403: return EP_EAUTH;
	case 404: return EP_ENOENT;
	case 405: return EP_EMETHOD;
	case 409: return EP_ECONFLICT;
	case 413: return EP_ETOOLARGE;
	case 422: return EP_EUNPROCESSABLE;
	case 423: return EP_ELOCKED;
	case 429: return EP_ERATELIMIT;
	default: return status >= 500 ? EP_ESERVER : EP_ESTATUS;
	}
}

static void set_snippet(lua_State *L, int body, ep_err *err)
{
	size_t len;
	ep_buf b = {0};
	const char *text = lua_tolstring(L, body, &len);
	if (text && len && !ep_mask(&b, epl_secrets(L), text, len < MASKED ? len : MASKED))
		ep_err_text(&err->detail, ep_buf_text(&b), b.len < SNIPPET ? b.len : SNIPPET);
	ep_buf_fini(&b);
}

/* Raises err, about the response at 1 with the body on the top. */
static int raise_response(lua_State *L, ep_err *err)
{
	size_t len;
	set_snippet(L, -1, err);
	lua_rawgetp(L, 1, &operation_key);
	const char *operation = lua_tolstring(L, -1, &len);
	if (operation) ep_err_text(&err->operation, operation, len);
	return epl_raise(L, err);
}

ep_err epl_http_error_of(int status)
{
	ep_err err = {.status = status, .retryable = status == 429 || status == 423 || status >= 500};
	ep_err_set(&err, code_of_status(status), "the server answered with status %d", status);
	return err;
}

/* check() -> the answer itself when its status is below 400, else raises. */
static int response_check(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "status");
	lua_Integer status = lua_tointeger(L, -1);
	lua_settop(L, 1);
	if (status < 400) return 1;
	ep_err err = epl_http_error_of((int)status);
	lua_getfield(L, 1, "body");
	return raise_response(L, &err);
}

/* json() -> the decoded body. */
static int response_json(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	size_t len;
	lua_getfield(L, 1, "body");
	const char *text = luaL_checklstring(L, -1, &len);
	ep_err err = {0};
	int rc = epl_json_decode(L, text, len, NULL, &err);
	return rc ? raise_response(L, &err) : 1;
}

/* --- a whole answer --- */

int epl_http_push_answer(lua_State *L, int status, const ep_buf *head, const ep_buf *body)
{
	lua_createtable(L, 0, 4);
	lua_pushinteger(L, status);
	lua_setfield(L, -2, "status");
	lua_pushlstring(L, ep_buf_text(body), body->len);
	lua_setfield(L, -2, "body");
	lua_pushlstring(L, ep_buf_text(head), head->len);
	lua_rawsetp(L, -2, &head_key);
	luaL_setmetatable(L, RESPONSE);
	return 1;
}

int epl_http_push_response(lua_State *L, ep_op *op)
{
	const ep_http_call *call = (const ep_http_call *)(void *)op;
	ep_buf operation = {0};
	epl_http_push_answer(L, call->status, &call->head, &call->body);
	op->class->describe(op, &operation);
	epl_push_buf(L, &operation);
	lua_rawsetp(L, -2, &operation_key);
	return 1;
}

/* headers and ok, made when first asked for; else a method, from upvalue 1. */
static int response_index(lua_State *L)
{
	const char *key = lua_tostring(L, 2);
	lua_settop(L, 2);
	if (key && !strcmp(key, "headers")) {
		ep_http_call call = head_of(L, 1);
		epl_http_push_headers(L, &call);
		lua_pushvalue(L, -1);
		lua_setfield(L, 1, "headers");
		return 1;
	}
	if (key && !strcmp(key, "ok")) {
		lua_getfield(L, 1, "status");
		lua_Integer status = lua_tointeger(L, -1);
		lua_pushboolean(L, status >= 200 && status < 300);
		return 1;
	}
	lua_rawget(L, lua_upvalueindex(1));
	return 1;
}

/* --- types --- */

static const luaL_Reg response_methods[] = {{"check", response_check}, {"json", response_json},
	{"header", response_header}, {"header_list", response_header_list}, {NULL, NULL}};

void epl_http_open_type(
	lua_State *L, const char *type, const luaL_Reg *methods, const luaL_Reg *meta, lua_CFunction index)
{
	epl_type(L, type, NULL, meta);
	luaL_getmetatable(L, type);
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_pushcclosure(L, index, 1);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}

void epl_http_open_answers(lua_State *L)
{
	epl_http_open_type(L, RESPONSE, response_methods, NULL, response_index);
	epl_http_open_streams(L);
}
