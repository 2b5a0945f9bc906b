/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_ARGV_H
#define EPL_ARGV_H

/* Arguments and environments for programs, made of Lua tables.
 *
 * Life: what is returned lives as long as the values that were pushed stay on the stack. Thread: the loop's.
 * Owner: Lua. Errors: raised. */

#include "bindings/epl.h"
#include "runtime/proc/proc.h"

/* The processes of the instance, made at the first call. */
ep_procs *epl_procs(lua_State *L);

/* The list of strings (or numbers) at argument `arg`, not empty, without NUL, as argv. Pushes two values. */
const char *const *epl_check_argv(lua_State *L, int arg);

/* The environment: ours when inherit is true, changed by the table at index (0: none), whose values are strings (or
 * numbers), or false to leave a variable out. Pushes two values. */
const char *const *epl_make_env(lua_State *L, int index, bool inherit, const char *what);

#endif
