/* SPDX-License-Identifier: Apache-2.0 */
/* From a JSON text to Lua values. */
#include <lauxlib.h>

#include "bindings/json.h"
#include "bindings/json_private.h"

typedef struct builder {
	ep_json_reader *reader;
	int null;  /* stack index of epact.json.null */
	int array; /* stack index of the array mark, for arrays that no element tells from objects */
} builder;

static void push_next(lua_State *L, const builder *b);

static void push_array(lua_State *L, const builder *b, size_t count)
{
	lua_createtable(L, (int)count, 0);
	for (size_t i = 1; i <= count; i++) {
		push_next(L, b);
		lua_rawseti(L, -2, (lua_Integer)i);
	}
	if (count) return;
	lua_pushvalue(L, b->array);
	lua_setmetatable(L, -2);
}

static void push_object(lua_State *L, const builder *b, size_t count)
{
	lua_createtable(L, 0, (int)count);
	for (; count; count--) {
		push_next(L, b); /* the key */
		push_next(L, b);
		lua_rawset(L, -3);
	}
}

static void push_next(lua_State *L, const builder *b)
{
	ep_json_event event;
	ep_json_reader_next(b->reader, &event);
	switch (event.kind) {
	case EP_JSON_STRING: lua_pushlstring(L, event.as.string.data, event.as.string.len); break;
	case EP_JSON_INTEGER: lua_pushinteger(L, event.as.integer); break;
	case EP_JSON_NUMBER: lua_pushnumber(L, event.as.number); break;
	case EP_JSON_BOOL: lua_pushboolean(L, event.as.flag); break;
	case EP_JSON_ARRAY: push_array(L, b, event.as.count); break;
	case EP_JSON_OBJECT: push_object(L, b, event.as.count); break;
	default: lua_pushvalue(L, b->null); break;
	}
}

/* Lua function (light userdata reader) -> value; raises only for want of memory. */
static int build(lua_State *L)
{
	builder b = {.reader = lua_touserdata(L, 1)};
	luaL_checkstack(L, (int)ep_json_reader_depth(b.reader) * 2 + 10, NULL);
	epl_json_open_state(L);
	b.null = lua_gettop(L);
	lua_getiuservalue(L, b.null, EPL_JSON_ARRAY);
	b.array = b.null + 1;
	push_next(L, &b);
	return 1;
}

int epl_json_decode(lua_State *L, const char *text, size_t len, const ep_json_limits *limits, ep_err *err)
{
	ep_json_reader *reader;
	int rc = ep_json_reader_new(&reader, text, len, limits, err);
	if (rc) return rc;
	int status = LUA_ERRMEM;
	if (lua_checkstack(L, 4)) {
		lua_pushcfunction(L, build);
		lua_pushlightuserdata(L, reader);
		status = lua_pcall(L, 1, 1, 0);
		if (status) lua_pop(L, 1);
	}
	ep_json_reader_free(reader);
	return status ? ep_err_set(err, EP_ENOMEM, "not enough memory for the value of a JSON text") : 0;
}
