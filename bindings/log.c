/* SPDX-License-Identifier: Apache-2.0 */
/* The log: texts to the instance's sink, masked. Face: lua/epact/log.lua. */
#include <string.h>

#include "bindings/state.h"

bool epl_log_wanted(lua_State *L, int level)
{
	epl_state *st = epl_state_of(L);
	return st->log && level <= st->log_level;
}

static void emit(epl_state *st, int level, const char *text, size_t len)
{
	ep_buf b = {0};
	ep_mask(&b, &st->secrets, text, len);
	st->log(st->log_arg, level, ep_buf_text(&b));
	ep_buf_fini(&b);
}

void epl_log(lua_State *L, int level, const char *format, ...)
{
	if (!epl_log_wanted(L, level)) return;
	ep_buf b = {0};
	va_list args;
	va_start(args, format);
	ep_buf_vprintf(&b, format, args);
	va_end(args);
	emit(epl_state_of(L), level, ep_buf_text(&b), b.len);
	ep_buf_fini(&b);
}

static const char *const levels[] = {"off", "error", "warn", "info", "debug", NULL};

/* write(level, text) */
static int log_write(lua_State *L)
{
	int level = luaL_checkoption(L, 1, NULL, levels);
	size_t len;
	const char *text = luaL_checklstring(L, 2, &len);
	if (level && epl_log_wanted(L, level)) emit(epl_state_of(L), level, text, len);
	return 0;
}

static int log_wanted(lua_State *L)
{
	lua_pushboolean(L, epl_log_wanted(L, luaL_checkoption(L, 1, NULL, levels)));
	return 1;
}

/* level([new]) -> the level before */
static int log_level(lua_State *L)
{
	epl_state *st = epl_state_of(L);
	lua_pushstring(L, levels[st->log_level]);
	if (!lua_isnoneornil(L, 1)) st->log_level = luaL_checkoption(L, 1, NULL, levels);
	return 1;
}

static const luaL_Reg functions[] = {{"write", log_write}, {"wanted", log_wanted}, {"level", log_level}, {NULL, NULL}};

int epl_open_log(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
