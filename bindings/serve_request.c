/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of an HTTP server. Face: lua/epact/serve.lua; engine: runtime/serve/; the server: bindings/serve.c. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bindings/epl.h"
#include "bindings/serve.h"

#define REQUEST "epact.server.request"

typedef struct request {
	ep_request *request; /* NULL: released */
	uint64_t read_timeout;
} request;

/* --- readers --- */

typedef struct header_list {
	ep_header *headers; /* NULL: only count */
	size_t count;
	int anchor; /* stack index of the table that keeps the texts of numbers alive */
} header_list;

static const char *header_text(lua_State *L, header_list *list, const char *name)
{
	size_t len;
	if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
		luaL_error(L, "header '%s' must be a string, got %s", name, luaL_typename(L, -1));
	lua_pushvalue(L, -1); /* so that a number in the caller's table stays one */
	const char *text = lua_tolstring(L, -1, &len);
	if (memchr(text, 0, len)) luaL_error(L, "the value of header '%s' holds a NUL byte", name);
	lua_rawseti(L, list->anchor, luaL_len(L, list->anchor) + 1);
	return text;
}

static void add_header(lua_State *L, header_list *list, const char *name)
{
	if (list->headers) list->headers[list->count] = (ep_header){name, header_text(L, list, name)};
	list->count++;
}

/* One header for a value, one for each item of a list (set-cookie). */
static void walk_headers(lua_State *L, int index, header_list *list)
{
	list->count = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		size_t len;
		if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "the name of a header must be a string");
		const char *name = lua_tolstring(L, -2, &len);
		if (strlen(name) != len) luaL_error(L, "the name of a header holds a NUL byte");
		if (!lua_istable(L, -1)) {
			add_header(L, list, name);
			continue;
		}
		for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++, lua_pop(L, 1)) add_header(L, list, name);
		lua_pop(L, 1);
	}
}

/* Leaves on the stack what the headers point to. */
static header_list check_headers(lua_State *L, int index)
{
	header_list list = {0};
	if (lua_isnoneornil(L, index)) return list;
	luaL_checktype(L, index, LUA_TTABLE);
	luaL_checkstack(L, 8, NULL);
	lua_newtable(L);
	list.anchor = lua_gettop(L);
	walk_headers(L, index, &list);
	list.headers = lua_newuserdatauv(L, (list.count + 1) * sizeof *list.headers, 0);
	walk_headers(L, index, &list);
	return list;
}

static int check_status(lua_State *L, int arg)
{
	lua_Integer status = luaL_checkinteger(L, arg);
	luaL_argcheck(L, status >= 200 && status <= 599, arg, "a status is between 200 and 599");
	return (int)status;
}

static ep_request *check_request(lua_State *L)
{
	request *r = epl_check(L, 1, REQUEST);
	if (!r->request) epl_raise_code(L, EP_ECLOSED, "the request is over: its handler has returned");
	return r->request;
}

/* --- results --- */

/* A name that came several times has its values joined, as if they had come in one. */
static void push_headers(lua_State *L, const ep_request *r)
{
	size_t count;
	const ep_header *headers = ep_request_headers(r, &count);
	lua_createtable(L, 0, (int)count);
	for (size_t i = 0; i < count; i++) {
		const char *name = headers[i].name;
		if (lua_getfield(L, -1, name) == LUA_TNIL) {
			lua_pop(L, 1);
			lua_pushstring(L, headers[i].value);
		} else {
			lua_pushstring(L, strcmp(name, "cookie") ? ", " : "; ");
			lua_pushstring(L, headers[i].value);
			lua_concat(L, 3);
		}
		lua_setfield(L, -2, name);
	}
}

int epl_serve_push_request(lua_State *L, ep_op *accept, uint64_t read_timeout)
{
	request *r = epl_new(L, sizeof *r, REQUEST);
	r->request = ep_accept_take(accept);
	r->read_timeout = read_timeout;
	if (!r->request) return 0;
	lua_pushstring(L, ep_request_method(r->request));
	lua_pushstring(L, ep_request_path(r->request));
	lua_pushstring(L, ep_request_query(r->request));
	push_headers(L, r->request);
	lua_pushstring(L, ep_request_remote(r->request));
	lua_pushstring(L, ep_request_version(r->request));
	lua_pushinteger(L, (lua_Integer)ep_request_length(r->request));
	return 8;
}

/* read(request, max): the results of both ways, at once and after a wait */
static int push_chunk(lua_State *L, ep_op *op)
{
	(void)op;
	const char *data;
	ep_request *r = check_request(L);
	lua_Integer max = lua_tointeger(L, 2);
	size_t len = ep_request_peek(r, &data);
	if (!len) return 0;
	if (max && len > (size_t)max) len = (size_t)max;
	lua_pushlstring(L, data, len);
	ep_request_take(r, len);
	return 1;
}

/* --- methods --- */

static int raise_body(lua_State *L, int code)
{
	if (code == EP_ETRUNCATED)
		return epl_raise_code(L, code, "the peer went away before the end of the request's body");
	if (code == EP_ETIMEOUT) return epl_raise_code(L, code, "the peer sent nothing more of the request's body in time");
	return epl_raise_code(L, code, "the request is over, its body can't be read any more");
}

