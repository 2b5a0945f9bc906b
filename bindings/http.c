/* SPDX-License-Identifier: Apache-2.0 */
/* epact.http: requests and clients. Face: lua/epact/http.lua; engine: runtime/http; what comes back:
 * bindings/http_answer.c. */
#include "bindings/http.h"

#include <string.h>

#include "bindings/epl.h"
#include "bindings/json.h"
#include "runtime/base/mem.h"

#define CLIENT "epact.http.client"

enum { DEFAULT_REDIRECTS = 5 };

/* User value 1 is the base URL, a string, or nil. */
typedef struct client {
	ep_http_profile *profile;
	ep_http_headers *headers, *json_headers; /* the second: with the content type of JSON */
	uint64_t timeout;
	uint64_t max_body;
	int max_redirects;
} client;

typedef struct client_options {
	epl_text base_url, user_agent, ca_file, ca_dir, proxy;
	int headers, bearer;
	uint64_t timeout, connect_timeout, stall_timeout;
	lua_Integer min_rate, max_body, max_redirects;
	bool http2;
} client_options;

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

#define OPTION(kind, type, name)                                                                                       \
	{                                                                                                                  \
#name, kind, offsetof(type, name), 0                                                                           \
	}

static const epl_option client_spec[] = {
	OPTION(EPL_TEXT, client_options, base_url),
	OPTION(EPL_TABLE, client_options, headers),
	OPTION(EPL_VALUE, client_options, bearer),
	OPTION(EPL_TEXT, client_options, user_agent),
	OPTION(EPL_TEXT, client_options, ca_file),
	OPTION(EPL_TEXT, client_options, ca_dir),
	OPTION(EPL_TEXT, client_options, proxy),
	OPTION(EPL_BOOL, client_options, http2),
	OPTION(EPL_SECONDS, client_options, timeout),
	OPTION(EPL_SECONDS, client_options, connect_timeout),
	OPTION(EPL_SECONDS, client_options, stall_timeout),
	OPTION(EPL_INT, client_options, min_rate),
	OPTION(EPL_INT, client_options, max_body),
	OPTION(EPL_INT, client_options, max_redirects),
	{NULL, 0, 0, 0},
};

static const epl_option request_spec[] = {
	OPTION(EPL_TEXT, request_options, method),
	OPTION(EPL_TEXT, request_options, url),
	OPTION(EPL_TABLE, request_options, headers),
	OPTION(EPL_VALUE, request_options, bearer),
	OPTION(EPL_VALUE, request_options, query),
	OPTION(EPL_BYTES, request_options, body),
	OPTION(EPL_TEXT, request_options, body_file),
	OPTION(EPL_VALUE, request_options, json),
	OPTION(EPL_SECONDS, request_options, timeout),
	OPTION(EPL_SECONDS, request_options, connect_timeout),
	OPTION(EPL_SECONDS, request_options, stall_timeout),
	OPTION(EPL_INT, request_options, max_body),
	OPTION(EPL_INT, request_options, max_redirects),
	OPTION(EPL_BOOL, request_options, once),
	OPTION(EPL_BOOL, request_options, stream),
	{NULL, 0, 0, 0},
};

static void check_limits(lua_State *L, lua_Integer max_body, lua_Integer max_redirects, const char *what)
{
	if (max_body < 0) luaL_error(L, "%s: option 'max_body' must be a number of bytes, got %I", what, max_body);
	if (max_redirects < -1 || max_redirects > 100)
		luaL_error(L, "%s: option 'max_redirects' must be from -1 to 100, got %I", what, max_redirects);
}

/* Checks the base URL and pushes it without a slash at its end. */
static void push_base(lua_State *L, const epl_text *base)
{
	ep_err err = {0};
	size_t len = base->len;
	if (ep_http_url_check(base->data, len, &err)) {
		lua_pushstring(L, ep_err_message(&err));
		ep_err_fini(&err);
		luaL_error(L, "http.client: option 'base_url': %s", lua_tostring(L, -1));
	}
	if (memchr(base->data, '?', len) || memchr(base->data, '#', len))
		luaL_error(L, "http.client: option 'base_url' has a query or a fragment");
	while (len && base->data[len - 1] == '/') len--;
	lua_pushlstring(L, base->data, len);
}

/* --- clients --- */

static ep_http_headers *make_headers(lua_State *L, const epl_http_list *list)
{
	ep_http_headers *h;
	ep_err err = {0};
	if (!ep_http_headers_new(&h, list->list, list->count, &err)) return h;
	lua_pushstring(L, ep_err_message(&err));
	ep_err_fini(&err);
	luaL_error(L, "http.client: option 'headers': %s", lua_tostring(L, -1));
	return NULL;
}

