/* SPDX-License-Identifier: Apache-2.0 */
/* The hosted models. Face: lua/epact/relace/models.lua; engine: runtime/relace/call. */
#include <math.h>
#include <string.h>

#include "bindings/relace.h"
#include "bindings/relace_body.h"
#include "bindings/relace_stream.h"

/* --- readers --- */

enum { MUST = EPL_M_REQUIRED | EPL_M_FILLED };

static const epl_member apply[] = {
	EPL_MEMBER("initial_code", TEXT, .flags = EPL_M_REQUIRED),
	EPL_MEMBER("edit_snippet", TEXT, .flags = MUST),
	EPL_MEMBER("instruction", TEXT),
	EPL_MEMBER("model", TEXT, .flags = EPL_M_FILLED),
	EPL_MEMBER("relace_metadata", TABLE),
	EPL_MEMBER("stream", FLAG),
	{0},
};

/* What becomes the message of a chat. */
static const epl_member apply_chat[] = {
	EPL_MEMBER("code", TEXT, .flags = EPL_M_REQUIRED),
	EPL_MEMBER("update", TEXT, .flags = MUST),
	EPL_MEMBER("instruction", TEXT),
	EPL_MEMBER("model", TEXT, .flags = EPL_M_FILLED),
	{0},
};

static const epl_member chat[] = {
	EPL_MEMBER("messages", LIST, .flags = MUST),
	EPL_MEMBER("model", TEXT, .flags = EPL_M_FILLED, .preset = "\"auto\""),
	{0},
};

static const epl_member rank[] = {
	EPL_MEMBER("query", TEXT, .flags = MUST),
	EPL_MEMBER("codebase", FILES, .flags = MUST),
	EPL_MEMBER("token_limit", INTEGER, .most = INFINITY, .preset = "100000"),
	EPL_MEMBER("relace_metadata", TABLE),
	{0},
};

static const epl_member embed[] = {
	EPL_MEMBER("input", TEXTS, .flags = MUST),
	EPL_MEMBER("model", TEXT, .flags = EPL_M_FILLED, .preset = "\"relace-embed-v1\""),
	EPL_MEMBER("output_dtype", TEXT, .flags = EPL_M_FILLED),
	{0},
};

static const epl_member compact[] = {
	EPL_MEMBER("messages", LIST, .flags = MUST),
	EPL_MEMBER("target_tokens", INTEGER, .least = 1, .most = INFINITY),
	EPL_MEMBER("agent_model", TEXT, .flags = EPL_M_FILLED),
	{0},
};

static const epl_member search[] = {
	EPL_MEMBER("messages", LIST, .flags = MUST),
	EPL_MEMBER("tools", LIST, .flags = EPL_M_REQUIRED),
	EPL_MEMBER("model", TEXT, .flags = EPL_M_FILLED, .preset = "\"relace-search\""),
	EPL_MEMBER("temperature", NUMBER, .most = INFINITY, .preset = "1.0"),
	EPL_MEMBER("top_p", NUMBER, .most = 1, .preset = "0.95"),
	EPL_MEMBER("top_k", INTEGER, .most = INFINITY, .preset = "100"),
	EPL_MEMBER("repetition_penalty", NUMBER, .most = INFINITY, .preset = "1.0"),
	EPL_MEMBER("max_tokens", INTEGER, .least = 1, .most = INFINITY),
	{0},
};

static const struct route {
	const char *name, *what, *path; /* a path of NULL: it is only checked */
	const epl_member *members;
} routes[] = {
	{"apply", "models:apply", "/code/apply", apply},
	{"apply_chat", "models:apply_chat", NULL, apply_chat},
	{"chat", "models:apply_chat", "/apply/chat/completions", chat},
	{"rank", "models:rank", "/code/rank", rank},
	{"embed", "models:embed", "/code/embed", embed},
	{"compact", "models:compact", "/code/compact", compact},
	{"search", "models:search", "/search/chat/completions", search},
};

static const struct route *check_route(lua_State *L, int arg)
{
	const char *name = luaL_checkstring(L, arg);
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (!strcmp(routes[i].name, name)) return &routes[i];
	luaL_error(L, "models: there is no model '%s'", name);
	return NULL;
}

/* --- methods --- */

/* A model only answers: a second time costs tokens, and does no harm. Takes the body. */
static ep_relace_request request_of(const struct route *route, ep_buf *body, const ep_relace_options *options)
{
	ep_relace_request request = ep_relace_request_of("POST", route->path, strlen(route->path), EP_REPEAT_SAFE, options);
	request.body = EP_RELACE_JSON;
	request.bytes = *body;
	request.bulk = true; /* much text takes long */
	*body = (ep_buf){0};
	return request;
}

/* client:model(name, params, options) -> answer */
static int client_model(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	const struct route *route = check_route(L, 2);
	ep_relace_call *call;
	ep_err err = {0};
	lua_settop(L, 4);
	epl_call_options o = epl_relace_options(L, 4, route->what);
	ep_buf *body = epl_push_body(L, 3, route->members, route->what);
	epl_check_can_wait(L);
	ep_relace_request request = request_of(route, body, &o.call);
	int rc = ep_relace_start(&call, c, &request, &err);
	return epl_await_call(L, rc, call, &err, &o, epl_push_answer);
}

/* client:model_stream(name, params, options) -> items: the chunks of the answer */
static int client_model_stream(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	const struct route *route = check_route(L, 2);
	ep_relace_call *call;
	ep_err err = {0};
	uint64_t stall;
	lua_settop(L, EPL_STREAM_ITEMS);
	epl_call_options o = epl_read_chunks(L, &stall, route->what);
	ep_buf *body = epl_push_body(L, 3, route->members, route->what);
	epl_check_can_wait(L);
	ep_relace_request request = request_of(route, body, &o.call);
	request.stream = true;
	request.accept = "text/event-stream";
	request.stall_timeout = stall;
	int rc = ep_relace_start(&call, c, &request, &err);
	return rc ? epl_raise(L, &err) : epl_await(L, &call->op, epl_push_items);
}

/* client:model_check(name, params): raises what `model` would before it sends */
static int client_model_check(lua_State *L)
{
	const struct route *route = check_route(L, 2);
	epl_check_relace(L, 1);
	lua_settop(L, 3);
	epl_check_body(L, 3, route->members, route->what);
	return 0;
}

static const luaL_Reg methods[] = {
	{"model", client_model}, {"model_stream", client_model_stream}, {"model_check", client_model_check}, {NULL, NULL}};

void epl_open_relace_models(lua_State *L) { luaL_setfuncs(L, methods, 0); }
