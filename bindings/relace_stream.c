/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed answers of the Relace API: agents and searches, clones. Face: lua/epact/relace/streams.lua; engine:
 * runtime/relace/items, agent and clone. */
#include <string.h>

#include "bindings/json.h"
#include "bindings/relace.h"
#include "runtime/base/json.h"
#include "runtime/base/path.h"
#include "runtime/relace/agent.h"
#include "runtime/relace/clone.h"

#define ITEMS "epact.relace.items"

typedef struct items {
	ep_relace_items *items; /* NULL: closed */
	bool of_files;
} items;

/* --- readers --- */

typedef struct stream_options {
	uint64_t stall_timeout;
	lua_Integer max_item;
} stream_options;

static const epl_option stream_spec[] = {{"stall_timeout", EPL_SECONDS, offsetof(stream_options, stall_timeout), 0},
	{"max_item", EPL_INT, offsetof(stream_options, max_item), 0}, {0}};

static stream_options read_stream(lua_State *L, int arg, const char *what)
{
	stream_options o = {0};
	if (!lua_isnoneornil(L, arg)) epl_read_options(L, arg, stream_spec, &o, what);
	if (o.max_item < 0) luaL_error(L, "%s: option 'max_item' must be a number of bytes", what);
	return o;
}

static epl_call_options read_call(lua_State *L, int arg, const char *what)
{
	epl_call_options o = epl_relace_options(L, arg, what);
	if (o.raw) luaL_error(L, "%s: option 'raw' is not for an answer that is read piece by piece", what);
	return o;
}

typedef struct agent_params {
	epl_text agent_name;
	int agent_inputs, proceed, overrides;
} agent_params;

static const epl_option agent_spec[] = {{"agent_name", EPL_BYTES, offsetof(agent_params, agent_name), EPL_REQUIRED},
	{"agent_inputs", EPL_TABLE, offsetof(agent_params, agent_inputs), EPL_REQUIRED},
	{"continue", EPL_VALUE, offsetof(agent_params, proceed), 0},
	{"overrides", EPL_TABLE, offsetof(agent_params, overrides), 0}, {0}};

static const struct override {
	const char *name;
	int type;
} overrides[] = {{"max_tokens", LUA_TNUMBER}, {"max_turns", LUA_TNUMBER}, {"prompt_retries", LUA_TNUMBER},
	{"prompt_timeout", LUA_TNUMBER}, {"model_name", LUA_TSTRING}, {"system", LUA_TSTRING}, {"user", LUA_TSTRING},
	{"tools", LUA_TTABLE}, {0}};

static void check_tools(lua_State *L, int index, const char *what)
{
	lua_Integer n = (lua_Integer)lua_rawlen(L, index), found = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), found++)
		if (!lua_isinteger(L, -2) || lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "%s: override 'tools' must be an array of strings", what);
	if (found != n) luaL_error(L, "%s: override 'tools' must be an array without holes", what);
}

/* The override of that name, which must be one. */
static void check_override(lua_State *L, const char *name, int value, const char *what)
{
	const struct override *o = overrides;
	while (o->name && strcmp(o->name, name) != 0) o++;
	if (!o->name) {
		const char *near = epl_nearest(name, &overrides[0].name, sizeof *overrides);
		luaL_error(L, "%s: unknown override '%s'%s%s%s", what, name, near ? " (did you mean '" : "", near ? near : "",
			near ? "'?)" : "");
	}
	if (lua_type(L, value) != o->type)
		luaL_error(
			L, "%s: override '%s' must be a %s, got %s", what, name, lua_typename(L, o->type), luaL_typename(L, value));
	if (o->type == LUA_TTABLE) check_tools(L, value, what);
	if (o->type == LUA_TNUMBER && lua_tonumber(L, value) < 0)
		luaL_error(L, "%s: override '%s' must not be negative", what, name);
}

static void check_overrides(lua_State *L, int index, const char *what)
{
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "%s: the overrides have names", what);
		check_override(L, lua_tostring(L, -2), lua_gettop(L), what);
	}
}

static void check_inputs(lua_State *L, int index, const char *what)
{
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "%s: 'agent_inputs' is a table of strings by their names", what);
}

static agent_params read_agent(lua_State *L, int arg, const char *what)
{
	agent_params p = {0};
	luaL_checktype(L, arg, LUA_TTABLE);
	epl_read_options(L, arg, agent_spec, &p, what);
	if (!p.agent_name.len) luaL_error(L, "%s: option 'agent_name' is empty", what);
	if (p.proceed && !lua_isboolean(L, p.proceed)) luaL_error(L, "%s: option 'continue' must be a boolean", what);
	check_inputs(L, p.agent_inputs, what);
	if (p.overrides) check_overrides(L, p.overrides, what);
	return p;
}

/* --- bodies: nothing may raise from here to the start, which takes the text --- */

/* Adds the members of the table at index: all of them strings, numbers or arrays. */
static int write_object(lua_State *L, int index, ep_buf *body, ep_err *err)
{
	int rc = 0;
	char before = '{';
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), before = ',') {
		size_t len;
		const char *key = lua_tolstring(L, -2, &len);
		ep_buf_putc(body, before);
		if (!rc) rc = ep_json_string(body, key, len);
		ep_buf_putc(body, ':');
		if (!rc) rc = epl_json_encode(L, lua_gettop(L), body, err);
	}
	if (before == '{') ep_buf_putc(body, before);
	ep_buf_putc(body, '}');
	return rc;
}

