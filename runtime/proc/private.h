/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_PROC_PRIVATE_H
#define EP_PROC_PRIVATE_H

/* What the files of this folder tell each other.
 *
 * Life, Thread, Owner: as in proc.h. */

#include "runtime/proc/proc.h"

/* An output has come to its end, is full, or was closed. Called inside a callback of uv. */
void ep_proc_settle(ep_proc *proc);

/* Ends the process because of code, which err then explains. */
void ep_proc_fail(ep_proc *proc, int code, const char *what);

/* To its whole group, while the leader is not reaped. */
void ep_proc_signal(const ep_proc *proc, int signal);

/* Watches the pidfd. 0 or an error. */
int ep_proc_watch_exit(ep_proc *proc);

/* Begins to end it; `stopping` is set. */
void ep_proc_stop_now(ep_proc *proc);

extern const ep_op_class ep_proc_class;

/* A handle of the process was initialized; it keeps the process until it is closed by ep_proc_unwatch. */
void ep_proc_watched(ep_proc *proc, uv_poll_t *poll);
void ep_proc_unwatch(uv_poll_t *poll);

#endif
