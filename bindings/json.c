/* SPDX-License-Identifier: Apache-2.0 */
/* epact.core.json. Face: lua/epact/json.lua; reader and writers: runtime/base/json. Encoder and decoder have files of
 * their own; here are null, the marks and the functions that Lua sees. */
#include "bindings/json.h"

#include "bindings/epl.h"
#include "bindings/json_private.h"

#define BUFFER "epact.json.buffer"

static const char state_key; /* its address is the registry's key */

/* --- null and the marks --- */

epl_json_state *epl_json_find(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
	epl_json_state *state = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return state;
}

static int null_tostring(lua_State *L)
{
	lua_pushliteral(L, "null");
	return 1;
}

/* Sets a new metatable as user value n of the userdata at the top; returns what tells it. */
static const void *make_mark(lua_State *L, int n, const char *name)
{
	lua_createtable(L, 0, 2);
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__name");
	const void *mark = lua_topointer(L, -1);
	lua_setiuservalue(L, -2, n);
	return mark;
}

epl_json_state *epl_json_open_state(lua_State *L)
{
	luaL_checkstack(L, 4, NULL);
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key) == LUA_TUSERDATA) return lua_touserdata(L, -1);
	lua_pop(L, 1);
	epl_json_state *state = lua_newuserdatauv(L, sizeof *state, 2);
	*state = (epl_json_state){0};
	state->array_mark = make_mark(L, EPL_JSON_ARRAY, "epact.json.array");
	state->object_mark = make_mark(L, EPL_JSON_OBJECT, "epact.json.object");
	lua_createtable(L, 0, 3);
	lua_pushcfunction(L, null_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushliteral(L, "epact.json.null");
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
	return state;
}

void epl_json_push_null(lua_State *L) { epl_json_open_state(L); }

bool epl_json_is_null(lua_State *L, int index)
{
	const void *value = lua_touserdata(L, index);
	return value && value == epl_json_find(L);
}

/* Gives the table in argument 1 the mark n; another metatable than a mark is an error. */
static int set_mark(lua_State *L, int n)
{
	if (lua_isnoneornil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	epl_json_state *state = epl_json_open_state(L);
	if (lua_getmetatable(L, 1)) {
		const void *mark = lua_topointer(L, -1);
		luaL_argcheck(L, mark == state->array_mark || mark == state->object_mark, 1, "the table has a metatable");
		lua_pop(L, 1);
	}
	lua_getiuservalue(L, 2, n);
	lua_setmetatable(L, 1);
	lua_settop(L, 1);
	return 1;
}

static int json_array(lua_State *L) { return set_mark(L, EPL_JSON_ARRAY); }

static int json_object(lua_State *L) { return set_mark(L, EPL_JSON_OBJECT); }

static int json_is_array(lua_State *L)
{
	luaL_checkany(L, 1);
	epl_json_state *state = epl_json_open_state(L);
	bool is = lua_istable(L, 1) && lua_getmetatable(L, 1) && lua_topointer(L, -1) == state->array_mark;
	lua_pushboolean(L, is);
	return 1;
}

/* --- encode --- */

static int buffer_gc(lua_State *L)
{
	ep_buf_fini(epl_check(L, 1, BUFFER));
	return 0;
}

/* encode(value, options) -> text */
static int json_encode(lua_State *L)
{
	static const epl_option spec[] = {{"pretty", EPL_BOOL, offsetof(epl_json_style, pretty), 0},
		{"sort", EPL_BOOL, offsetof(epl_json_style, sort), 0}, {0}};
	epl_json_style style = {0};
	ep_err err = {0};
	luaL_checkany(L, 1);
	epl_read_options(L, 2, spec, &style, "json.encode");
	ep_buf *out = epl_new(L, sizeof *out, BUFFER); /* freed by the collector if the push of the text fails */
	if (epl_json_encode_styled(L, 1, &style, out, &err)) {
		ep_buf_fini(out);
		return epl_raise(L, &err);
	}
	lua_pushlstring(L, ep_buf_text(out), out->len);
	ep_buf_fini(out);
	return 1;
}

/* --- decode --- */

typedef struct decode_options {
	lua_Integer max_bytes, max_depth, max_nodes;
} decode_options;

static size_t read_limit(lua_State *L, const char *name, lua_Integer given, lua_Integer most)
{
	if (given < 1 || given > most)
		luaL_error(L, "json.decode: option '%s' must be 1 to %I, got %I", name, (LUAI_UACINT)most, (LUAI_UACINT)given);
	return (size_t)given;
}

/* decode(text, options) -> value */
static int json_decode(lua_State *L)
{
	static const epl_option spec[] = {{"max_bytes", EPL_INT, offsetof(decode_options, max_bytes), 0},
		{"max_depth", EPL_INT, offsetof(decode_options, max_depth), 0},
		{"max_nodes", EPL_INT, offsetof(decode_options, max_nodes), 0}, {0}};
	decode_options options = {EP_JSON_MAX_BYTES, EP_JSON_MAX_DEPTH, EP_JSON_MAX_NODES};
	ep_err err = {0};
	luaL_checktype(L, 1, LUA_TSTRING);
	epl_read_options(L, 2, spec, &options, "json.decode");
	ep_json_limits limits = {.max_bytes = read_limit(L, "max_bytes", options.max_bytes, INT64_MAX),
		.max_depth = read_limit(L, "max_depth", options.max_depth, EP_JSON_MAX_DEPTH),
		.max_nodes = read_limit(L, "max_nodes", options.max_nodes, INT32_MAX)};
	size_t len;
	const char *text = lua_tolstring(L, 1, &len);
	return epl_json_decode(L, text, len, &limits, &err) ? epl_raise(L, &err) : 1;
}

static const luaL_Reg buffer_meta[] = {{"__gc", buffer_gc}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"encode", json_encode}, {"decode", json_decode}, {"array", json_array},
	{"object", json_object}, {"is_array", json_is_array}, {NULL, NULL}};

int epl_open_json(lua_State *L)
{
	epl_type(L, BUFFER, NULL, buffer_meta);
	luaL_newlib(L, functions);
	epl_json_push_null(L);
	lua_setfield(L, -2, "null");
	return 1;
}