static int request_read(lua_State *L)
{
	ep_request *r = check_request(L);
	lua_Integer max = luaL_optinteger(L, 2, 0);
	luaL_argcheck(L, max > 0 || lua_isnoneornil(L, 2), 2, "a number of bytes must be 1 or more");
	int rc = ep_request_readable(r);
	lua_settop(L, 2);
	if (rc > 0 || rc == EP_ENOENT) return push_chunk(L, NULL);
	if (rc < 0) return raise_body(L, rc);
	epl_check_can_wait(L);
	ep_op *op = ep_request_wait_body(r, ((request *)lua_touserdata(L, 1))->read_timeout);
	return op ? epl_await(L, op, push_chunk) : luaL_error(L, "not enough memory");
}

static int request_respond(lua_State *L)
{
	ep_request *r = check_request(L);
	ep_err err = {0};
	size_t len;
	lua_settop(L, 4);
	int status = check_status(L, 2);
	const char *body = luaL_optlstring(L, 4, "", &len);
	header_list list = check_headers(L, 3);
	if (ep_request_respond(r, status, list.headers, list.count, body, len, &err)) return epl_raise(L, &err);
	return 0;
}

/* respond_stream(request, status, headers, length or nil) */
static int request_respond_stream(lua_State *L)
{
	ep_request *r = check_request(L);
	ep_err err = {0};
	lua_settop(L, 4);
	int status = check_status(L, 2);
	lua_Integer length = luaL_optinteger(L, 4, -1);
	luaL_argcheck(L, length >= 0 || lua_isnil(L, 4), 4, "a length must be 0 or more");
	header_list list = check_headers(L, 3);
	if (ep_request_respond_stream(r, status, list.headers, list.count, length, &err)) return epl_raise(L, &err);
	return 0;
}

static int request_respond_file(lua_State *L)
{
	ep_request *r = check_request(L);
	ep_err err = {0};
	lua_settop(L, 4);
	int status = check_status(L, 2);
	const char *path = epl_check_text(L, 4, NULL);
	header_list list = check_headers(L, 3);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold up the loop */
	if (fd < 0) {
		ep_err_set_errno(&err, -errno, path);
		return epl_raise(L, &err);
	}
	if (ep_request_respond_fd(r, status, list.headers, list.count, fd, path, &err)) return epl_raise(L, &err);
	return 0;
}

static int request_write(lua_State *L)
{
	ep_request *r = check_request(L);
	size_t len;
	const char *bytes = luaL_checklstring(L, 2, &len);
	epl_check_can_wait(L);
	int rc = ep_request_write(r, bytes, len);
	if (rc == EP_ECLOSED) return epl_raise_code(L, rc, "the peer went away before the end of the response");
	if (rc == EP_ENOMEM) return luaL_error(L, "not enough memory");
	if (rc) return luaL_error(L, "the response has ended, or has more bytes than its length");
	if (ep_request_writable(r)) return 0;
	ep_op *op = ep_request_wait_room(r, 0);
	return op ? epl_await(L, op, NULL) : luaL_error(L, "not enough memory");
}

static int request_finish(lua_State *L)
{
	request *r = epl_check(L, 1, REQUEST);
	if (r->request) ep_request_end(r->request);
	return 0;
}

static int request_abort(lua_State *L)
{
	request *r = epl_check(L, 1, REQUEST);
	if (r->request) ep_request_abort(r->request);
	return 0;
}

static int request_cut(lua_State *L)
{
	request *r = epl_check(L, 1, REQUEST);
	if (r->request) ep_request_cut(r->request);
	return 0;
}

static int request_reset(lua_State *L)
{
	request *r = epl_check(L, 1, REQUEST);
	if (r->request) ep_request_reset(r->request);
	return 0;
}

static int request_answered(lua_State *L)
{
	lua_pushboolean(L, ep_request_answered(check_request(L)));
	return 1;
}

static int request_gone(lua_State *L)
{
	const request *r = epl_check(L, 1, REQUEST);
	lua_pushboolean(L, !r->request || ep_request_gone(r->request));
	return 1;
}

static int request_close(lua_State *L)
{
	request *r = epl_check(L, 1, REQUEST);
	ep_request *engine = r->request;
	r->request = NULL;
	if (engine) ep_request_release(engine);
	return 0;
}

/* --- tables --- */

static const luaL_Reg request_methods[] = {{"read", request_read}, {"respond", request_respond},
	{"respond_stream", request_respond_stream}, {"respond_file", request_respond_file}, {"write", request_write},
	{"finish", request_finish}, {"abort", request_abort}, {"cut", request_cut}, {"reset", request_reset},
	{"answered", request_answered}, {"gone", request_gone}, {"close", request_close}, {NULL, NULL}};

static const luaL_Reg request_meta[] = {{"__gc", request_close}, {"__close", request_close}, {NULL, NULL}};

void epl_serve_open_requests(lua_State *L) { epl_type(L, REQUEST, request_methods, request_meta); }
