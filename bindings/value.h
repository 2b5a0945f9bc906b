/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_VALUE_H
#define EPL_VALUE_H

/* The values of epact.h: copied to and from Lua, and within an arena.
 *
 * Life: an arena's memory, until epl_arena_fini; {0} is an empty one. Thread: the owner's. Owner: of an arena, the caller.
 * Errors: functions with a lua_State raise; the others return NULL or a code. */

#include <lua.h>

#include "epact.h"
#include "runtime/base/err.h"

typedef struct epl_arena {
	struct epl_chunk *chunks;
} epl_arena;

/* NULL: no memory. */
void *epl_arena_alloc(epl_arena *arena, size_t size);

/* A copy of len bytes with a NUL behind them. */
char *epl_arena_text(epl_arena *arena, const char *bytes, size_t len);

void epl_arena_fini(epl_arena *arena);

/* Copies count values into the arena. 0, EP_ENOMEM; EP_EINVAL: nested too deep, or no value. */
int epl_values_copy(epl_arena *arena, const epact_value **out, const epact_value *values, size_t count);

/* Pushes what the host gave; what names it in errors, such as "argument". */
void epl_values_push(lua_State *L, const epact_value *values, size_t count, const char *what);

/* Copies the count Lua values from index `first` on into the arena. */
const epact_value *epl_values_read(lua_State *L, int first, size_t count, epl_arena *arena, const char *what);

/* Reads a JSON text. 0, EP_EJSON, EP_ENOMEM. */
int epl_value_of_json(epl_arena *arena, epact_value *out, const char *text, size_t len, ep_err *err);

#endif
