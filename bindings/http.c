/* SPDX-License-Identifier: Apache-2.0 */
/* epact.http: requests. Face: lua/epact/http.lua; engine: runtime/http; clients: bindings/http_client.c; what comes back:
 * bindings/http_answer.c. */
#include "bindings/http_client.h"

#include <string.h>

#include "bindings/epl.h"
#include "bindings/json.h"
#include "runtime/base/mem.h"

typedef struct request_options {
	epl_text method, url, body, body_file;
	int headers, bearer, query, json;
	uint64_t timeout, connect_timeout, stall_timeout;
	lua_Integer max_body, max_redirects;
	bool once, stream;
} request_options;

/* --- the engine --- */

static void close_engine(void *engine) { ep_http_close(engine); }

ep_http *epl_http(lua_State *L)
{
	ep_http *http = epl_engine(L, EPL_ENGINE_HTTP);
	if (http) return http;
	http = ep_http_open(epl_loop(L), epl_secrets(L));
	if (!http) luaL_error(L, "not enough memory");
	epl_engine_set(L, EPL_ENGINE_HTTP, http, close_engine);
	return http;
}

/* --- readers --- */

static const epl_option request_spec[] = {
	EPL_OPTION(EPL_TEXT, request_options, method),
	EPL_OPTION(EPL_TEXT, request_options, url),
	EPL_OPTION(EPL_TABLE, request_options, headers),
	EPL_OPTION(EPL_VALUE, request_options, bearer),
	EPL_OPTION(EPL_VALUE, request_options, query),
	EPL_OPTION(EPL_BYTES, request_options, body),
	EPL_OPTION(EPL_TEXT, request_options, body_file),
	EPL_OPTION(EPL_VALUE, request_options, json),
	EPL_OPTION(EPL_SECONDS, request_options, timeout),
	EPL_OPTION(EPL_SECONDS, request_options, connect_timeout),
	EPL_OPTION(EPL_SECONDS, request_options, stall_timeout),
	EPL_OPTION(EPL_INT, request_options, max_body),
	EPL_OPTION(EPL_INT, request_options, max_redirects),
	EPL_OPTION(EPL_BOOL, request_options, once),
	EPL_OPTION(EPL_BOOL, request_options, stream),
	{NULL, 0, 0, 0},
};

/* --- requests: the stack is client, URL or nil, options or nil, what the body needs or nil --- */

enum { SELF = 1, URL, OPTIONS, ANCHOR };

/* Pushes the whole URL: an absolute one, or base and path; then the query. */
static const char *push_url(lua_State *L, const request_options *o, const char *what)
{
	int parts = 1;
	if (lua_getiuservalue(L, SELF, 1) == LUA_TSTRING) {
		parts++;
		if (o->url.len && *o->url.data != '/')
			luaL_error(L, "%s: the client has a base_url: the URL must be a path that begins with '/'", what);
	} else {
		lua_pop(L, 1);
	}
	size_t len = strcspn(o->url.data, "#"); /* a fragment is not sent: what stood behind it would not be, either */
	lua_pushlstring(L, o->url.data, len);
	if (o->query) {
		lua_pushstring(L, memchr(o->url.data, '?', len) ? "&" : "?");
		epl_http_push_query(L, o->query, what);
		if (lua_rawlen(L, -1) == 0)
			lua_pop(L, 2);
		else
			parts += 2;
	}
	lua_concat(L, parts);
	return lua_tostring(L, -1);
}

/* Keeps at ANCHOR what the body is read from: nobody may take it away while the request waits. */
static void anchor_body(lua_State *L, const request_options *o, const char *what)
{
	if ((o->body.data != NULL) + (o->body_file.data != NULL) + (o->json != 0) > 1)
		luaL_error(L, "%s: only one of 'body', 'body_file' and 'json' can be given", what);
	if (o->body.data)
		lua_pushlstring(L, o->body.data, o->body.len);
	else if (o->body_file.data)
		epl_http_push_file(L, o->body_file.data, what);
	else
		return;
	lua_replace(L, ANCHOR);
	if (o->body_file.data && !o->stream) lua_toclose(L, ANCHOR);
}

