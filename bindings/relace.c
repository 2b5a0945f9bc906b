/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the Relace API, plain calls. Face: lua/epact/relace.lua; engine: runtime/relace; tokens and repos:
 * bindings/relace_token.c, bindings/relace_repo.c. */
#include "bindings/relace.h"

#include <string.h>
#include <strings.h>

#include "bindings/http.h"
#include "bindings/json.h"
#include "runtime/relace/address.h"
#include "runtime/relace/client.h"

typedef struct client {
	ep_relace_client *client; /* NULL: not filled yet */
} client;

ep_relace_client *epl_check_relace(lua_State *L, int arg)
{
	const client *c = epl_check(L, arg, EPL_RELACE_CLIENT);
	return c->client;
}

/* --- readers --- */

typedef struct call_options {
	uint64_t timeout, deadline;
	lua_Integer max_retries;
	double max_retry_wait;
	int headers, query;
	epl_text idempotency_key;
	bool repeatable, raw;
} call_options;

#define CALL_OPTION(name, kind)                                                                                        \
	{                                                                                                                  \
#name, kind, offsetof(call_options, name), 0                                                                   \
	}

static const epl_option call_spec[] = {CALL_OPTION(timeout, EPL_SECONDS), CALL_OPTION(deadline, EPL_SECONDS),
	CALL_OPTION(max_retries, EPL_INT), CALL_OPTION(max_retry_wait, EPL_NUMBER), CALL_OPTION(headers, EPL_TABLE),
	CALL_OPTION(query, EPL_TABLE), CALL_OPTION(idempotency_key, EPL_BYTES), CALL_OPTION(repeatable, EPL_BOOL),
	CALL_OPTION(raw, EPL_BOOL), {0}};

static void check_patience(lua_State *L, lua_Integer max_retries, double max_retry_wait, const char *what)
{
	if (max_retries < -1 || max_retries > 100)
		luaL_error(L, "%s: option 'max_retries' must be from 0 to 100, got %I", what, max_retries);
	if (max_retry_wait < 0 && max_retry_wait != -1)
		luaL_error(L, "%s: option 'max_retry_wait' must be a number of seconds, 0 or more", what);
}

/* Pushes the query of the table at index, encoded. Its values are plain: no server of ours takes a list. */
static ep_relace_text push_query(lua_State *L, int index, const char *what)
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

epl_call_options epl_relace_options(lua_State *L, int arg, const char *what)
{
	call_options o = {.max_retries = -1, .max_retry_wait = -1};
	if (lua_isnoneornil(L, arg)) return (epl_call_options){.call = EP_RELACE_NO_OPTIONS};
	epl_read_options(L, arg, call_spec, &o, what);
	check_patience(L, o.max_retries, o.max_retry_wait, what);
	epl_call_options all = {.raw = o.raw,
		.call = {.timeout = o.timeout,
			.deadline = o.deadline,
			.max_retries = (int)o.max_retries,
			.max_retry_wait = o.max_retry_wait,
			.idempotency_key = epl_relace_text(o.idempotency_key),
			.repeatable = o.repeatable}};
	if (o.headers) {
		const epl_http_list *headers = epl_http_read_changes(L, o.headers, what);
		all.call.headers = headers->list;
		all.call.header_count = headers->count;
	}
	if (o.query) all.call.query = push_query(L, o.query, what);
	return all;
}

ep_relace_text epl_check_repo_id(lua_State *L, int arg)
{
	ep_relace_text id;
	if (lua_istable(L, arg)) {
		lua_getfield(L, arg, "repo_id");
		lua_replace(L, arg);
	}
	if (lua_type(L, arg) != LUA_TSTRING) luaL_typeerror(L, arg, "repo id (a string, or a table with repo_id)");
	id.data = lua_tolstring(L, arg, &id.len);
	return id;
}

typedef struct client_options {
	epl_text base_url, user_agent, ca_file, ca_dir, proxy;
	int api_key, headers;
	bool allow_http, http2;
	uint64_t timeout, connect_timeout, stall_timeout;
	lua_Integer max_retries;
	double max_retry_wait, max_rate;
} client_options;

#define OPTION(name, kind)                                                                                             \
	{                                                                                                                  \
#name, kind, offsetof(client_options, name), 0                                                                 \
	}

