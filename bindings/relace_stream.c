/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed answers of the Relace API: agents and searches, clones. Face: lua/epact/relace/streams.lua; engine:
 * runtime/relace/items, agent and clone. */
#include "bindings/relace_stream.h"

#include <math.h>

#include "bindings/json.h"
#include "bindings/relace_body.h"
#include "runtime/base/path.h"
#include "runtime/relace/agent.h"
#include "runtime/relace/clone.h"

#define ITEMS "epact.relace.items"

/* What the items are. */
enum kind { EVENTS, CHUNKS, FILES };

typedef struct items {
	ep_relace_items *items; /* NULL: closed, or not open yet */
	enum kind kind;
	size_t max_item;
} items;

/* --- readers --- */

typedef struct stream_options {
	epl_call_fields call;
	uint64_t stall_timeout;
	lua_Integer max_item;
	epl_text commit;
} stream_options;

#define STREAM_OPTIONS                                                                                                 \
	EPL_CALL_OPTIONS(offsetof(stream_options, call)),                                                                  \
		{"stall_timeout", EPL_SECONDS, offsetof(stream_options, stall_timeout), 0},                                    \
	{                                                                                                                  \
		"max_item", EPL_INT, offsetof(stream_options, max_item), 0                                                     \
	}

static const epl_option agent_options[] = {STREAM_OPTIONS, {0}};
static const epl_option clone_options[] = {
	STREAM_OPTIONS, {"commit", EPL_TEXT, offsetof(stream_options, commit), 0}, {0}};

static epl_call_options read_stream(
	lua_State *L, int arg, const epl_option *spec, stream_options *own, const char *what)
{
	*own = (stream_options){.call = EPL_NO_CALL_FIELDS};
	epl_read_options(L, arg, spec, own, what);
	epl_call_options o = epl_take_call_fields(L, &own->call, what);
	if (o.raw) luaL_error(L, "%s: option 'raw' is not for an answer that is read piece by piece", what);
	if (own->max_item < 0) luaL_error(L, "%s: option 'max_item' must be a number of bytes", what);
	return o;
}

static const epl_member overrides[] = {
	EPL_MEMBER("max_tokens", NUMBER, .most = INFINITY),
	EPL_MEMBER("max_turns", NUMBER, .most = INFINITY),
	EPL_MEMBER("prompt_retries", NUMBER, .most = INFINITY),
	EPL_MEMBER("prompt_timeout", NUMBER, .most = INFINITY),
	EPL_MEMBER("model_name", TEXT),
	EPL_MEMBER("system", TEXT),
	EPL_MEMBER("user", TEXT),
	EPL_MEMBER("tools", TEXTS),
	{0},
};

static const epl_member agent_members[] = {
	EPL_MEMBER("agent_name", TEXT, .flags = EPL_M_REQUIRED | EPL_M_FILLED),
	EPL_MEMBER("agent_inputs", PAIRS, .flags = EPL_M_REQUIRED),
	EPL_MEMBER("continue", FLAG, .preset = "false"),
	EPL_MEMBER("overrides", INNER, .inner = overrides),
	{0},
};

static const epl_member search_members[] = {
	EPL_MEMBER("query", TEXT, .flags = EPL_M_REQUIRED | EPL_M_FILLED),
	EPL_MEMBER("overrides", INNER, .inner = overrides),
	{0},
};

/* --- calls: the items are open when the answer has begun --- */

static void make_items(lua_State *L, enum kind kind, const stream_options *o)
{
	items *i = epl_new(L, sizeof *i, ITEMS);
	i->kind = kind;
	i->max_item = (size_t)o->max_item;
	lua_replace(L, EPL_STREAM_ITEMS);
}

int epl_push_items(lua_State *L, ep_op *op)
{
	items *i = lua_touserdata(L, EPL_STREAM_ITEMS);
	ep_relace_call *call = (ep_relace_call *)(void *)op;
	ep_err err = {0};
	int events = i->kind == CHUNKS ? EP_EVENTS_OF_MODEL : EP_EVENTS_OF_AGENT;
	int rc = i->kind == FILES ? ep_relace_clone_files(&i->items, call, i->max_item, &err)
							  : ep_relace_events(&i->items, call, events, i->max_item, &err);
	if (rc) return epl_raise(L, &err);
	lua_pushvalue(L, EPL_STREAM_ITEMS);
	return 1;
}

epl_call_options epl_read_chunks(lua_State *L, uint64_t *stall, const char *what)
{
	stream_options own;
	epl_call_options o = read_stream(L, EPL_STREAM_OPTIONS, agent_options, &own, what);
	make_items(L, CHUNKS, &own);
	*stall = own.stall_timeout ? own.stall_timeout : EP_RELACE_EVENTS_STALL;
	return o;
}

/* client:agent(id, params, options, reads) -> items. reads: it changes nothing, and may be asked twice */
static int client_agent(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	bool reads = lua_toboolean(L, EPL_STREAM_ITEMS);
	const char *what = reads ? "repo:search" : "repo:agent";
	stream_options own;
	ep_relace_call *call;
	ep_err err = {0};
	lua_settop(L, EPL_STREAM_ITEMS);
	ep_relace_text id = epl_check_repo_id(L, 2);
	epl_call_options o = read_stream(L, EPL_STREAM_OPTIONS, agent_options, &own, what);
	ep_buf *body = epl_push_body(L, 3, agent_members, what);
	make_items(L, EVENTS, &own);
	epl_check_can_wait(L);
	ep_repeat repeat = reads ? EP_REPEAT_SAFE : EP_REPEAT_ONCE;
	int rc = ep_relace_agent(&call, c, id, body, repeat, own.stall_timeout, &o.call, &err);
	return rc ? epl_raise(L, &err) : epl_await(L, &call->op, epl_push_items);
}