/* Fills the body. Nothing may raise between this and the start of the request, which takes what it holds. */
static int set_body(lua_State *L, ep_http_body *body, const request_options *o, ep_err *err)
{
	if (o->json) {
		ep_buf text = {0};
		int rc = epl_json_encode(L, o->json, &text, err);
		int64_t len = (int64_t)text.len;
		if (!rc) *body = (ep_http_body){.kind = EP_HTTP_TAKEN, .data = ep_buf_take(&text), .len = len};
		ep_buf_fini(&text);
		return rc;
	}
	if (o->body_file.data) {
		epl_http_file_body(L, ANCHOR, body);
	} else if (o->body.data) {
		size_t len;
		const char *data = lua_tolstring(L, ANCHOR, &len);
		*body = (ep_http_body){.kind = EP_HTTP_BORROWED, .data = data, .len = (int64_t)len};
	}
	return 0;
}

static int push_stream(lua_State *L, ep_op *op)
{
	epl_http_push_stream(L, (ep_http_call *)(void *)op, NULL, ANCHOR);
	return 1;
}

static int raise_start(lua_State *L, ep_err *err, const char *what)
{
	if (err->code != EP_EINVAL) return epl_raise(L, err);
	lua_pushstring(L, ep_err_message(err));
	ep_err_fini(err);
	return luaL_error(L, "%s: %s", what, lua_tostring(L, -1));
}

static int start(lua_State *L, const request_options *o, const char *what)
{
	const epl_http_client *c = lua_touserdata(L, SELF);
	ep_http *http = epl_http(L);
	ep_http_call *call;
	ep_err err = {0};
	ep_http_request r = {.profile = c->profile,
		.method = o->method.data,
		.url = push_url(L, o, what),
		.headers = o->json ? c->json_headers : c->headers,
		.timeout = o->timeout ? o->timeout : c->timeout,
		.connect_timeout = o->connect_timeout,
		.stall_timeout = o->stall_timeout,
		.max_body = o->max_body ? (uint64_t)o->max_body : c->max_body,
		.max_redirects = (int)o->max_redirects,
		.once = o->once,
		.stream = o->stream};
	if (!r.method) r.method = o->json || o->body.data || o->body_file.data ? "POST" : "GET";
	if (o->headers || o->bearer) {
		const epl_http_list *list = epl_http_read_headers(L, o->headers, o->bearer, NULL, what);
		r.extra = list->list;
		r.extra_count = list->count;
	}
	epl_check_can_wait(L);
	anchor_body(L, o, what);
	if (set_body(L, &r.body, o, &err)) {
		ep_err_text(&err.operation, what, strlen(what));
		return epl_raise(L, &err);
	}
	if (ep_http_start(&call, http, &r, &err)) return raise_start(L, &err, what);
	if (o->body_file.data) epl_http_file_sent(L, ANCHOR, call);
	return epl_await(L, &call->op, o->stream ? push_stream : epl_http_push_response);
}

static void read_url(lua_State *L, epl_text *url, const char *what)
{
	if (lua_type(L, URL) != LUA_TSTRING)
		luaL_error(L, "%s: the URL must be a string, got %s", what, luaL_typename(L, URL));
	url->data = lua_tolstring(L, URL, &url->len);
	if (memchr(url->data, 0, url->len)) luaL_error(L, "%s: the URL holds a NUL byte", what);
}

/* Reads the options, in the order of the stack above, and sends. */
static int request(lua_State *L, const char *method, const char *what)
{
	const epl_http_client *c = lua_touserdata(L, SELF);
	request_options o = {.max_redirects = c->max_redirects};
	lua_settop(L, OPTIONS);
	lua_pushnil(L);
	epl_read_options(L, OPTIONS, request_spec, &o, what);
	epl_http_check_limits(L, o.max_body, o.max_redirects, what);
	if (method) {
		if (o.method.data) return luaL_error(L, "%s: option 'method' is for request", what);
		if (o.url.data) return luaL_error(L, "%s: the URL is the first argument, not an option", what);
		o.method.data = method;
		read_url(L, &o.url, what);
	}
	if (!o.url.data) return luaL_error(L, "%s: option 'url' is missing", what);
	return start(L, &o, what);
}

