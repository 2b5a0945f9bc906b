/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the Relace API. Face: lua/epact/relace.lua; engine: runtime/relace/client; their calls: relace_*.c here. */
#include "bindings/relace.h"

#include "bindings/http.h"
#include "bindings/relace_body.h"
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
	int api_key, headers, query;
	bool allow_http, http2, rate_control;
	uint64_t timeout, connect_timeout, stall_timeout;
	lua_Integer max_retries;
	double max_retry_wait, max_rate;
} client_options;

#define OPTION(name, kind, flags) EPL_OPTION_OF(kind, client_options, name, flags)

static const epl_option client_spec[] = {OPTION(api_key, EPL_VALUE, EPL_REQUIRED), OPTION(base_url, EPL_TEXT, 0),
	OPTION(user_agent, EPL_TEXT, 0), OPTION(ca_file, EPL_TEXT, 0), OPTION(ca_dir, EPL_TEXT, 0),
	OPTION(proxy, EPL_TEXT, 0), OPTION(allow_http, EPL_BOOL, 0), OPTION(http2, EPL_BOOL, 0),
	OPTION(timeout, EPL_SECONDS, EPL_POSITIVE), OPTION(connect_timeout, EPL_SECONDS, EPL_POSITIVE),
	OPTION(stall_timeout, EPL_SECONDS, EPL_POSITIVE), OPTION(max_retries, EPL_INT, EPL_NATURAL),
	OPTION(max_retry_wait, EPL_NUMBER, EPL_NATURAL), OPTION(max_rate, EPL_NUMBER, EPL_NATURAL),
	OPTION(rate_control, EPL_BOOL, 0), OPTION(headers, EPL_TABLE, 0), OPTION(query, EPL_TABLE, 0), {0}};

