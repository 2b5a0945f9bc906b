/* SPDX-License-Identifier: Apache-2.0 */
/* Finding text in repos of the Relace API. Face: lua/epact/relace/repo.lua; engine: runtime/relace/retrieval. */
#include <math.h>

#include "bindings/relace.h"
#include "bindings/relace_body.h"
#include "runtime/relace/retrieval.h"

/* --- readers --- */

static const epl_member retrieve_members[] = {
	EPL_MEMBER("query", TEXT, .flags = EPL_M_REQUIRED | EPL_M_FILLED),
	EPL_MEMBER("branch", TEXT, .flags = EPL_M_FILLED),
	EPL_MEMBER("hash", TEXT, .flags = EPL_M_FILLED),
	EPL_MEMBER("score_threshold", NUMBER, .most = 1),
	EPL_MEMBER("token_limit", INTEGER, .most = INFINITY),
	EPL_MEMBER("include_content", FLAG),
	EPL_MEMBER("rerank", FLAG),
	{0},
};

typedef struct retrieve_options {
	epl_call_fields call;
	uint64_t wait_for_index;
} retrieve_options;

static const epl_option retrieve_spec[] = {EPL_CALL_OPTIONS(offsetof(retrieve_options, call)),
	{"wait_for_index", EPL_SECONDS, offsetof(retrieve_options, wait_for_index), 0}, {0}};

typedef struct status_params {
	epl_text branch, hash;
} status_params;

static const epl_option status_spec[] = {{"branch", EPL_BYTES, offsetof(status_params, branch), 0},
	{"hash", EPL_BYTES, offsetof(status_params, hash), 0}, {0}};

/* --- methods --- */

/* client:retrieve(id, params, options) -> {results, hash, pending_embeddings} */
static int client_retrieve(lua_State *L)
{
	static const char what[] = "repo:retrieve";
	ep_relace_client *c = epl_check_relace(L, 1);
	retrieve_options o = {.call = EPL_NO_CALL_FIELDS};
	ep_relace_call *call;
	ep_err err = {0};
	lua_settop(L, 4);
	ep_relace_text id = epl_check_repo_id(L, 2);
	epl_read_options(L, 4, retrieve_spec, &o, what);
	epl_call_options options = epl_take_call_fields(L, &o.call, what);
	ep_buf *body = epl_push_body(L, 3, retrieve_members, what);
	epl_check_can_wait(L);
	int rc = ep_relace_retrieve(&call, c, id, body, o.wait_for_index, &options.call, &err);
	return epl_await_call(L, rc, call, &err, &options, epl_push_answer);
}

/* client:embedding_status(id, params, options) -> {hash, completed_embeddings, pending_embeddings} */
static int client_embedding_status(lua_State *L)
{
	static const char what[] = "repo:embedding_status";
	ep_relace_client *c = epl_check_relace(L, 1);
	status_params p = {0};
	ep_relace_call *call;
	ep_err err = {0};
	lua_settop(L, 4);
	ep_relace_text id = epl_check_repo_id(L, 2);
	epl_call_options o = epl_relace_options(L, 4, what);
	epl_read_options(L, 3, status_spec, &p, what);
	epl_check_can_wait(L);
	int rc =
		ep_relace_embedding_status(&call, c, id, epl_relace_text(p.branch), epl_relace_text(p.hash), &o.call, &err);
	return epl_await_call(L, rc, call, &err, &o, epl_push_answer);
}

/* client:text_search(id, query, options) -> {results} */
static int client_text_search(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	ep_relace_text query;
	ep_relace_call *call;
	ep_err err = {0};
	lua_settop(L, 4);
	ep_relace_text id = epl_check_repo_id(L, 2);
	epl_call_options o = epl_relace_options(L, 4, "repo:text_search");
	if (lua_type(L, 3) != LUA_TSTRING)
		luaL_error(L, "repo:text_search: the query must be a string, got %s", luaL_typename(L, 3));
	query.data = lua_tolstring(L, 3, &query.len);
	epl_check_can_wait(L);
	int rc = ep_relace_text_search(&call, c, id, query, &o.call, &err);
	return epl_await_call(L, rc, call, &err, &o, epl_push_answer);
}

static const luaL_Reg methods[] = {{"retrieve", client_retrieve}, {"embedding_status", client_embedding_status},
	{"text_search", client_text_search}, {NULL, NULL}};

void epl_open_relace_retrieval(lua_State *L) { luaL_setfuncs(L, methods, 0); }
