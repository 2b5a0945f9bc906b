/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_PROC_SPAWN_H
#define EP_PROC_SPAWN_H

/* Spawn: starts one program, in a process group of its own and without a terminal, and says at once whether that went
 * well.
 *
 * Life: of one call. Thread: any; the child dies with the thread that started it, unless it may outlive.
 * Owner: the caller of the descriptors that go in, and of the pid and pidfd that come out: it must reap the pid.
 * Errors: EP_ENOENT (program or folder), EP_EPERMISSION, EP_ETOOLARGE (arguments), EP_ENOMEM, EP_EIO. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/err.h"

typedef struct ep_spawn {
	const char *const *argv; /* NULL at the end; argv[0] with a slash is a path seen from cwd, else looked up in PATH */
	const char *const *env;  /* complete, NULL at the end; NULL: as ours */
	const char *cwd;         /* NULL: as ours */
	const int *fds;          /* what the child has as 0, 1, 2, ...: at least three. It has no other descriptor */
	size_t fd_count;
	bool outlives;     /* it does not die with this thread, and has a session of its own */
	uint64_t file_max; /* bytes of a file that it may write; 0: as ours */
	bool no_core;      /* no core file of it is written or handed to a collector */
	int fence;         /* a ruleset of Landlock that it and what it starts are held to; 0: none */
	int tell;   /* a pipe to which the child writes "+ PID" before it becomes the program, and "- PID" if it cannot */
	bool *told; /* set when that went well; NULL: nobody is told */
} ep_spawn;

/* Returns when the program runs or has failed to. The child has every signal at its default and unblocked. */
int ep_spawn_start(pid_t *pid, int *pidfd, const ep_spawn *what, ep_err *err);

/* Waits for a child that has ended or was sent SIGKILL, so that no zombie stays. */
void ep_spawn_reap(pid_t pid);

#endif
