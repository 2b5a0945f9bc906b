/* SPDX-License-Identifier: Apache-2.0 */
/* epact.http: clients, which are settings for many requests, prepared once. Face: lua/epact/http.lua; their requests:
 * bindings/http.c. */
#include "bindings/http_client.h"

#include <string.h>

#include "bindings/epl.h"

enum { DEFAULT_REDIRECTS = 5 };

typedef struct client_options {
	epl_text base_url, user_agent, ca_file, ca_dir, proxy;
	int headers, bearer;
	uint64_t timeout, connect_timeout, stall_timeout;
	lua_Integer min_rate, max_body, max_redirects;
	bool public_only, http2;
} client_options;

/* --- readers --- */

static const epl_option client_spec[] = {
	EPL_OPTION(EPL_TEXT, client_options, base_url),
	EPL_OPTION(EPL_TABLE, client_options, headers),
	EPL_OPTION(EPL_VALUE, client_options, bearer),
	EPL_OPTION(EPL_TEXT, client_options, user_agent),
	EPL_OPTION(EPL_TEXT, client_options, ca_file),
	EPL_OPTION(EPL_TEXT, client_options, ca_dir),
	EPL_OPTION(EPL_TEXT, client_options, proxy),
	EPL_OPTION(EPL_BOOL, client_options, public_only),
	EPL_OPTION(EPL_BOOL, client_options, http2),
	EPL_OPTION(EPL_SECONDS, client_options, timeout),
	EPL_OPTION(EPL_SECONDS, client_options, connect_timeout),
	EPL_OPTION(EPL_SECONDS, client_options, stall_timeout),
	EPL_OPTION(EPL_INT, client_options, min_rate),
	EPL_OPTION(EPL_INT, client_options, max_body),
	EPL_OPTION(EPL_INT, client_options, max_redirects),
	{NULL, 0, 0, 0},
};

void epl_http_check_limits(lua_State *L, lua_Integer max_body, lua_Integer max_redirects, const char *what)
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
		epl_push_message(L, &err);
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
	epl_push_message(L, &err);
	luaL_error(L, "http.client: option 'headers': %s", lua_tostring(L, -1));
	return NULL;
}

static void set_profile(lua_State *L, epl_http_client *c, const client_options *o)
{
	ep_err err = {0};
	ep_http_settings settings = {.user_agent = o->user_agent.data,
		.ca_file = o->ca_file.data,
		.ca_dir = o->ca_dir.data,
		.proxy = o->proxy.data,
		.connect_timeout = o->connect_timeout,
		.stall_timeout = o->stall_timeout,
		.stall_rate = (uint64_t)o->min_rate,
		.public_only = o->public_only,
		.http2 = o->http2};
	if (!ep_http_profile_new(&c->profile, &settings, &err)) return;
	epl_push_message(L, &err);
	luaL_error(L, "http.client: %s", lua_tostring(L, -1));
}

static void new_client(lua_State *L, const client_options *o)
{
	epl_http_client *c = epl_new(L, sizeof *c, EPL_HTTP_CLIENT);
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
}

/* client(options) -> client */
int epl_http_client_new(lua_State *L)
{
	client_options o = {.max_redirects = DEFAULT_REDIRECTS};
	epl_read_options(L, 1, client_spec, &o, "http.client");
	epl_http_check_limits(L, o.max_body, o.max_redirects, "http.client");
	if (o.min_rate < 0) return luaL_error(L, "http.client: option 'min_rate' must be a number of bytes a second");
	new_client(L, &o);
	return 1;
}

static int client_gc(lua_State *L)
{
	epl_http_client *c = epl_check(L, 1, EPL_HTTP_CLIENT);
	ep_http_headers_release(c->headers);
	ep_http_headers_release(c->json_headers);
	ep_http_profile_release(c->profile);
	c->headers = c->json_headers = NULL;
	c->profile = NULL;
	return 0;
}

/* --- tables --- */

static const luaL_Reg meta[] = {{"__gc", client_gc}, {NULL, NULL}};

void epl_http_open_clients(lua_State *L) { epl_type(L, EPL_HTTP_CLIENT, NULL, meta); }

void epl_http_push_default_client(lua_State *L)
{
	const client_options plain = {.max_redirects = DEFAULT_REDIRECTS};
	new_client(L, &plain);
}
