/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_GIT_H
#define EPL_GIT_H

#include "bindings/epl.h"
#include "runtime/git/clone.h"
#include "runtime/git/command.h"

/* What is given for a clone or a command and is not the engine's. */
typedef struct epl_git_given {
	int credential; /* stack index, 0: none */
	uint64_t timeout;
} epl_git_given;

/* Read the table at index 1. Nothing is acquired: what o points to is the table's, or pushed. */
void epl_git_read_clone(lua_State *L, ep_git_clone_options *o, epl_git_given *given);
void epl_git_read_command(lua_State *L, ep_git_command_options *o, epl_git_given *given);

/* Add functions to the module at the top of the stack: of git_check.c, and of git_place.c with its type. */
void epl_git_add_checks(lua_State *L);
void epl_git_add_place(lua_State *L);

#endif
