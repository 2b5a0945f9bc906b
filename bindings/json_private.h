/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_JSON_PRIVATE_H
#define EPL_JSON_PRIVATE_H

/* What the files of epact.json share.
 *
 * Life: made at the first use in a Lua state, ends with it. Thread: the loop's. Owner: the Lua registry. */

#include <lua.h>

/* The block of memory of epact.json.null, a userdata of which there is one in a state. */
typedef struct epl_json_state {
	const void *array_mark, *object_mark; /* the metatables, as lua_topointer tells them */
} epl_json_state;

enum { EPL_JSON_ARRAY = 1, EPL_JSON_OBJECT = 2 }; /* user values of null: the marks */

/* The state, or NULL when nothing of JSON was used yet. Never raises; needs one slot of the Lua stack. */
epl_json_state *epl_json_find(lua_State *L);

/* Pushes null, which holds the state; makes it at the first call. Raises for want of memory. */
epl_json_state *epl_json_open_state(lua_State *L);

#endif
