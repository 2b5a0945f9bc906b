/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_TRACE_H
#define EPL_TRACE_H

/* Places in scripts, as their author sees them: epact's own Lua files are passed over.
 *
 * Life: of a call. Thread: the loop's. Owner: the caller. */

#include <lua.h>
#include <stdbool.h>

/* The nearest line of Lua code from `level` outward, with source and currentline: one of a script if there is any, else one
 * of epact's own. False when no Lua code is there. */
bool epl_find_place(lua_State *co, int level, lua_Debug *place);

/* Pushes a traceback from the function that called outward, title in front (NULL: none). Frames of epact's own files, and
 * what these called, are left out; "" when nothing else is there. */
void epl_push_trace(lua_State *L, const char *title);

/* When the value on the top is an error text that begins with a place in epact's own files, puts the script's place, from
 * the function that called outward, there instead. For message handlers. */
void epl_blame_script(lua_State *L);

#endif