static void set_profile(lua_State *L, client *c, const client_options *o)
{
	ep_err err = {0};
	ep_http_settings settings = {.user_agent = o->user_agent.data,
		.ca_file = o->ca_file.data,
		.ca_dir = o->ca_dir.data,
		.proxy = o->proxy.data,
		.connect_timeout = o->connect_timeout,
		.stall_timeout = o->stall_timeout,
		.stall_rate = (uint64_t)o->min_rate,
		.http2 = o->http2};
	if (!ep_http_profile_new(&c->profile, &settings, &err)) return;
	lua_pushstring(L, ep_err_message(&err));
	ep_err_fini(&err);
	luaL_error(L, "http.client: %s", lua_tostring(L, -1));
}

static client *new_client(lua_State *L, const client_options *o)
{
	client *c = epl_new(L, sizeof *c, CLIENT);
	int self = lua_gettop(L);
	c->timeout = o->timeout;
	c->max_body = (uint64_t)o->max_body;
	c->max_redirects = (int)o->max_redirects;
	if (o->base_url.data) {
		push_base(L, &o->base_url);
		lua_setiuservalue(L, self, 1);
	}
	c->headers = make_headers(L, epl_http_read_headers(L, o->headers, o->bearer, NULL, "http.client"));
	c->json_headers =
		make_headers(L, epl_http_read_headers(L, o->headers, o->bearer, "application/json", "http.client"));
	set_profile(L, c, o);
	lua_settop(L, self);
	return c;
}

/* client(options) -> client */
static int http_client(lua_State *L)
{
	client_options o = {.max_redirects = DEFAULT_REDIRECTS};
	epl_read_options(L, 1, client_spec, &o, "http.client");
	check_limits(L, o.max_body, o.max_redirects, "http.client");
	if (o.min_rate < 0) return luaL_error(L, "http.client: option 'min_rate' must be a number of bytes a second");
	new_client(L, &o);
	return 1;
}

static int client_gc(lua_State *L)
{
	client *c = epl_check(L, 1, CLIENT);
	ep_http_headers_release(c->headers);
	ep_http_headers_release(c->json_headers);
	ep_http_profile_release(c->profile);
	c->headers = c->json_headers = NULL;
	c->profile = NULL;
	return 0;
}

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
	lua_pushlstring(L, o->url.data, o->url.len);
	if (o->query) {
		lua_pushstring(L, strchr(o->url.data, '?') ? "&" : "?");
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
		epl_http_push_file(L, o->body_file.data);
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
	epl_http_push_stream(L, (ep_http_call *)(void *)op, ANCHOR);
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
	const client *c = lua_touserdata(L, SELF);
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
	if (set_body(L, &r.body, o, &err)) return epl_raise(L, &err);
	if (ep_http_start(&call, http, &r, &err)) return raise_start(L, &err, what);
	return epl_await(L, &call->op, o->stream ? push_stream : epl_http_push_response);
}

/* Reads the options, in the order of the stack above, and sends. */
static int request(lua_State *L, const char *method, const char *what)
{
	const client *c = lua_touserdata(L, SELF);
	request_options o = {.max_redirects = c->max_redirects};
	lua_settop(L, OPTIONS);
	lua_pushnil(L);
	epl_read_options(L, OPTIONS, request_spec, &o, what);
	check_limits(L, o.max_body, o.max_redirects, what);
	if (method) {
		if (o.method.data) return luaL_error(L, "%s: option 'method' is for request", what);
		if (o.url.data) return luaL_error(L, "%s: the URL is the first argument, not an option", what);
		o.method.data = method;
		o.url.data = epl_check_text(L, URL, &o.url.len);
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
	epl_check(L, SELF, CLIENT);
	return send_request(L, true);
}

/* client:request(options) -> answer */
static int client_request(lua_State *L)
{
	epl_check(L, SELF, CLIENT);
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
	{"client", http_client}, {"escape", epl_http_escape}, {"limits", http_limits}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", client_gc}, {NULL, NULL}};

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
	epl_type(L, CLIENT, NULL, meta);
	luaL_getmetatable(L, CLIENT);
	lua_newtable(L);
	add_senders(L, 0);
	lua_setfield(L, -2, "__index");
	const client_options plain = {.max_redirects = DEFAULT_REDIRECTS};
	new_client(L, &plain);
	int default_client = lua_gettop(L);
	luaL_newlib(L, functions);
	add_senders(L, default_client);
	return 1;
}