static ep_relace_settings read_settings(lua_State *L, client_options *o)
{
	epl_read_options(L, 1, client_spec, o, "relace.client");
	epl_check_retries(L, o->max_retries, "relace.client");
	return (ep_relace_settings){.base_url = o->base_url.data,
		.base_url_len = o->base_url.len,
		.allow_http = o->allow_http,
		.timeout = o->timeout,
		.max_retries = (int)o->max_retries,
		.max_retry_wait = o->max_retry_wait,
		.max_rate = o->max_rate,
		.no_rate_control = !o->rate_control,
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

static void close_accounts(void *accounts) { ep_accounts_close(accounts); }

/* What the clients of this instance share, for those with one host and credential. */
static ep_accounts *accounts_of(lua_State *L)
{
	ep_accounts *accounts = epl_engine(L, EPL_ENGINE_RELACE);
	if (accounts) return accounts;
	accounts = ep_accounts_open(epl_loop(L));
	if (!accounts) luaL_error(L, "not enough memory");
	epl_engine_set(L, EPL_ENGINE_RELACE, accounts, close_accounts);
	return accounts;
}

/* client(settings) -> client */
static int relace_client(lua_State *L)
{
	client_options o = {.max_retries = -1, .max_retry_wait = -1, .rate_control = true};
	ep_err err = {0};
	lua_settop(L, 1);
	client *c = epl_new(L, sizeof *c, EPL_RELACE_CLIENT);
	ep_relace_settings settings = read_settings(L, &o);
	ep_http *http = epl_http(L);
	settings.log = log_of(L);
	settings.accounts = accounts_of(L);
	const epl_http_list *headers = epl_http_read_changes(L, o.headers, "relace.client");
	settings.headers = headers->list;
	settings.header_count = headers->count;
	if (o.query) settings.query = epl_push_query(L, o.query, "relace.client");
	settings.credential = epl_option_secret(L, o.api_key, "api_key", "relace.client");
	int rc = ep_relace_client_new(&c->client, epl_loop(L), http, epl_secrets(L), &settings, &err);
	ep_secret_release(settings.credential);
	if (rc) return epl_raise(L, &err);
	lua_settop(L, 2);
	return 1;
}

typedef struct override_options {
	epl_text base_url;
	int credential, headers, query;
	bool allow_http;
	uint64_t timeout;
	lua_Integer max_retries;
	double max_retry_wait;
} override_options;

#undef OPTION
#define OPTION(name, kind, flags) EPL_OPTION_OF(kind, override_options, name, flags)

static const epl_option override_spec[] = {OPTION(credential, EPL_VALUE, 0), OPTION(base_url, EPL_TEXT, 0),
	OPTION(allow_http, EPL_BOOL, 0), OPTION(timeout, EPL_SECONDS, EPL_POSITIVE),
	OPTION(max_retries, EPL_INT, EPL_NATURAL), OPTION(max_retry_wait, EPL_NUMBER, EPL_NATURAL),
	OPTION(headers, EPL_TABLE, 0), OPTION(query, EPL_TABLE, 0), {0}};

static ep_relace_override read_override(lua_State *L, int *credential)
{
	override_options o = {.max_retries = -1, .max_retry_wait = -1};
	epl_read_options(L, 2, override_spec, &o, "client:with");
	epl_check_retries(L, o.max_retries, "client:with");
	ep_relace_override own = {.base_url = o.base_url.data,
		.base_url_len = o.base_url.len,
		.allow_http = o.allow_http,
		.timeout = o.timeout,
		.max_retries = (int)o.max_retries,
		.max_retry_wait = o.max_retry_wait};
	const epl_http_list *headers = epl_http_read_changes(L, o.headers, "client:with");
	own.headers = headers->list;
	own.header_count = headers->count;
	if (o.query) own.query = epl_push_query(L, o.query, "client:with");
	*credential = o.credential;
	return own;
}

/* client:derive(options) -> client */
static int client_derive(lua_State *L)
{
	ep_err err = {0};
	int credential;
	ep_relace_client *parent = epl_check_relace(L, 1);
	lua_settop(L, 2);
	client *c = epl_new(L, sizeof *c, EPL_RELACE_CLIENT);
	ep_relace_override own = read_override(L, &credential);
	if (credential) own.credential = epl_option_secret(L, credential, "credential", "client:with");
	int rc = ep_relace_client_derive(&c->client, parent, &own, &err);
	ep_secret_release(own.credential);
	if (rc) return epl_raise(L, &err);
	lua_settop(L, 3);
	return 1;
}

/* client:rate() -> {limit, held, waiting, under_way, refused} */
static int client_rate(lua_State *L)
{
	ep_relace_rate rate = ep_relace_client_rate(epl_check_relace(L, 1));
	lua_createtable(L, 0, 5);
	if (rate.limit > 0) {
		lua_pushnumber(L, rate.limit);
		lua_setfield(L, -2, "limit");
	}
	lua_pushnumber(L, (double)rate.held / 1e9);
	lua_setfield(L, -2, "held");
	lua_pushinteger(L, (lua_Integer)rate.waiting);
	lua_setfield(L, -2, "waiting");
	lua_pushinteger(L, (lua_Integer)rate.under_way);
	lua_setfield(L, -2, "under_way");
	lua_pushinteger(L, (lua_Integer)rate.refused);
	lua_setfield(L, -2, "refused");
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
	epl_push_buf(L, &url);
	return 1;
}

static int client_gc(lua_State *L)
{
	client *c = epl_check(L, 1, EPL_RELACE_CLIENT);
	ep_relace_client_release(c->client);
	c->client = NULL;
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"client", relace_client}, {"tree", epl_relace_tree}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"derive", client_derive}, {"rate", client_rate}, {"url", client_url},
	{"credential", client_credential}, {"git_url", client_git_url}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", client_gc}, {NULL, NULL}};

int epl_open_relace(lua_State *L)
{
	epl_open_relace_body(L);
	epl_type(L, EPL_RELACE_CLIENT, NULL, meta);
	luaL_getmetatable(L, EPL_RELACE_CLIENT);
	luaL_newlib(L, methods);
	epl_open_relace_call(L);
	epl_open_relace_token(L);
	epl_open_relace_repo(L);
	epl_open_relace_tree(L);
	epl_open_relace_change(L);
	epl_open_relace_stream(L);
	epl_open_relace_retrieval(L);
	epl_open_relace_models(L);
	epl_open_relace_file(L);
	lua_setfield(L, -2, "__index");
	luaL_newlib(L, functions);
	return 1;
}