/* --- module functions and methods: upvalues are the method (nil for request), the name, the default client --- */

static int send_request(lua_State *L, bool with_url)
{
	if (!with_url) {
		lua_settop(L, 2);
		lua_pushnil(L);
		lua_insert(L, URL);
	}
	return request(L, lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, lua_upvalueindex(2)));
}

/* get(url, options), post, put, patch, delete, head -> answer */
static int http_method(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(3));
	lua_insert(L, SELF);
	return send_request(L, true);
}

/* request(options) -> answer */
static int http_request(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(3));
	lua_insert(L, SELF);
	return send_request(L, false);
}

/* client:get(url, options), client:post, ... -> answer */
static int client_method(lua_State *L)
{
	epl_check(L, SELF, EPL_HTTP_CLIENT);
	return send_request(L, true);
}

/* client:request(options) -> answer */
static int client_request(lua_State *L)
{
	epl_check(L, SELF, EPL_HTTP_CLIENT);
	return send_request(L, false);
}

/* limits(options): the most transfers at once */
static int http_limits(lua_State *L)
{
	struct {
		lua_Integer max_per_host, max_total;
	} o = {EP_HTTP_PER_HOST, EP_HTTP_TOTAL};
	static const epl_option spec[] = {
		{"max_per_host", EPL_INT, 0, 0}, {"max_total", EPL_INT, sizeof(lua_Integer), 0}, {NULL, 0, 0, 0}};
	epl_read_options(L, 1, spec, &o, "http.limits");
	if (o.max_per_host < 1 || o.max_total < 1 || o.max_per_host > 100000 || o.max_total > 100000)
		return luaL_error(L, "http.limits: a limit is from 1 to 100000");
	ep_http_limit(epl_http(L), (unsigned)o.max_per_host, (unsigned)o.max_total);
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {
	{"client", epl_http_client_new}, {"escape", epl_http_escape}, {"limits", http_limits}, {NULL, NULL}};

static const struct {
	const char *name, *method, *function, *of_client;
} senders[] = {
	{"get", "GET", "http.get", "client:get"},
	{"head", "HEAD", "http.head", "client:head"},
	{"post", "POST", "http.post", "client:post"},
	{"put", "PUT", "http.put", "client:put"},
	{"patch", "PATCH", "http.patch", "client:patch"},
	{"delete", "DELETE", "http.delete", "client:delete"},
	{"request", NULL, "http.request", "client:request"},
};

/* Sets a function for each sender in the table on the top; client: the index of the default one, 0 for methods. */
static void add_senders(lua_State *L, int default_client)
{
	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
		bool method = senders[i].method != NULL;
		lua_pushstring(L, senders[i].method);
		lua_pushstring(L, default_client ? senders[i].function : senders[i].of_client);
		if (default_client)
			lua_pushvalue(L, default_client);
		else
			lua_pushnil(L);
		lua_CFunction of_client = method ? client_method : client_request;
		lua_CFunction of_module = method ? http_method : http_request;
		lua_pushcclosure(L, default_client ? of_module : of_client, 3);
		lua_setfield(L, -2, senders[i].name);
	}
}

int epl_open_http(lua_State *L)
{
	epl_http_open_headers(L);
	epl_http_open_answers(L);
	epl_http_open_files(L);
	epl_http_open_clients(L);
	luaL_getmetatable(L, EPL_HTTP_CLIENT);
	lua_newtable(L);
	add_senders(L, 0);
	lua_setfield(L, -2, "__index");
	epl_http_push_default_client(L);
	int default_client = lua_gettop(L);
	luaL_newlib(L, functions);
	add_senders(L, default_client);
	return 1;
}
