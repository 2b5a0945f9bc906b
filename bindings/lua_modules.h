/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_LUA_MODULES_H
#define EPL_LUA_MODULES_H

#include <stddef.h>

/*
 * The Lua files of lua/epact, compiled while building.
 *
 * Life: constant data of the library. Thread: any. Owner: nobody frees them.
 */
struct epl_lua_module {
	const char *name;          /* "epact.http" */
	const unsigned char *data; /* bytecode; its chunk name is "@epact/http.lua" */
	size_t size;               /* bytes of data */
};

/* All modules, sorted by file; the last one has the name NULL. */
extern const struct epl_lua_module epl_lua_modules[];

#endif
