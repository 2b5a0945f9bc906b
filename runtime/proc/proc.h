/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_PROC_PROC_H
#define EP_PROC_PROC_H

/* Processes: a program with its pipes, from its start to the end of its whole group. No SIGCHLD handler, no zombie.
 *
 * Life: ep_procs_open .. ep_procs_close, after the last process of it was released. A process: ep_proc_start ..
 * ep_proc_release; it runs on in the background until it is dead. Thread: the loop's. Owner: the caller.
 * Errors of a start: see spawn.h, and EP_ECLOSED. A program that ends with a status other than 0 is no error here. */

#include <sys/types.h>

#include "runtime/loop/op.h"
#include "runtime/proc/reader.h"
#include "runtime/proc/writer.h"

/* The processes of one instance, and the guard that ends them should this process be killed. */
typedef struct ep_procs ep_procs;

/* NULL: no memory. Starts nothing yet. */
ep_procs *ep_procs_open(ep_loop *loop);

/* No process can be started any more; the memory goes when the last one and the guard have ended. */
void ep_procs_close(ep_procs *procs);

ep_loop *ep_procs_loop(const ep_procs *procs);

enum { EP_PROC_NULL, EP_PROC_INHERIT, EP_PROC_PIPE }; /* what a child has as its standard input */

typedef struct ep_proc_options {
	const char *const *argv; /* as in ep_spawn */
	const char *const *env;
	const char *cwd;
	int in;
	const char *in_bytes; /* with EP_PROC_PIPE: written, then the pipe is closed; copied. NULL: left open to write to */
	size_t in_len;
	ep_output out, err;
	const int *fds; /* borrowed for the call; the child has them as 3, 4, ... */
	size_t fd_count;
	uint64_t grace;    /* nanoseconds between SIGTERM and SIGKILL; 0: two seconds */
	uint64_t file_max; /* no file that it or what it starts writes may grow beyond so many bytes (EFBIG); 0: no limit */
	bool no_core;      /* it and what it starts leave no core file, and are handed to no collector of crashes */
	/* A ruleset of Landlock that it and what it starts are held to, as far as the kernel lets us; a descriptor, borrowed
	 * until the program runs. 0: none. */
	int fence;
	/* Spawned on a thread of the pool, so that the loop goes on while a busy machine loads the program. Then a start that
	 * fails is the end of the op, with the error of the start and pid 0. */
	bool apart;
} ep_proc_options;

typedef struct ep_proc {
	ep_op op; /* ends when the program has exited and its outputs are at their end, or closed one second later
			   * because somebody else holds them; then the rest of the group is dead. Its abort is SIGTERM to the group,
			   * SIGKILL after the grace, and ends when the program is dead */
	ep_err error;
	ep_procs *procs;
	ep_node link;
	char *name; /* argv[0] */
	pid_t pid;  /* 0: not started */
	int pidfd;
	int status; /* once it has ended: the exit status, 128 + signal when a signal ended it */
	int signal; /* once it has ended: the signal that ended it, or 0 */
	uint64_t grace;
	bool starting, exited, stopping, stolen;
	bool reaped; /* or not started */
	int failure; /* the result of the op in place of 0 */
	uv_poll_t exit_poll;
	ep_timer timer; /* before the exit: until SIGKILL; after it: until the outputs are closed */
	ep_writer in;
	ep_reader out, err;
} ep_proc;

int ep_proc_start(ep_proc **out, ep_procs *procs, const ep_proc_options *options, ep_err *err);

/* Sends a signal to the whole group. 0, EP_ECLOSED when it does not run, EP_EINVAL for no signal. */
int ep_proc_kill(ep_proc *proc, int signal);

/* The consumer's last word: closes what is left of the pipes, and cancels the process when it runs. */
void ep_proc_release(ep_proc *proc);

#endif
