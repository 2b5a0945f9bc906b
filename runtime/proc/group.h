/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_PROC_GROUP_H
#define EP_PROC_GROUP_H

/* The processes of one instance: who runs, and who watches over them.
 *
 * Life, Thread, Owner: as in proc.h. */

#include "runtime/proc/guard.h"
#include "runtime/proc/proc.h"

bool ep_procs_closing(const ep_procs *procs);

/* A process is a member from its making to its free. */
void ep_procs_add(ep_procs *procs, ep_proc *p);
void ep_procs_forget(ep_proc *p);

/* For a start: the guard, retained; NULL: there is none to have. */
ep_guard *ep_procs_guard(ep_procs *procs);

/* Its group has started, of which `told` knows (NULL: none); is dead, and its leader about to be reaped. */
void ep_procs_enter(ep_proc *p, const ep_guard *told);
void ep_procs_leave(ep_proc *p);

#endif
