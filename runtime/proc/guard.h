/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_PROC_GUARD_H
#define EP_PROC_GUARD_H

/* Guard: a small child of ours that knows the groups that run, and kills them when we are gone.
 *
 * A child dies with us by itself (PR_SET_PDEATHSIG), but not what it started. The guard is a shell that reads
 * "+ GROUP" and "- GROUP" from a pipe; at its end, which is our end, however it came, it kills what is left.
 *
 * A start takes three steps, so that nothing that runs is unknown to it, also while threads start others: its pipe is there
 * (new), the shell runs (start), the child itself writes its group before it becomes its program.
 *
 * Life: ep_guard_new .. the last ep_guard_release. Thread: any. Owner: who has made or retained it. */

#include <stdbool.h>
#include <sys/types.h>

typedef struct ep_guard ep_guard;

/* A guard whose shell has not started yet. NULL: no memory or descriptors; then only the children themselves die with us. */
ep_guard *ep_guard_new(void);
ep_guard *ep_guard_retain(ep_guard *guard);

/* The last one ends and reaps the shell; it kills nothing then. */
void ep_guard_release(ep_guard *guard);

/* Starts the shell, unless that was done; returns when it runs, whoever started it, or when there is none to have. */
void ep_guard_start(ep_guard *guard);

/* Where "+ GROUP" is written. */
int ep_guard_pipe(const ep_guard *guard);

/* Tells it of a group that runs (+), or no longer does (-), before its leader is reaped. false: the shell is gone; make another
 * guard and tell it of all groups. */
bool ep_guard_tell(const ep_guard *guard, char sign, pid_t group);

#endif
