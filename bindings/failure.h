/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_FAILURE_H
#define EPL_FAILURE_H

/* Failures of epact.h: made of what Lua raised, and raised in Lua.
 *
 * Life: the arena's that they are copied into. Thread: the loop's, but for epl_failure_copy, which any may call.
 * Owner: the arena's. Errors: functions with a lua_State raise. */

#include "bindings/value.h"
#include "runtime/base/secret.h"

/* What is left to say when there is no memory, or no failure. */
extern const epact_failure epl_no_failure, epl_no_memory, epl_closed;

/* Reads the error value at index, an error object or anything else. Texts are masked. */
void epl_failure_read(lua_State *L, int index, epl_arena *arena, epact_failure *out);

/* A copy of a text without its secrets. */
const char *epl_masked_copy(lua_State *L, epl_arena *arena, const char *text);

/* What the runtime says of an error; texts are masked. Without memory: epl_no_memory. */
void epl_failure_of_err(epl_arena *arena, const ep_secrets *secrets, const ep_err *err, epact_failure *out);

/* A failure of one sentence, which needs no memory. */
epact_failure epl_failure_of(int code, const char *message);

/* Copies what a host gave, which may be NULL. 0 or EP_ENOMEM. */
int epl_failure_copy(epl_arena *arena, epact_failure *out, const epact_failure *given);

/* Pushes the error object with the fields of a copied failure; operation: of one that has none. */
void epl_failure_push(lua_State *L, const epact_failure *failure, const char *operation);

#endif
