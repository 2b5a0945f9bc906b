/* SPDX-License-Identifier: Apache-2.0 */
/* Places in scripts, as their author sees them. The build gives epact's own Lua files chunk names that begin with
 * "@epact/". */
#include "bindings/trace.h"

#include <lauxlib.h>
#include <string.h>

#define OWN "epact/"

static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

static bool is_own(const lua_Debug *ar) { return begins(ar->source, "@" OWN); }

bool epl_find_place(lua_State *co, int level, lua_Debug *place)
{
	lua_Debug ar;
	place->currentline = -1;
	for (; lua_getstack(co, level, &ar); level++) {
		lua_getinfo(co, "Sl", &ar);
		if (ar.currentline <= 0 || (place->currentline > 0 && is_own(&ar))) continue;
		*place = ar;
		if (!is_own(&ar)) break;
	}
	return place->currentline > 0;
}

/* --- tracebacks --- */

/* What a line of luaL_traceback is. */
enum { LINE_TITLE, LINE_SCRIPT, LINE_OWN, LINE_C, LINE_TAIL };

static int kind_of(const char *line)
{
	if (line[0] != '\t') return LINE_TITLE;
	if (begins(line, "\t" OWN)) return LINE_OWN;
	if (begins(line, "\t(...tail")) return LINE_TAIL;
	return begins(line, "\t[C]:") ? LINE_C : LINE_SCRIPT;
}

/* Adds the lines to keep; true when a place of a script is among them. C functions stand in front of their caller: they wait
 * for it, and go with it. So do notes of tail calls, but those behind a frame that is left out. */
static bool add_lines(luaL_Buffer *b, const char *text)
{
	const char *held = NULL, *end;
	bool any = false;
	for (int kind, last = LINE_TITLE; *text; text = end, last = kind) {
		end = text + strcspn(text, "\n");
		end += *end == '\n';
		kind = kind_of(text);
		if (kind == LINE_TAIL && last == LINE_OWN) {
			kind = LINE_OWN;
		} else if (kind == LINE_C || kind == LINE_TAIL) {
			held = held ? held : text;
		} else {
			const char *from = held && kind == LINE_SCRIPT ? held : text;
			if (kind != LINE_OWN) luaL_addlstring(b, from, (size_t)(end - from));
			any = any || kind == LINE_SCRIPT;
			held = NULL;
		}
	}
	return any;
}

void epl_push_trace(lua_State *L, const char *title)
{
	luaL_Buffer b;
	luaL_traceback(L, L, title, 1);
	int all = lua_gettop(L);
	luaL_buffinit(L, &b);
	bool any = add_lines(&b, lua_tostring(L, all));
	luaL_pushresult(&b);
	size_t len;
	const char *text = lua_tolstring(L, -1, &len);
	lua_pushlstring(L, any ? text : "", any ? len - (text[len - 1] == '\n') : 0);
	lua_replace(L, all);
	lua_settop(L, all);
}

/* --- texts of errors --- */

/* What follows "epact/x.lua:12: "; NULL when it does not begin so. */
static const char *behind_own_place(const char *text)
{
	const char *line = begins(text, OWN) ? strstr(text, ".lua:") : NULL;
	const char *end = line ? line + 5 + strspn(line + 5, "0123456789") : NULL;
	return end && end > line + 5 && begins(end, ": ") ? end + 2 : NULL;
}

void epl_blame_script(lua_State *L)
{
	lua_Debug place;
	const char *words = lua_type(L, -1) == LUA_TSTRING ? behind_own_place(lua_tostring(L, -1)) : NULL;
	if (!words || !epl_find_place(L, 1, &place) || is_own(&place)) return;
	lua_pushfstring(L, "%s:%d: %s", place.short_src, place.currentline, words);
	lua_replace(L, -2);
}