static const epl_option client_spec[] = {{"api_key", EPL_VALUE, offsetof(client_options, api_key), EPL_REQUIRED},
	OPTION(base_url, EPL_TEXT), OPTION(user_agent, EPL_TEXT), OPTION(ca_file, EPL_TEXT), OPTION(ca_dir, EPL_TEXT),
	OPTION(proxy, EPL_TEXT), OPTION(allow_http, EPL_BOOL), OPTION(http2, EPL_BOOL), OPTION(timeout, EPL_SECONDS),
	OPTION(connect_timeout, EPL_SECONDS), OPTION(stall_timeout, EPL_SECONDS), OPTION(max_retries, EPL_INT),
	OPTION(max_retry_wait, EPL_NUMBER), OPTION(max_rate, EPL_NUMBER), OPTION(headers, EPL_TABLE), {0}};

static ep_relace_settings read_settings(lua_State *L, client_options *o)
{
	epl_read_options(L, 1, client_spec, o, "relace.client");
	check_patience(L, o->max_retries, o->max_retry_wait, "relace.client");
	if (o->max_rate < 0) luaL_error(L, "relace.client: option 'max_rate' must be calls a minute, 0 for no limit");
	return (ep_relace_settings){.base_url = o->base_url.data,
		.base_url_len = o->base_url.len,
		.allow_http = o->allow_http,
		.timeout = o->timeout,
		.max_retries = (int)o->max_retries,
		.max_retry_wait = o->max_retry_wait,
		.max_rate = o->max_rate,
		.user_agent = o->user_agent.data,
		.connection = {.ca_file = o->ca_file.data,
			.ca_dir = o->ca_dir.data,
			.proxy = o->proxy.data,
			.connect_timeout = o->connect_timeout,
			.stall_timeout = o->stall_timeout,
			.http2 = o->http2}};
}

/* --- clients --- */

static bool log_wanted(void *L) { return epl_log_wanted(L, EPL_LOG_DEBUG); }
static void log_write(void *L, const char *line) { epl_log(L, EPL_LOG_DEBUG, "%s", line); }

/* The log goes by the main coroutine, which lives as long as the instance. */
static ep_relace_log log_of(lua_State *L)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
	ep_relace_log log = {log_wanted, log_write, lua_tothread(L, -1)};
	lua_pop(L, 1);
	return log;
}

/* client(settings) -> client */
static int relace_client(lua_State *L)
{
	client_options o = {.max_retries = -1, .max_retry_wait = -1};
	ep_err err = {0};
	lua_settop(L, 1);
	client *c = epl_new(L, sizeof *c, EPL_RELACE_CLIENT);
	ep_relace_settings settings = read_settings(L, &o);
	ep_http *http = epl_http(L);
	settings.log = log_of(L);
	const epl_http_list *headers = epl_http_read_headers(L, o.headers, 0, NULL, "relace.client");
	settings.headers = headers->list;
	settings.header_count = headers->count;
	settings.credential = epl_check_secret(L, o.api_key);
	int rc = ep_relace_client_new(&c->client, epl_loop(L), http, epl_secrets(L), &settings, &err);
	ep_secret_release(settings.credential);
	if (rc) return epl_raise(L, &err);
	lua_settop(L, 2);
	return 1;
}

typedef struct override_options {
	int credential;
	uint64_t timeout;
	lua_Integer max_retries;
	double max_retry_wait;
} override_options;

static const epl_option override_spec[] = {{"credential", EPL_VALUE, offsetof(override_options, credential), 0},
	{"timeout", EPL_SECONDS, offsetof(override_options, timeout), 0},
	{"max_retries", EPL_INT, offsetof(override_options, max_retries), 0},
	{"max_retry_wait", EPL_NUMBER, offsetof(override_options, max_retry_wait), 0}, {0}};

/* client:derive(options) -> client */
static int client_derive(lua_State *L)
{
	override_options o = {.max_retries = -1, .max_retry_wait = -1};
	ep_err err = {0};
	ep_relace_client *parent = epl_check_relace(L, 1);
	lua_settop(L, 2);
	client *c = epl_new(L, sizeof *c, EPL_RELACE_CLIENT);
	epl_read_options(L, 2, override_spec, &o, "client:with");
	check_patience(L, o.max_retries, o.max_retry_wait, "client:with");
	ep_relace_override own = {
		.timeout = o.timeout, .max_retries = (int)o.max_retries, .max_retry_wait = o.max_retry_wait};
	if (o.credential) own.credential = epl_check_secret(L, o.credential);
	int rc = ep_relace_client_derive(&c->client, parent, &own, &err);
	ep_secret_release(own.credential);
	if (rc) return epl_raise(L, &err);
	lua_settop(L, 3);
	return 1;
}

