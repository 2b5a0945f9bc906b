/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uv.h>

#include "runtime/base/mem.h"
#include "runtime/proc/spawn.h"
#include "runtime/proc/writer.h"

struct ep_guard {
	uv_mutex_t lock;
	unsigned owners;
	bool started;
	pid_t pid; /* of the shell; 0: there is none */
	int pidfd;
	int pipe, shell_end;
};

static const char script[] = "ids=' '\n"
							 "while read -r sign id; do\n"
							 "	case $sign in\n"
							 "	+) case $ids in *\" $id \"*) ;; *) ids=\"$ids$id \" ;; esac ;;\n"
							 "	-) ids=\"${ids%% $id *} ${ids#* $id }\" ;;\n"
							 "	esac\n"
							 "done\n"
							 "for id in $ids; do kill -s KILL -- \"-$id\"; done\n";

static int start_shell(ep_guard *guard, int pipe_end)
{
	static const char *const argv[] = {"/bin/sh", "-c", script, "epact-guard", NULL};
	static const char *const env[] = {NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0) return EP_EIO;
	int fds[] = {pipe_end, null, null};
	ep_spawn what = {.argv = argv, .env = env, .cwd = "/", .fds = fds, .fd_count = 3, .outlives = true};
	int rc = ep_spawn_start(&guard->pid, &guard->pidfd, &what, NULL);
	close(null);
	return rc;
}

ep_guard *ep_guard_new(void)
{
	int ends[2];
	ep_guard *guard = ep_calloc(1, sizeof *guard);
	if (!guard) return NULL;
	if (uv_mutex_init(&guard->lock)) goto fail;
	if (pipe2(ends, O_CLOEXEC)) goto fail_pipe;
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	guard->shell_end = ends[0];
	guard->pipe = ends[1];
	guard->owners = 1;
	return guard;
fail_pipe:
	uv_mutex_destroy(&guard->lock);
fail:
	ep_free(guard);
	return NULL;
}

void ep_guard_start(ep_guard *guard)
{
	uv_mutex_lock(&guard->lock);
	if (!guard->started) {
		guard->started = true;
		if (start_shell(guard, guard->shell_end)) guard->pid = 0;
		close(guard->shell_end);
	}
	uv_mutex_unlock(&guard->lock);
}

int ep_guard_pipe(const ep_guard *guard) { return guard->pipe; }

bool ep_guard_tell(const ep_guard *guard, char sign, pid_t group)
{
	char line[32];
	int len = snprintf(line, sizeof line, "%c %ld\n", sign, (long)group);
	return ep_write_quietly(guard->pipe, line, (size_t)len) == len;
}

ep_guard *ep_guard_retain(ep_guard *guard)
{
	uv_mutex_lock(&guard->lock);
	guard->owners++;
	uv_mutex_unlock(&guard->lock);
	return guard;
}

static void end_shell(const ep_guard *guard)
{
	/* By pidfd: the pid may be another's, should the host have reaped the shell. */
	syscall(SYS_pidfd_send_signal, guard->pidfd, SIGKILL, NULL, 0);
	close(guard->pipe); /* where that call is missing, as under valgrind, the shell ends by this */
	ep_spawn_reap(guard->pid);
	close(guard->pidfd);
}

void ep_guard_release(ep_guard *guard)
{
	uv_mutex_lock(&guard->lock);
	bool last = --guard->owners == 0;
	uv_mutex_unlock(&guard->lock);
	if (!last) return;
	if (!guard->started) close(guard->shell_end);
	if (guard->pid)
		end_shell(guard);
	else
		close(guard->pipe);
	uv_mutex_destroy(&guard->lock);
	ep_free(guard);
}
