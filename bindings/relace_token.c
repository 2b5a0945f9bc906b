/* SPDX-License-Identifier: Apache-2.0 */
/* Repo tokens of the Relace API. Face: lua/epact/relace.lua; engine: runtime/relace/token. */
#include "bindings/relace.h"
#include "bindings/relace_body.h"
#include "runtime/relace/token.h"

typedef struct token_options {
	epl_text name;
	int repo_ids;
	int ttl_seconds;
} token_options;

static const epl_option token_spec[] = {{"name", EPL_BYTES, offsetof(token_options, name), EPL_REQUIRED},
	{"repo_ids", EPL_TABLE, offsetof(token_options, repo_ids), EPL_REQUIRED},
	{"ttl_seconds", EPL_VALUE, offsetof(token_options, ttl_seconds), 0}, {0}};

/* The strings of the array at index, as texts; pushes what holds them. */
static ep_relace_text *read_ids(lua_State *L, int index, size_t *count)
{
	lua_Integer n = epl_check_array(L, index, "repo_token:create", "repo_ids");
	ep_relace_text *ids = lua_newuserdatauv(L, (size_t)(n ? n : 1) * sizeof *ids, 0);
	for (lua_Integer i = 0; i < n; i++) {
		if (lua_rawgeti(L, index, i + 1) != LUA_TSTRING)
			luaL_error(L, "repo_token:create: option 'repo_ids' must be an array of strings, element %I is a %s", i + 1,
				luaL_typename(L, -1));
		ids[i].data = lua_tolstring(L, -1, &ids[i].len); /* anchored by the array until the call was started */
		lua_pop(L, 1);
	}
	*count = (size_t)n;
	return ids;
}

static int64_t read_ttl(lua_State *L, int index)
{
	int is_integer;
	if (!index) return 0;
	lua_Integer ttl = lua_tointegerx(L, index, &is_integer);
	if (!is_integer || lua_type(L, index) != LUA_TNUMBER || ttl < 1)
		luaL_error(L, "repo_token:create: option 'ttl_seconds' must be a positive integer");
	return ttl;
}

static void push_strings(lua_State *L, char *const *texts, size_t count)
{
	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		lua_pushstring(L, texts[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_token_fields(lua_State *L, ep_relace_token *token)
{
	lua_createtable(L, 0, 6);
	if (token->secret) {
		ep_secret *secret = token->secret;
		token->secret = NULL;
		epl_push_secret(L, secret);
		lua_setfield(L, -2, "secret");
	}
	lua_pushstring(L, token->name);
	lua_setfield(L, -2, "name");
	push_strings(L, token->repo_ids, token->repo_count);
	lua_setfield(L, -2, "repo_ids");
	lua_pushstring(L, token->expires_at);
	lua_setfield(L, -2, "expires_at");
}

#define ANSWER "epact.relace.answer"

static int answer_gc(lua_State *L)
{
	ep_relace_token_fini(lua_touserdata(L, 1));
	return 0;
}

/* What is read is the collector's, so that running out of memory in between loses nothing. */
static int push_token(lua_State *L, ep_op *op, bool created)
{
	const ep_relace_call *call = (const ep_relace_call *)op;
	ep_relace_token *token = epl_new(L, sizeof *token, ANSWER);
	ep_err err = {0};
	if (ep_relace_token_read(token, call, created, epl_secrets(L), &err)) return epl_raise(L, &err);
	push_token_fields(L, token);
	ep_relace_token_fini(token);
	return 1;
}

static int push_created(lua_State *L, ep_op *op) { return push_token(L, op, true); }
static int push_found(lua_State *L, ep_op *op) { return push_token(L, op, false); }

/* The token stands in the body: it is masked elsewhere as long as the answer lives, whose field `secret` it is. */
static int push_created_raw(lua_State *L, ep_op *op)
{
	push_token(L, op, true);
	epl_push_raw(L, (const ep_relace_call *)op);
	lua_getfield(L, -2, "secret");
	lua_setfield(L, -2, "secret");
	return 1;
}

/* client:token_create(params, options) -> {secret, name, repo_ids, expires_at} */
static int token_create(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	token_options t = {0};
	epl_call_options o = epl_relace_options(L, 3, "repo_token:create");
	ep_relace_call *call;
	ep_err err = {0};
	size_t count;
	luaL_checktype(L, 2, LUA_TTABLE);
	epl_read_options(L, 2, token_spec, &t, "repo_token:create");
	int64_t ttl = read_ttl(L, t.ttl_seconds);
	const ep_relace_text *ids = read_ids(L, t.repo_ids, &count);
	epl_check_can_wait(L);
	if (ep_relace_token_create(&call, c, epl_relace_text(t.name), ids, count, ttl, &o.call, &err))
		return epl_raise(L, &err);
	return epl_await(L, &call->op, o.raw ? push_created_raw : push_created);
}

typedef int start_with_token(ep_relace_call **out, ep_relace_client *client, const ep_secret *token,
	const ep_relace_options *options, ep_err *err);

/* A call about the token that is the second argument. */
static int call_with_token(lua_State *L, const char *what, start_with_token *start, epl_push *push)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	epl_call_options o = epl_relace_options(L, 3, what);
	ep_relace_call *call;
	ep_err err = {0};
	epl_check_can_wait(L);
	ep_secret *token = epl_check_secret(L, 2);
	int rc = start(&call, c, token, &o.call, &err);
	ep_secret_release(token);
	return epl_await_call(L, rc, call, &err, &o, push);
}

/* client:token_get(token, options) -> {name, repo_ids, expires_at} */
static int token_get(lua_State *L) { return call_with_token(L, "repo_token:get", ep_relace_token_get, push_found); }

/* client:token_delete(token, options) */
static int token_delete(lua_State *L) { return call_with_token(L, "repo_token:delete", ep_relace_token_delete, NULL); }

static const luaL_Reg methods[] = {
	{"token_create", token_create}, {"token_get", token_get}, {"token_delete", token_delete}, {NULL, NULL}};
static const luaL_Reg answer_meta[] = {{"__gc", answer_gc}, {NULL, NULL}};

void epl_open_relace_token(lua_State *L)
{
	epl_type(L, ANSWER, NULL, answer_meta);
	luaL_setfuncs(L, methods, 0);
}