static int client_url(lua_State *L)
{
	lua_pushstring(L, ep_relace_client_url(epl_check_relace(L, 1)));
	return 1;
}

static int client_credential(lua_State *L)
{
	epl_push_secret(L, ep_secret_retain(ep_relace_client_credential(epl_check_relace(L, 1))));
	return 1;
}

/* client:git_url(repo_id) -> string */
static int client_git_url(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	ep_relace_text id = epl_check_repo_id(L, 2);
	ep_buf url = {0};
	ep_err err = {0};
	if (ep_relace_git_url(c, &url, id.data, id.len, &err)) {
		ep_buf_fini(&url);
		return epl_raise(L, &err);
	}
	lua_pushlstring(L, ep_buf_text(&url), url.len);
	ep_buf_fini(&url);
	return 1;
}

static int client_gc(lua_State *L)
{
	client *c = epl_check(L, 1, EPL_RELACE_CLIENT);
	ep_relace_client_release(c->client);
	c->client = NULL;
	return 0;
}

/* --- answers --- */

static int fail_answer(lua_State *L, const ep_relace_call *call, const char *why)
{
	ep_err err = {0};
	ep_relace_no_json(&err, call, why);
	return epl_raise(L, &err);
}

static int push_decoded(lua_State *L, const ep_relace_call *call)
{
	ep_err err = {0};
	if (!epl_json_decode(L, ep_buf_text(&call->body), call->body.len, NULL, &err)) return 1;
	lua_pushstring(L, ep_err_message(&err));
	ep_err_fini(&err);
	return fail_answer(L, call, lua_tostring(L, -1));
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

enum { NULL_DEPTH = 3 }; /* a page, its items, an item: deeper there is only the user's own */

int epl_push_answer(lua_State *L, ep_op *op)
{
	const ep_relace_call *call = (const ep_relace_call *)op;
	if (!call->body.len) return fail_answer(L, call, "it is empty");
	push_decoded(L, call);
	if (!lua_istable(L, -1)) return fail_answer(L, call, "it is no object");
	if (!memmem(call->body.data, call->body.len, "null", 4)) return 1;
	epl_json_push_null(L);
	lua_insert(L, -2);
	drop_nulls(L, lua_gettop(L) - 1, NULL_DEPTH);
	lua_remove(L, -2);
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

/* client:request(method, path, body, options) -> answer */
static int client_request(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	int method = luaL_checkoption(L, 2, NULL, methods_known);
	size_t len;
	const char *path = epl_check_text(L, 3, &len);
	epl_call_options o = epl_relace_options(L, 5, "client:request");
	ep_relace_request request = ep_relace_request_of(methods_known[method], path, len, repeats[method], &o.call);
	ep_relace_call *call;
	ep_err err = {0};
	if (ep_relace_check_target(path, len, "path", &err)) return epl_raise(L, &err);
	epl_check_can_wait(L);
	if (!lua_isnoneornil(L, 4)) {
		request.body = EP_RELACE_JSON;
		if (epl_json_encode(L, 4, &request.bytes, &err)) {
			ep_buf_fini(&request.bytes);
			return epl_raise(L, &err);
		}
	}
	int rc = ep_relace_start(&call, c, &request, &err);
	return epl_await_call(L, rc, call, &err, &o, push_any);
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"client", relace_client}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"derive", client_derive}, {"url", client_url}, {"credential", client_credential},
	{"git_url", client_git_url}, {"request", client_request}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", client_gc}, {NULL, NULL}};

int epl_open_relace(lua_State *L)
{
	epl_type(L, EPL_RELACE_CLIENT, NULL, meta);
	luaL_getmetatable(L, EPL_RELACE_CLIENT);
	luaL_newlib(L, methods);
	epl_open_relace_token(L);
	epl_open_relace_repo(L);
	lua_setfield(L, -2, "__index");
	luaL_newlib(L, functions);
	return 1;
}
