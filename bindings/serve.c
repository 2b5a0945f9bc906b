/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server. Face: lua/epact/serve.lua; engine: runtime/serve/; its requests: bindings/serve_request.c. */
#include "bindings/serve.h"

#include "bindings/epl.h"

#define SERVER "epact.server"

typedef struct server {
	ep_server *server; /* NULL: closed */
	uint64_t read_timeout;
} server;

/* --- readers --- */

typedef struct listen_options {
	epl_text host;
	lua_Integer port, max_headers, max_buffer, max_drain, max_connections;
	uint64_t idle_timeout, read_timeout;
	int on_error; /* the face's */
} listen_options;

static const epl_option listen_spec[] = {
	{"host", EPL_TEXT, offsetof(listen_options, host), 0},
	{"port", EPL_INT, offsetof(listen_options, port), 0},
	{"max_headers", EPL_INT, offsetof(listen_options, max_headers), 0},
	{"max_buffer", EPL_INT, offsetof(listen_options, max_buffer), 0},
	{"max_drain", EPL_INT, offsetof(listen_options, max_drain), 0},
	{"max_connections", EPL_INT, offsetof(listen_options, max_connections), 0},
	{"idle_timeout", EPL_SECONDS, offsetof(listen_options, idle_timeout), 0},
	{"read_timeout", EPL_SECONDS, offsetof(listen_options, read_timeout), 0},
	{"on_error", EPL_FUNCTION, offsetof(listen_options, on_error), 0},
	{0},
};

static void check_range(lua_State *L, lua_Integer value, lua_Integer least, lua_Integer most, const char *name)
{
	if (value == 0 || (value >= least && value <= most)) return;
	luaL_error(L, "serve.listen: option '%s' must be between %I and %I", name, (LUAI_UACINT)least, (LUAI_UACINT)most);
}

static void read_listen(lua_State *L, listen_options *o)
{
	const lua_Integer big = (lua_Integer)1 << 40;
	epl_read_options(L, 1, listen_spec, o, "serve.listen");
	check_range(L, o->port, 0, 65535, "port");
	check_range(L, o->max_headers, 1024, 16 << 20, "max_headers");
	check_range(L, o->max_buffer, 1024, big, "max_buffer");
	check_range(L, o->max_drain, 1, big, "max_drain");
	check_range(L, o->max_connections, 1, 1 << 20, "max_connections");
}

static server *check_server(lua_State *L)
{
	server *s = epl_check(L, 1, SERVER);
	if (!s->server) epl_raise_code(L, EP_ECLOSED, "the server is closed");
	return s;
}

/* --- module --- */

static void on_log(void *arg, const char *text) { epl_log(arg, EPL_LOG_DEBUG, "server: %s", text); }

static lua_State *main_thread(lua_State *L)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
	lua_State *main = lua_tothread(L, -1);
	lua_pop(L, 1);
	return main;
}

/* listen([options]) -> server, port, url */
static int serve_listen(lua_State *L)
{
	listen_options o = {0};
	ep_err err = {0};
	lua_settop(L, 1);
	server *s = epl_new(L, sizeof *s, SERVER);
	read_listen(L, &o);
	ep_server_options options = {.host = o.host.data,
		.port = (int)o.port,
		.max_headers = (size_t)o.max_headers,
		.max_buffer = (size_t)o.max_buffer,
		.max_drain = (uint64_t)o.max_drain,
		.max_connections = (unsigned)o.max_connections,
		.idle_timeout = o.idle_timeout,
		.log = on_log,
		.log_arg = main_thread(L)};
	s->read_timeout = o.read_timeout;
	if (ep_server_open(&s->server, epl_loop(L), &options, &err)) return epl_raise(L, &err);
	lua_pushvalue(L, 2);
	lua_pushinteger(L, ep_server_port(s->server));
	lua_pushstring(L, ep_server_url(s->server));
	return 3;
}

/* --- results --- */

/* The request; nothing when the server is closed. */
static int push_accept(lua_State *L, ep_op *op)
{
	const server *s = lua_touserdata(L, 1);
	return epl_serve_push_request(L, op, s->read_timeout);
}

/* --- methods --- */

static int server_accept(lua_State *L)
{
	server *s = epl_check(L, 1, SERVER);
	if (!s->server) return 0;
	epl_check_can_wait(L);
	ep_op *op = ep_server_accept(s->server);
	return op ? epl_await(L, op, push_accept) : luaL_error(L, "not enough memory");
}

static int server_stop(lua_State *L)
{
	server *s = epl_check(L, 1, SERVER);
	lua_Number grace = luaL_optnumber(L, 2, 10);
	luaL_argcheck(L, grace >= 0, 2, "seconds must be 0 or more");
	if (!s->server) return 0;
	epl_check_can_wait(L);
	ep_op *op = ep_server_stop(s->server, ep_seconds(grace));
	return op ? epl_await(L, op, NULL) : luaL_error(L, "not enough memory");
}

static int server_live(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)ep_server_live(check_server(L)->server));
	return 1;
}

static int server_close(lua_State *L)
{
	server *s = epl_check(L, 1, SERVER);
	ep_server *engine = s->server;
	s->server = NULL;
	if (engine) ep_server_close(engine);
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"listen", serve_listen}, {NULL, NULL}};

static const luaL_Reg server_methods[] = {
	{"accept", server_accept}, {"stop", server_stop}, {"live", server_live}, {"close", server_close}, {NULL, NULL}};

static const luaL_Reg server_meta[] = {{"__gc", server_close}, {"__close", server_close}, {NULL, NULL}};

int epl_open_serve(lua_State *L)
{
	epl_type(L, SERVER, server_methods, server_meta);
	epl_serve_open_requests(L);
	luaL_newlib(L, functions);
	return 1;
}
