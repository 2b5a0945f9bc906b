/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_STDLIB_H
#define EPL_STDLIB_H

/* The functions of Lua's library that call back, in forms in which the callback may wait; and the names of the
 * places where none can.
 *
 * Life: the instance's. Thread: the loop's. Owner: Lua's collector. */

#include <lauxlib.h>
#include <lua.h>

/* Replaces table.sort, string.gsub and require. */
void epl_open_stdlib(lua_State *L);
void epl_open_sort(lua_State *L);
void epl_open_gsub(lua_State *L);
void epl_open_require(lua_State *L);

/* Says that what the C function calls may wait: always, or when its argument number `callback` is a function. */
void epl_let_wait(lua_State *L, lua_CFunction function, int callback);

/* The same for the C function on the top, which is popped and put into table[name]. */
void epl_set_waiting(lua_State *L, int table, const char *name, int callback);

/* The same for functions that always may, into the table on the top. */
void epl_set_all_waiting(lua_State *L, const luaL_Reg *functions);

/* Raises the error for a wait at a place that can't be suspended, named with the way out. The place is on the
 * stack of `at`, which is L or a coroutine that resumed it. */
int epl_raise_cannot_wait(lua_State *L, lua_State *at);

#endif
