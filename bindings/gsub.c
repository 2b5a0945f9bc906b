/* SPDX-License-Identifier: Apache-2.0 */
/* string.gsub with a replacement that may wait: a function, or a table with __index. Matches are found by Lua's own
 * string.find; the rules about empty matches and anchors are those of lstrlib.c. */
#include "bindings/epl.h"
#include "bindings/stdlib.h"

/* Upvalues: Lua's gsub, its find, a function that indexes its first argument with its second. */
enum { OWN = 1, FIND, INDEX };

/* The stack of gsub: the arguments, then the gsubber; above it are the results of one match. */
enum { SUBJECT = 1, PATTERN, REPLACEMENT, STATE = 5 };

#define TYPE "epact.gsub"

typedef struct gsubber {
	ep_buf out;
	const char *subject;
	size_t len;
	size_t at;         /* bytes of the subject that are done */
	size_t start, end; /* of the match */
	lua_Integer count, most;
	bool anchored, matched, changed; /* matched: a match ended at `at` */
} gsubber;

static void add(lua_State *L, gsubber *g, const char *bytes, size_t len)
{
	if (ep_buf_add(&g->out, bytes, len)) luaL_error(L, "not enough memory");
}

/* Calls find(subject, pattern, from); an error in the pattern gets the place of gsub's caller. */
static bool find(lua_State *L, gsubber *g, size_t from)
{
	lua_settop(L, STATE);
	lua_pushvalue(L, lua_upvalueindex(FIND));
	lua_pushvalue(L, SUBJECT);
	lua_pushvalue(L, PATTERN);
	lua_pushinteger(L, (lua_Integer)from + 1);
	if (lua_pcall(L, 3, LUA_MULTRET, 0)) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
		lua_error(L);
	}
	if (lua_isnil(L, STATE + 1)) return false;
	g->start = (size_t)lua_tointeger(L, STATE + 1) - 1;
	g->end = (size_t)lua_tointeger(L, STATE + 2);
	return true;
}

/* An empty match right behind the match before does not count. */
static bool next_match(lua_State *L, gsubber *g)
{
	if (g->count >= g->most || (g->anchored && g->count)) return false;
	if (!find(L, g, g->at)) return false;
	if (!g->matched || g->end != g->at) return true;
	return !g->anchored && g->at < g->len && find(L, g, g->at + 1);
}

/* Pushes the function and its arguments: all captures, or the first as a table's key; without any, the match. */
static int push_call(lua_State *L, const gsubber *g)
{
	bool table = lua_istable(L, REPLACEMENT);
	if (lua_gettop(L) == STATE + 2) lua_pushlstring(L, g->subject + g->start, g->end - g->start);
	if (table) lua_settop(L, STATE + 3);
	int n = lua_gettop(L) - STATE - 2;
	lua_pushvalue(L, REPLACEMENT);
	lua_insert(L, STATE + 3);
	if (!table) return n;
	lua_pushvalue(L, lua_upvalueindex(INDEX));
	lua_insert(L, STATE + 3);
	return n + 1;
}

/* The replacement is on the top; false and nil keep the match. */
static void take_value(lua_State *L, gsubber *g)
{
	size_t len;
	add(L, g, g->subject + g->at, g->start - g->at);
	if (!lua_toboolean(L, -1)) {
		add(L, g, g->subject + g->start, g->end - g->start);
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	} else {
		const char *text = lua_tolstring(L, -1, &len);
		add(L, g, text, len);
		g->changed = true;
	}
	g->at = g->end;
	g->matched = true;
	g->count++;
}

static int gsub_k(lua_State *L, int status, lua_KContext ctx);

static int go_on(lua_State *L, gsubber *g)
{
	while (next_match(L, g)) {
		int n = push_call(L, g);
		lua_callk(L, n, 1, (lua_KContext)g, gsub_k);
		take_value(L, g);
	}
	if (!g->changed) {
		lua_pushvalue(L, SUBJECT);
	} else {
		add(L, g, g->subject + g->at, g->len - g->at);
		lua_pushlstring(L, ep_buf_text(&g->out), g->out.len);
	}
	lua_pushinteger(L, g->count);
	ep_buf_fini(&g->out);
	return 2;
}

static int gsub_k(lua_State *L, int status, lua_KContext ctx)
{
	gsubber *g = (gsubber *)ctx;
	(void)status;
	take_value(L, g);
	return go_on(L, g);
}

static bool calls_back(lua_State *L)
{
	if (lua_isfunction(L, REPLACEMENT)) return true;
	return lua_istable(L, REPLACEMENT) && luaL_getmetafield(L, REPLACEMENT, "__index") != LUA_TNIL;
}

/* string.gsub(s, pattern, repl [, n]); whatever does not call back, and wrong arguments, are for Lua's own. */
static int gsub(lua_State *L)
{
	int is_number = 1;
	lua_settop(L, 4);
	bool ours = lua_isyieldable(L) && lua_isstring(L, SUBJECT) && lua_isstring(L, PATTERN) && calls_back(L);
	lua_settop(L, 4);
	lua_Integer most = lua_isnil(L, 4) ? LUA_MAXINTEGER : lua_tointegerx(L, 4, &is_number);
	if (!ours || !is_number) return lua_tocfunction(L, lua_upvalueindex(OWN))(L);
	gsubber *g = epl_new(L, sizeof *g, TYPE);
	g->subject = lua_tolstring(L, SUBJECT, &g->len);
	g->anchored = *lua_tostring(L, PATTERN) == '^';
	g->most = most;
	return go_on(L, g);
}

static int gsub_gc(lua_State *L)
{
	gsubber *g = lua_touserdata(L, 1);
	ep_buf_fini(&g->out);
	return 0;
}

static const luaL_Reg meta[] = {{"__gc", gsub_gc}, {NULL, NULL}};

void epl_open_gsub(lua_State *L)
{
	epl_type(L, TYPE, NULL, meta);
	lua_getglobal(L, "string");
	lua_getfield(L, -1, "gsub");
	lua_getfield(L, -2, "find");
	if (luaL_loadstring(L, "local t, k = ... return t[k]")) lua_error(L);
	lua_pushcclosure(L, gsub, 3);
	epl_set_waiting(L, -2, "gsub", 0);
	lua_pop(L, 1);
}