static int write_agent(lua_State *L, const agent_params *p, ep_buf *body, ep_err *err)
{
	ep_buf_puts(body, "{\"agent_name\":");
	ep_json_string(body, p->agent_name.data, p->agent_name.len);
	ep_buf_puts(body, ",\"agent_inputs\":");
	int rc = write_object(L, p->agent_inputs, body, err);
	ep_buf_puts(body, ",\"continue\":");
	ep_buf_puts(body, p->proceed && lua_toboolean(L, p->proceed) ? "true" : "false");
	if (p->overrides && !rc) {
		ep_buf_puts(body, ",\"overrides\":");
		rc = write_object(L, p->overrides, body, err);
	}
	ep_buf_putc(body, '}');
	if (!rc) rc = ep_buf_failed(body);
	if (rc == EP_EJSON) return ep_err_set(err, EP_EINVAL, "a text for the agent is not UTF-8");
	return rc ? ep_err_set(err, rc, "no memory for a request") : 0;
}

/* --- objects --- */

/* The stack below is as the call left it: the stream's options are at index 5 of both methods. */
enum { STREAM_OPTIONS = 5 };

static items *new_items(lua_State *L, bool of_files)
{
	items *i = epl_new(L, sizeof *i, ITEMS);
	i->of_files = of_files;
	return i;
}

static int push_events(lua_State *L, ep_op *op)
{
	ep_err err = {0};
	stream_options o = read_stream(L, STREAM_OPTIONS, "repo:agent");
	items *i = new_items(L, false);
	int rc = ep_relace_events(&i->items, (ep_relace_call *)(void *)op, EP_EVENTS_OF_AGENT, (size_t)o.max_item, &err);
	return rc ? epl_raise(L, &err) : 1;
}

static int push_files(lua_State *L, ep_op *op)
{
	ep_err err = {0};
	stream_options o = read_stream(L, STREAM_OPTIONS, "repo:clone");
	items *i = new_items(L, true);
	return ep_relace_clone_files(&i->items, (ep_relace_call *)(void *)op, (size_t)o.max_item, &err) ? epl_raise(L, &err)
																									: 1;
}

/* client:agent(id, params, options, stream, reads) -> items. reads: it changes nothing, and may be asked twice */
static int client_agent(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	lua_settop(L, 6);
	ep_relace_text id = epl_check_repo_id(L, 2);
	bool reads = lua_toboolean(L, 6);
	const char *what = reads ? "repo:search" : "repo:agent";
	epl_call_options call_options = read_call(L, 4, what);
	stream_options o = read_stream(L, STREAM_OPTIONS, what);
	agent_params p = read_agent(L, 3, what);
	ep_relace_call *call;
	ep_buf body = {0};
	ep_err err = {0};
	luaL_checkstack(L, 10, what);
	epl_check_can_wait(L);
	if (write_agent(L, &p, &body, &err)) {
		ep_buf_fini(&body);
		return epl_raise(L, &err);
	}
	ep_repeat repeat = reads ? EP_REPEAT_SAFE : EP_REPEAT_ONCE;
	if (ep_relace_agent(&call, c, id, &body, repeat, o.stall_timeout, &call_options.call, &err))
		return epl_raise(L, &err);
	return epl_await(L, &call->op, push_events);
}

/* client:clone_files(id, commit, options, stream) -> items */
static int client_clone_files(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	lua_settop(L, STREAM_OPTIONS);
	ep_relace_text id = epl_check_repo_id(L, 2), commit = {0};
	epl_call_options call_options = read_call(L, 4, "repo:clone");
	stream_options o = read_stream(L, STREAM_OPTIONS, "repo:clone");
	ep_relace_call *call;
	ep_err err = {0};
	if (!lua_isnil(L, 3)) commit.data = epl_check_text(L, 3, &commit.len);
	epl_check_can_wait(L);
	if (ep_relace_clone(&call, c, id, commit, o.stall_timeout, &call_options.call, &err)) return epl_raise(L, &err);
	return epl_await(L, &call->op, push_files);
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
	lua_pushstring(L, ep_err_message(&err));
	ep_err_fini(&err);
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
	epl_relace_drop_nulls(L);
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

/* Pushes what a poll has found. */
static int push_found(lua_State *L, items *i, int rc, const ep_relace_item *item, ep_err *err)
{
	if (rc < 0) return epl_raise(L, err);
	if (rc == EP_ITEMS_READY) return i->of_files ? push_file(L, i, item) : push_event(L, i, item);
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

/* next() -> {event, data} or {filename, content}, nil at the end */
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

static const luaL_Reg methods[] = {
	{"agent", client_agent}, {"clone_files", client_clone_files}, {"check_filename", check_filename}, {NULL, NULL}};
static const luaL_Reg items_methods[] = {{"next", items_next}, {"close", items_close}, {NULL, NULL}};
static const luaL_Reg items_meta[] = {{"__gc", items_close}, {"__close", items_close}, {NULL, NULL}};

void epl_open_relace_stream(lua_State *L)
{
	epl_type(L, ITEMS, items_methods, items_meta);
	luaL_setfuncs(L, methods, 0);
}
