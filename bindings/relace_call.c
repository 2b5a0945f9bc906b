/* SPDX-License-Identifier: Apache-2.0 */
/* What all calls of the Relace API share: their options, their answers; and calls of any route. Face:
 * lua/epact/relace.lua; engine: runtime/relace/call. */
#include <string.h>
#include <strings.h>

#include "bindings/http.h"
#include "bindings/json.h"
#include "bindings/relace.h"
#include "runtime/relace/address.h"
#include "runtime/relace/source.h"

/* --- readers --- */

void epl_check_retries(lua_State *L, lua_Integer max_retries, const char *what)
{
	if (max_retries > 100) luaL_error(L, "%s: option 'max_retries' must be from 0 to 100, got %I", what, max_retries);
}

/* Its values are plain: no server of this API takes a list. */
ep_relace_text epl_push_query(lua_State *L, int index, const char *what)
{
	ep_relace_text query;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		if (lua_istable(L, -1))
			luaL_error(L, "%s: query parameter '%s' must be a string, a number, a boolean or json.null, got a table",
				what, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?");
	epl_http_push_query(L, index, what);
	query.data = lua_tolstring(L, -1, &query.len);
	return query;
}

epl_call_options epl_take_call_fields(lua_State *L, const epl_call_fields *f, const char *what)
{
	epl_check_retries(L, f->max_retries, what);
	epl_call_options o = {.raw = f->raw,
		.call = {.timeout = f->timeout,
			.deadline = f->deadline,
			.max_retries = (int)f->max_retries,
			.max_retry_wait = f->max_retry_wait,
			.idempotency_key = epl_relace_text(f->idempotency_key),
			.repeatable = f->repeatable}};
	if (f->headers) {
		const epl_http_list *headers = epl_http_read_changes(L, f->headers, what);
		o.call.headers = headers->list;
		o.call.header_count = headers->count;
	}
	if (f->query) o.call.query = epl_push_query(L, f->query, what);
	return o;
}

epl_call_options epl_relace_options(lua_State *L, int arg, const char *what)
{
	struct {
		epl_call_fields call;
	} o = {EPL_NO_CALL_FIELDS};
	static const epl_option spec[] = {EPL_CALL_OPTIONS(0), {0}};
	if (lua_isnoneornil(L, arg)) return (epl_call_options){.call = EP_RELACE_NO_OPTIONS};
	epl_read_options(L, arg, spec, &o, what);
	return epl_take_call_fields(L, &o.call, what);
}

/* --- answers --- */

int epl_fail_answer(lua_State *L, const ep_relace_call *call, const char *why)
{
	ep_err err = {0};
	ep_relace_no_json(&err, call, why);
	return epl_raise(L, &err);
}

static int push_decoded(lua_State *L, const ep_relace_call *call)
{
	ep_err err = {0};
	if (!epl_json_decode(L, ep_buf_text(&call->body), call->body.len, NULL, &err)) return 1;
	ep_err said = {0};
	ep_relace_no_json(&said, call, ep_err_message(&err));
	ep_err_fini(&err);
	return epl_raise(L, &said);
}

/* Drops the members that are null from the table on the top, and from those in it: the API says null where it has
 * nothing to say. */
static void drop_nulls(lua_State *L, int null, int depth)
{
	int table = lua_gettop(L);
	luaL_checkstack(L, 4, "an answer");
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
		if (lua_rawequal(L, -1, null)) {
			lua_pushvalue(L, -2);
			lua_pushnil(L);
			lua_rawset(L, table); /* clearing a field is what a traversal allows */
		} else if (depth > 1 && lua_istable(L, -1)) {
			drop_nulls(L, null, depth - 1);
		}
	}
}

void epl_relace_drop_nulls(lua_State *L, int depth)
{
	if (!lua_istable(L, -1)) return;
	epl_json_push_null(L);
	lua_insert(L, -2);
	drop_nulls(L, lua_gettop(L) - 1, depth);
	lua_remove(L, -2);
}

/* A list would be a table of Lua, too. */
static bool begins_object(const ep_buf *body)
{
	size_t blanks = strspn(ep_buf_text(body), " \t\r\n");
	return blanks < body->len && body->data[blanks] == '{';
}

int epl_push_answer(lua_State *L, ep_op *op)
{
	const ep_relace_call *call = (const ep_relace_call *)op;
	if (!call->body.len) return epl_fail_answer(L, call, "it is empty");
	push_decoded(L, call);
	if (!begins_object(&call->body)) return epl_fail_answer(L, call, "it is no object");
	if (memmem(call->body.data, call->body.len, "null", 4)) epl_relace_drop_nulls(L, EPL_NULL_DEPTH);
	return 1;
}

int epl_push_raw(lua_State *L, const ep_relace_call *call)
{
	const ep_http_call *http =
		call->http; /* its body stays there when the status is no success, such as a 404 of a delete */
	return epl_http_push_answer(L, call->status, &http->head, call->body.len ? &call->body : &http->body);
}

