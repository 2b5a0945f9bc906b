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

/* Before a start: how the thread of the spawn will reach the guard, or that it shall start one. */
void ep_procs_take_line(ep_procs *procs, ep_guard_line *line);

/* After it: keeps the guard that was started there, if one was, and tells it of all groups but that of p. */
void ep_procs_take_guard(ep_procs *procs, ep_guard_line *line, const ep_proc *p);

/* Its group has started (which takes the guard, too); is dead, and its leader about to be reaped. */
void ep_procs_enter(ep_proc *p, ep_guard_line *line);
void ep_procs_leave(ep_proc *p);

#endif
