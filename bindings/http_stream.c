/* SPDX-License-Identifier: Apache-2.0 */
/* The streamed answers of epact.http. Face: lua/epact/http.lua; engine: runtime/http; whole ones: bindings/http_answer.c. */
#include <string.h>

#include "bindings/epl.h"
#include "bindings/http_answer.h"

#define STREAM "epact.http.stream"

typedef struct stream {
	ep_http_call *call; /* NULL: closed */
	ep_op *owner;       /* counted: what ends the call when it is released */
} stream;

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
	epl_http_push_headers(L, s->call);
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
	ep_err err = epl_http_error_of(call->status);
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

/* header(name) -> value or nil: of several of that name the first. */
static int stream_header(lua_State *L) { return epl_http_push_header(L, check_stream(L), 2); }

/* header_list() -> array of {name, value} in the order sent. */
static int stream_header_list(lua_State *L) { return epl_http_push_header_list(L, check_stream(L)); }

/* --- type --- */

static const luaL_Reg methods[] = {{"read", stream_read}, {"chunks", stream_chunks}, {"close", stream_close},
	{"check", stream_check}, {"header", stream_header}, {"header_list", stream_header_list}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", stream_close}, {"__close", stream_close}, {NULL, NULL}};

void epl_http_open_streams(lua_State *L) { epl_http_open_type(L, STREAM, methods, meta, stream_index); }
