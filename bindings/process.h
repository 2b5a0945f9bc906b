/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_PROCESS_H
#define EPL_PROCESS_H

/* The options of process.run and process.spawn, for bindings/process.c.
 *
 * Life: of a call; what they point to stands on the stack. Thread: the loop's. Owner: the caller. Errors: raised. */

#include "bindings/epl.h"
#include "runtime/proc/proc.h"

typedef struct epl_process_options {
	ep_proc_options proc;
	uint64_t timeout; /* nanoseconds; 0: none */
	bool check;       /* run: a status other than 0 is an error */
} epl_process_options;

/* Reads argument 1, the program and its arguments, and the options at 2; may push values. run: those of process.run, else
 * those of process.spawn. */
void epl_process_read(lua_State *L, epl_process_options *to, bool run);

#endif
