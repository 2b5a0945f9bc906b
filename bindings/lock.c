/* SPDX-License-Identifier: Apache-2.0 */
/* Locks between processes. Face: none of its own, see lua/epact/git/mirror.lua; engine: runtime/fs/lock.h. */
#include <unistd.h>

#include "bindings/epl.h"
#include "runtime/fs/lock.h"

#define TYPE "epact.lock"

typedef struct handle {
	bool held;
	int fd;
} handle;

/* --- module --- */

/* try(path, alone) -> lock; nil when another has it */
static int lock_try(lua_State *L)
{
	const char *path = epl_check_text(L, 1, NULL);
	handle *h = epl_new(L, sizeof *h, TYPE);
	ep_err err = {0};
	if (ep_fs_lock_try(&h->fd, path, lua_toboolean(L, 2), &err)) return epl_raise(L, &err);
	h->held = h->fd >= 0;
	return h->held;
}

/* folder(path): makes it, or raises when others may write to it */
static int lock_folder(lua_State *L)
{
	ep_err err = {0};
	return ep_fs_private_folder(epl_check_text(L, 1, NULL), &err) ? epl_raise(L, &err) : 0;
}

/* --- methods --- */

static int lock_close(lua_State *L)
{
	handle *h = epl_check(L, 1, TYPE);
	if (h->held) close(h->fd);
	h->held = false;
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"try", lock_try}, {"folder", lock_folder}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"close", lock_close}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", lock_close}, {"__close", lock_close}, {NULL, NULL}};

int epl_open_lock(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	luaL_newlib(L, functions);
	return 1;
}