/* client:search_check(params): raises what a search would before it sends */
static int client_search_check(lua_State *L)
{
	lua_settop(L, 2);
	epl_check_body(L, 2, search_members, "repo:search");
	return 0;
}

/* client:clone_files(id, nil, options) -> items */
static int client_clone_files(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	stream_options own;
	ep_relace_call *call;
	ep_err err = {0};
	lua_settop(L, EPL_STREAM_ITEMS);
	ep_relace_text id = epl_check_repo_id(L, 2);
	epl_call_options o = read_stream(L, EPL_STREAM_OPTIONS, clone_options, &own, "repo:clone");
	make_items(L, FILES, &own);
	epl_check_can_wait(L);
	int rc = ep_relace_clone(&call, c, id, epl_relace_text(own.commit), own.stall_timeout, &o.call, &err);
	return rc ? epl_raise(L, &err) : epl_await(L, &call->op, epl_push_items);
}

/* --- items --- */

static int bad_item(lua_State *L, items *i, const ep_relace_item *item, const char *why)
{
	ep_err err = {0};
	ep_relace_items_bad(i->items, item, why, &err);
	return epl_raise(L, &err);
}

/* Pushes the JSON of the item as a value. */
static void push_json(lua_State *L, items *i, const ep_relace_item *item)
{
	ep_err err = {0};
	if (!epl_json_decode(L, item->text.data, item->text.len, NULL, &err)) return;
	epl_push_message(L, &err);
	bad_item(L, i, item, lua_tostring(L, -1));
}

static int push_event(lua_State *L, items *i, const ep_relace_item *item)
{
	lua_createtable(L, 0, 2);
	if (item->name.data) {
		lua_pushlstring(L, item->name.data, item->name.len);
		lua_setfield(L, -2, "event");
	}
	if (item->text.data)
		push_json(L, i, item);
	else
		lua_newtable(L);
	epl_relace_drop_nulls(L, EPL_NULL_DEPTH);
	lua_setfield(L, -2, "data");
	return 1;
}

static int push_file(lua_State *L, items *i, const ep_relace_item *item)
{
	push_json(L, i, item);
	if (!lua_istable(L, -1)) return bad_item(L, i, item, "a file in it is no object");
	if (lua_getfield(L, -1, "filename") != LUA_TSTRING) return bad_item(L, i, item, "a file in it has no filename");
	if (lua_getfield(L, -2, "content") != LUA_TSTRING) return bad_item(L, i, item, "a file in it has no content");
	lua_pop(L, 2);
	return 1;
}

static int push_chunk(lua_State *L, items *i, const ep_relace_item *item)
{
	if (!item->text.data) return bad_item(L, i, item, "an event in it has no data");
	push_json(L, i, item);
	epl_relace_drop_nulls(L, 2 * EPL_NULL_DEPTH); /* all of it is the model's */
	return 1;
}

static int (*const pushers[])(lua_State *, items *, const ep_relace_item *) = {push_event, push_chunk, push_file};

/* Pushes what a poll has found. */
static int push_found(lua_State *L, items *i, int rc, const ep_relace_item *item, ep_err *err)
{
	if (rc < 0) return epl_raise(L, err);
	if (rc == EP_ITEMS_READY) return pushers[i->kind](L, i, item);
	lua_pushnil(L);
	return 1;
}

static items *check_items(lua_State *L)
{
	items *i = epl_check(L, 1, ITEMS);
	if (!i->items) epl_raise_code(L, EP_ECLOSED, "the answer was closed");
	return i;
}

static int push_waited(lua_State *L, ep_op *op)
{
	ep_relace_item item;
	ep_err err = {0};
	items *i = check_items(L); /* another task may have closed it */
	(void)op;
	return push_found(L, i, ep_relace_items_poll(i->items, &item, &err), &item, &err);
}

/* next() -> {event, data}, a chunk, or {filename, content}; nil at the end */
static int items_next(lua_State *L)
{
	items *i = check_items(L);
	ep_relace_item item;
	ep_relace_wait *wait;
	ep_err err = {0};
	lua_settop(L, 1);
	int rc = ep_relace_items_poll(i->items, &item, &err);
	if (rc != EP_ITEMS_WAIT) return push_found(L, i, rc, &item, &err);
	epl_check_can_wait(L);
	if (ep_relace_items_wait(&wait, i->items, &err)) return epl_raise(L, &err);
	return epl_await(L, &wait->op, push_waited);
}

static int items_close(lua_State *L)
{
	items *i = epl_check(L, 1, ITEMS);
	ep_relace_items *closing = i->items;
	i->items = NULL;
	if (!closing) return 0;
	ep_relace_items_close(closing);
	ep_relace_items_release(closing);
	return 0;
}

/* check_filename(name): raises for one that no repository takes */
static int check_filename(lua_State *L)
{
	ep_err err = {0};
	size_t len;
	const char *name = luaL_checklstring(L, 1, &len);
	return ep_repo_path_check(name, len, "filename", &err) ? epl_raise(L, &err) : 0;
}

/* --- tables --- */

static const luaL_Reg methods[] = {{"agent", client_agent}, {"search_check", client_search_check},
	{"clone_files", client_clone_files}, {"check_filename", check_filename}, {NULL, NULL}};
static const luaL_Reg items_methods[] = {{"next", items_next}, {"close", items_close}, {NULL, NULL}};
static const luaL_Reg items_meta[] = {{"__gc", items_close}, {"__close", items_close}, {NULL, NULL}};

void epl_open_relace_stream(lua_State *L)
{
	epl_type(L, ITEMS, items_methods, items_meta);
	luaL_setfuncs(L, methods, 0);
}