static int push_raw(lua_State *L, ep_op *op) { return epl_push_raw(L, (const ep_relace_call *)op); }

int epl_await_call(lua_State *L, int rc, ep_relace_call *call, ep_err *err, const epl_call_options *o, epl_push *push)
{
	return rc ? epl_raise(L, err) : epl_await(L, &call->op, o->raw ? push_raw : push);
}

/* --- plain calls --- */

static const char *const methods_known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", NULL};
static const ep_repeat repeats[] = {
	EP_REPEAT_SAFE, EP_REPEAT_SAFE, EP_REPEAT_ONCE, EP_REPEAT_SAFE, EP_REPEAT_ONCE, EP_REPEAT_SAFE};

static bool is_json(const ep_relace_call *call)
{
	ep_http_field type;
	if (!ep_http_header_find(call->http, "content-type", &type)) return false;
	const char *end = memchr(type.value, ';', type.value_len);
	size_t len = end ? (size_t)(end - type.value) : type.value_len;
	while (len && type.value[len - 1] == ' ') len--;
	return (len == 16 && !strncasecmp(type.value, "application/json", 16)) ||
		(len > 5 && !strncasecmp(type.value + len - 5, "+json", 5));
}

/* JSON as a value, anything else as its bytes, nothing for an empty answer. */
static int push_any(lua_State *L, ep_op *op)
{
	const ep_relace_call *call = (const ep_relace_call *)op;
	if (!call->body.len) return 0;
	if (is_json(call)) return push_decoded(L, call);
	lua_pushlstring(L, call->body.data, call->body.len);
	return 1;
}

typedef struct request_options {
	epl_call_fields call;
	epl_text content_type;
} request_options;

static const epl_option request_spec[] = {EPL_CALL_OPTIONS(offsetof(request_options, call)),
	{"content_type", EPL_TEXT, offsetof(request_options, content_type), 0}, {0}};

enum { METHOD = 2, PATH, BODY, OPTIONS };

/* Opens the file of the body { file = PATH }. */
static int set_file(lua_State *L, ep_relace_request *r, ep_err *err)
{
	ep_file_body *file;
	if (!lua_istable(L, BODY) || lua_getfield(L, BODY, "file") != LUA_TSTRING)
		luaL_error(L, "client:request: with 'content_type' the body is a string or { file = PATH }, got %s",
			luaL_typename(L, BODY));
	int rc = ep_file_body_open(&file, epl_check_text(L, -1, NULL), err);
	if (rc) return rc;
	r->body = EP_RELACE_BYTES_STREAM;
	r->bulk = true;
	return ep_relace_source_file(&r->source, epl_loop(L), file, err);
}

/* Nothing may raise behind it until the start of the request, which takes what it holds. */
static int set_text(lua_State *L, ep_relace_request *r, ep_err *err)
{
	size_t len;
	const char *text = lua_type(L, BODY) == LUA_TSTRING ? lua_tolstring(L, BODY, &len) : NULL;
	r->body = text ? EP_RELACE_BYTES : EP_RELACE_JSON;
	if (!text) return epl_json_encode(L, BODY, &r->bytes, err);
	int rc = ep_buf_add(&r->bytes, text, len);
	return rc ? ep_err_set(err, rc, "no memory for a request") : 0;
}

/* client:request(method, path, body, options) -> answer */
static int client_request(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	request_options o = {.call = EPL_NO_CALL_FIELDS};
	size_t len;
	ep_relace_call *call = NULL;
	ep_err err = {0};
	lua_settop(L, OPTIONS);
	int method = luaL_checkoption(L, METHOD, NULL, methods_known), rc = 0;
	const char *path = epl_check_text(L, PATH, &len);
	epl_read_options(L, OPTIONS, request_spec, &o, "client:request");
	epl_call_options call_options = epl_take_call_fields(L, &o.call, "client:request");
	ep_relace_request request =
		ep_relace_request_of(methods_known[method], path, len, repeats[method], &call_options.call);
	request.content_type = epl_relace_text(o.content_type);
	if (ep_relace_check_target(path, len, "path", &err)) return epl_raise(L, &err);
	epl_check_can_wait(L);
	if (o.content_type.data && lua_type(L, BODY) != LUA_TSTRING)
		rc = set_file(L, &request, &err);
	else if (!lua_isnil(L, BODY))
		rc = set_text(L, &request, &err);
	if (rc)
		ep_relace_request_fini(&request);
	else
		rc = ep_relace_start(&call, c, &request, &err);
	return epl_await_call(L, rc, call, &err, &call_options, push_any);
}

/* --- tables --- */

static const luaL_Reg methods[] = {{"request", client_request}, {NULL, NULL}};

void epl_open_relace_call(lua_State *L) { luaL_setfuncs(L, methods, 0); }
