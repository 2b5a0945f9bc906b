/* SPDX-License-Identifier: Apache-2.0 */
/* git: a folder that several clones fill together. Face: lua/epact/git/submodules.lua; engine: runtime/git/place.c, fence.c. */
#include <unistd.h>

#include "bindings/git.h"
#include "runtime/base/mem.h"
#include "runtime/git/fence.h"
#include "runtime/git/place.h"

#define TYPE "epact.git.place"

typedef struct place {
	ep_git_place place; /* without a path: closed */
	int fence;          /* 0: none */
} place;

/* --- module --- */

/* place(directory) -> a folder that was made, or found empty, and is held until it is closed */
static int git_place(lua_State *L)
{
	ep_err err = {0};
	const char *path = epl_check_text(L, 1, NULL);
	place *p = epl_new(L, sizeof *p, TYPE);
	p->place.path = ep_strdup(path);
	if (!p->place.path) return luaL_error(L, "not enough memory");
	if (ep_git_place_take(&p->place, &err)) return epl_raise(L, &err);
	int fence = ep_git_fence_open(p->place.fd);
	p->fence = fence < 0 ? 0 : fence;
	return 1;
}

/* --- methods --- */

static place *check_place(lua_State *L)
{
	place *p = epl_check(L, 1, TYPE);
	if (!*p->place.at) epl_raise_code(L, EP_ECLOSED, "the folder was closed");
	return p;
}

/* at() -> a path that leads to the folder, whatever takes its place; the fence for git, 0 when there is none */
static int place_at(lua_State *L)
{
	const place *p = check_place(L);
	lua_pushstring(L, p->place.at);
	lua_pushinteger(L, p->fence);
	return 2;
}

/* is_there() -> whether its own path still leads to it */
static int place_is_there(lua_State *L)
{
	lua_pushboolean(L, ep_git_place_is_there(&check_place(L)->place));
	return 1;
}

/* undo(): removes the folder, which is empty again, and those above it, as far as they were made */
static int place_undo(lua_State *L)
{
	ep_err err = {0};
	return ep_git_place_undo(&check_place(L)->place, &err) ? epl_raise(L, &err) : 0;
}

static int place_close(lua_State *L)
{
	place *p = epl_check(L, 1, TYPE);
	ep_git_place_close(&p->place);
	if (p->fence) close(p->fence);
	ep_free(p->place.path);
	p->fence = 0;
	p->place.path = NULL;
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"place", git_place}, {NULL, NULL}};
static const luaL_Reg methods[] = {
	{"at", place_at}, {"is_there", place_is_there}, {"undo", place_undo}, {"close", place_close}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", place_close}, {"__close", place_close}, {NULL, NULL}};

void epl_git_add_place(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	luaL_setfuncs(L, functions, 0);
}
