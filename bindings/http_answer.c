/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of epact.http: a table with the whole body, or a stream of it. Face: lua/epact/http.lua; engine:
 * runtime/http. */
#include <ctype.h>
#include <string.h>

#include "bindings/epl.h"
#include "bindings/http.h"
#include "bindings/json.h"

#define RESPONSE "epact.http.response"
#define STREAM "epact.http.stream"

enum {
	SNIPPET = 200, /* bytes of a body that an error shows */
	MASKED = 8192, /* that are masked before they are cut to these: a secret may begin in one and end in the other */
};

typedef struct stream {
	ep_http_call *call; /* NULL: closed */
	ep_op *owner;       /* counted: what ends the call when it is released */
} stream;

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

static void push_headers(lua_State *L, const ep_http_call *call)
{
	ep_http_field f;
	lua_newtable(L);
	for (size_t at = 0; ep_http_header_next(call, &at, &f);) set_header(L, &f);
}

static void push_header_list(lua_State *L, const ep_http_call *call)
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
}

/* The answer at arg as a call that has only its head, borrowed. */
static ep_http_call head_of(lua_State *L, int arg)
{
	ep_http_call call = {0};
	stream *s = luaL_testudata(L, arg, STREAM);
	if (s && s->call) return (ep_http_call){.status = s->call->status, .head = s->call->head};
	if (lua_istable(L, arg) && lua_rawgetp(L, arg, &head_key) == LUA_TSTRING)
		call.head.data = (char *)lua_tolstring(L, -1, &call.head.len);
	if (lua_istable(L, arg)) lua_pop(L, 1); /* the answer holds it */
	return call;
}

/* header(name) -> value or nil: of several of that name the first. */
static int answer_header(lua_State *L)
{
	ep_http_field f;
	const char *name = luaL_checkstring(L, 2);
	ep_http_call call = head_of(L, 1);
	if (!ep_http_header_find(&call, name, &f)) return 0;
	lua_pushlstring(L, f.value, f.value_len);
	return 1;
}

/* header_list() -> array of {name, value} in the order sent. */
static int answer_header_list(lua_State *L)
{
	ep_http_call call = head_of(L, 1);
	push_header_list(L, &call);
	return 1;
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

static ep_err error_of(int status)
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
	ep_err err = error_of((int)status);
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
		push_headers(L, &call);
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

/* --- a streamed answer --- */

void epl_http_push_stream(lua_State *L, ep_http_call *call, ep_op *owner, int anchor)
{
	if (anchor) anchor = lua_absindex(L, anchor);
	stream *s = epl_new(L, sizeof *s, STREAM);
	s->owner = owner ? owner : &call->op;
	ep_op_retain(s->owner);
	s->call = call;
	lua_createtable(L, 1, 1);
	if (anchor) {
		lua_pushvalue(L, anchor);
		lua_rawseti(L, -2, 1);
	}
	lua_setiuservalue(L, -2, 1);
}

static ep_http_call *check_stream(lua_State *L)
{
	stream *s = epl_check(L, 1, STREAM);
	if (!s->call) epl_raise_code(L, EP_ECLOSED, "the answer was closed");
	return s->call;
}

static int stream_index(lua_State *L)
{
	stream *s = epl_check(L, 1, STREAM);
	const char *key = luaL_checkstring(L, 2);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL || !s->call) return 1;
	if (!strcmp(key, "status")) lua_pushinteger(L, s->call->status);
	if (!strcmp(key, "ok")) lua_pushboolean(L, s->call->status / 100 == 2);
	if (strcmp(key, "headers") != 0) return 1;
	lua_getiuservalue(L, 1, 1);
	if (lua_getfield(L, -1, "headers") == LUA_TTABLE) return 1;
	push_headers(L, s->call);
	lua_pushvalue(L, -1);
	lua_setfield(L, -4, "headers");
	return 1;
}

static int push_chunk(lua_State *L, ep_op *op)
{
	const ep_http_read *r = (const ep_http_read *)(const void *)op;
	if (r->chunk.len == 0)
		lua_pushnil(L);
	else
		lua_pushlstring(L, r->chunk.data, r->chunk.len);
	return 1;
}

static int read_chunk(lua_State *L, size_t max)
{
	ep_http_call *call = check_stream(L);
	ep_http_read *r;
	ep_err err = {0};
	epl_check_can_wait(L);
	if (ep_http_read_start(&r, call, max, &err)) return epl_raise(L, &err);
	return epl_await(L, &r->op, push_chunk);
}

/* read([max]) -> the next bytes, nil at the end. */
static int stream_read(lua_State *L)
{
	lua_Integer max = luaL_optinteger(L, 2, 0);
	luaL_argcheck(L, max > 0 || lua_isnoneornil(L, 2), 2, "a number of bytes must be 1 or more");
	return read_chunk(L, (size_t)max);
}

static int next_chunk(lua_State *L)
{
	lua_settop(L, 1);
	return read_chunk(L, 0);
}

/* chunks() -> iterator: for chunk in answer:chunks() do ... end */
static int stream_chunks(lua_State *L)
{
	check_stream(L);
	lua_pushcfunction(L, next_chunk);
	lua_pushvalue(L, 1);
	return 2;
}

/* check() -> the answer itself when its status is below 400, else raises; what it says is still to be read. */
static int stream_check(lua_State *L)
{
	ep_http_call *call = check_stream(L);
	ep_buf operation = {0};
	lua_settop(L, 1);
	if (call->status < 400) return 1;
	ep_err err = error_of(call->status);
	call->op.class->describe(&call->op, &operation);
	err.operation = ep_buf_take(&operation);
	return epl_raise(L, &err);
}

static int stream_close(lua_State *L)
{
	stream *s = epl_check(L, 1, STREAM);
	ep_http_call *call = s->call;
	s->call = NULL;
	if (!call) return 0;
	ep_http_stop(call);
	ep_op_release(s->owner);
	return 0;
}

/* --- types --- */

static const luaL_Reg response_methods[] = {{"check", response_check}, {"json", response_json},
	{"header", answer_header}, {"header_list", answer_header_list}, {NULL, NULL}};
static const luaL_Reg stream_methods[] = {{"read", stream_read}, {"chunks", stream_chunks}, {"close", stream_close},
	{"check", stream_check}, {"header", answer_header}, {"header_list", answer_header_list}, {NULL, NULL}};
static const luaL_Reg stream_meta[] = {{"__gc", stream_close}, {"__close", stream_close}, {NULL, NULL}};

static void open_type(
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
	open_type(L, RESPONSE, response_methods, NULL, response_index);
	open_type(L, STREAM, stream_methods, stream_meta, stream_index);
}
