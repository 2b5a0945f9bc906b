/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_VIEW_H
#define EPL_VIEW_H

/* What the tasks do, and how long they do it without waiting.
 *
 * Life: the instance's. Thread: the loop's. Owner: the caller owns the buffers. */

#include "bindings/state.h"

/* Adds the tree of tasks, one line for each; nothing when none is left. May raise. */
void epl_tree_text(lua_State *L, ep_buf *text);

/* Adds `before` and "file:line" of the innermost Lua function of a coroutine that is not epact's own; false when there
 * is none. */
bool epl_add_place(ep_buf *b, const char *before, lua_State *co);

/* Turns the instance to virtual time, and seeds math.random. May raise. */
void epl_virtual_time(lua_State *L, lua_Integer seed);

/* Warns of a task that computed for `took` nanoseconds without waiting; once for a place. */
void epl_warn_slice(epl_task *task, uint64_t took);

#endif
