/* SPDX-License-Identifier: Apache-2.0 */
/* The hosted models. Face: lua/epact/relace/models.lua; engine: runtime/relace/call. */
#include <math.h>
#include <string.h>

#include "bindings/relace.h"
#include "bindings/relace_body.h"

/* --- readers --- */

#define MUST (EPL_M_REQUIRED | EPL_M_FILLED)
#define TEXT(name, flags, preset)                                                                                      \
	{                                                                                                                  \
		name, EPL_M_TEXT, flags, 0, 0, preset                                                                          \
	}
#define OF(name, kind, flags)                                                                                          \
	{                                                                                                                  \
		name, kind, flags, 0, 0, NULL                                                                                  \
	}
#define NUMBER(name, kind, least, most, preset)                                                                        \
	{                                                                                                                  \
		name, kind, 0, least, most, preset                                                                             \
	}

static const epl_member apply[] = {TEXT("initial_code", EPL_M_REQUIRED, NULL), TEXT("edit_snippet", MUST, NULL),
	TEXT("instruction", 0, NULL), TEXT("model", EPL_M_FILLED, NULL), OF("relace_metadata", EPL_M_TABLE, 0), {0}};

static const epl_member rank[] = {TEXT("query", MUST, NULL), OF("codebase", EPL_M_FILES, MUST),
	NUMBER("token_limit", EPL_M_INTEGER, 0, INFINITY, "100000"), OF("relace_metadata", EPL_M_TABLE, 0), {0}};

static const epl_member embed[] = {OF("input", EPL_M_TEXTS, MUST), TEXT("model", EPL_M_FILLED, "\"relace-embed-v1\""),
	TEXT("output_dtype", EPL_M_FILLED, NULL), {0}};

static const epl_member compact[] = {OF("messages", EPL_M_LIST, MUST),
	NUMBER("target_tokens", EPL_M_INTEGER, 1, INFINITY, NULL), TEXT("agent_model", EPL_M_FILLED, NULL), {0}};

static const epl_member chat[] = {OF("messages", EPL_M_LIST, MUST), TEXT("model", EPL_M_FILLED, "\"auto\""), {0}};

static const epl_member search[] = {OF("messages", EPL_M_LIST, MUST), OF("tools", EPL_M_LIST, EPL_M_REQUIRED),
	TEXT("model", EPL_M_FILLED, "\"relace-search\""), NUMBER("temperature", EPL_M_NUMBER, 0, INFINITY, "1.0"),
	NUMBER("top_p", EPL_M_NUMBER, 0, 1, "0.95"), NUMBER("top_k", EPL_M_INTEGER, 0, INFINITY, "100"),
	NUMBER("repetition_penalty", EPL_M_NUMBER, 0, INFINITY, "1.0"),
	NUMBER("max_tokens", EPL_M_INTEGER, 1, INFINITY, NULL), {0}};

static const struct route {
	const char *name, *what, *path;
	const epl_member *members;
} routes[] = {{"apply", "models:apply", "/code/apply", apply}, {"rank", "models:rank", "/code/rank", rank},
	{"embed", "models:embed", "/code/embed", embed}, {"compact", "models:compact", "/code/compact", compact},
	{"chat", "models:apply_chat", "/apply/chat/completions", chat},
	{"search", "models:search", "/search/chat/completions", search}};

static const struct route *check_route(lua_State *L, int arg)
{
	const char *name = luaL_checkstring(L, arg);
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (!strcmp(routes[i].name, name)) return &routes[i];
	luaL_error(L, "models: there is no model '%s'", name);
	return NULL;
}

/* --- methods --- */

/* client:model(name, params, options) -> answer. A model only answers: a second time costs tokens, and does no harm. */
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
	ep_relace_request request = ep_relace_request_of("POST", route->path, strlen(route->path), EP_REPEAT_SAFE, &o.call);
	request.body = EP_RELACE_JSON;
	request.bytes = *body;
	request.bulk = true; /* much text takes long */
	*body = (ep_buf){0};
	int rc = ep_relace_start(&call, c, &request, &err);
	return epl_await_call(L, rc, call, &err, &o, epl_push_answer);
}

static const luaL_Reg methods[] = {{"model", client_model}, {NULL, NULL}};

void epl_open_relace_models(lua_State *L) { luaL_setfuncs(L, methods, 0); }
