/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/proc/spawn.h"
#include "runtime/proc/writer.h"

struct ep_guard {
	pid_t pid;
	int pidfd;
	int pipe;
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

ep_guard *ep_guard_start(void)
{
	int ends[2];
	ep_guard *guard = ep_calloc(1, sizeof *guard);
	if (!guard) return NULL;
	if (pipe2(ends, O_CLOEXEC)) goto fail;
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	guard->pipe = ends[1];
	int rc = start_shell(guard, ends[0]);
	close(ends[0]);
	if (!rc) return guard;
	close(ends[1]);
fail:
	ep_free(guard);
	return NULL;
}

static bool write_line(int pipe, char sign, pid_t group)
{
	char line[32];
	int len = snprintf(line, sizeof line, "%c %ld\n", sign, (long)group);
	return ep_write_quietly(pipe, line, (size_t)len) == len;
}

bool ep_guard_tell(ep_guard *guard, char sign, pid_t group)
{
	if (write_line(guard->pipe, sign, group)) return true;
	ep_guard_end(guard);
	return false;
}

int ep_guard_copy_pipe(const ep_guard *guard) { return fcntl(guard->pipe, F_DUPFD_CLOEXEC, 3); }

void ep_guard_line_prepare(ep_guard_line *line)
{
	if (line->starts) line->fresh = ep_guard_start();
}

int ep_guard_line_pipe(const ep_guard_line *line) { return line->fresh ? line->fresh->pipe : line->fd; }

void ep_guard_line_tell(ep_guard_line *line, pid_t group)
{
	if (line->fresh) {
		line->told = ep_guard_tell(line->fresh, '+', group);
		if (!line->told) line->fresh = NULL;
	} else if (line->fd >= 0) {
		line->told = write_line(line->fd, '+', group);
	}
}

void ep_guard_line_drop(ep_guard_line *line)
{
	if (line->fd >= 0) close(line->fd);
	line->fd = -1;
}

void ep_guard_end(ep_guard *guard)
{
	/* By pidfd: the pid may be another's, should the host have reaped the shell. */
	syscall(SYS_pidfd_send_signal, guard->pidfd, SIGKILL, NULL, 0);
	close(guard->pipe); /* where that call is missing, as under valgrind, the shell ends by this */
	ep_spawn_reap(guard->pid);
	close(guard->pidfd);
	ep_free(guard);
}
