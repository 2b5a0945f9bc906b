/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_PROC_GUARD_H
#define EP_PROC_GUARD_H

/* Guard: a small child of ours that knows the groups that run, and kills them when we are gone.
 *
 * A child dies with us by itself (PR_SET_PDEATHSIG), but not what it started. The guard is a shell that reads
 * "+ GROUP" and "- GROUP" from a pipe; at its end, which is our end, however it came, it kills what is left.
 *
 * Life: ep_guard_start .. ep_guard_end. Thread: one at a time. Owner: the caller. */

#include <stdbool.h>
#include <sys/types.h>

typedef struct ep_guard ep_guard;

/* Starts a guard. NULL when there is no shell or no memory: then only the children themselves die with us. */
ep_guard *ep_guard_start(void);

/* Tells it of a group that runs (+), or no longer does (-), before its leader is reaped. false: the guard was lost,
 * and has been ended; start another and tell it of all groups. */
bool ep_guard_tell(ep_guard *guard, char sign, pid_t group);

/* Ends and reaps it; it kills nothing then. */
void ep_guard_end(ep_guard *guard);

/* What a thread that starts a process has of the guard: the child tells of its group before it can have started anything. Life: zeroed, fd -1 .. ep_guard_line_drop. Thread: one at a time. */
typedef struct ep_guard_line {
	int fd;          /* a copy of the guard's pipe; -1: there is no guard yet */
	unsigned number; /* of that guard */
	bool starts;     /* there is none, and none on its way: start one */
	ep_guard *fresh; /* which is this */
	bool told;
} ep_guard_line;

/* A copy of the pipe, -1 when there is none to have. */
int ep_guard_copy_pipe(const ep_guard *guard);

void ep_guard_line_prepare(ep_guard_line *line);
int ep_guard_line_pipe(const ep_guard_line *line); /* -1: there is none */
void ep_guard_line_tell(ep_guard_line *line, pid_t group);
void ep_guard_line_drop(ep_guard_line *line);

#endif
