/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/mem.h"

#ifdef __SANITIZE_THREAD__
/* Its clone takes every child for a fork and switches itself off, here in the memory of the parent. */
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

enum { CHILD_STACK = 32 * 1024, SIGNALS = 64, FALLBACK_FDS = 65536 };
enum stage { STAGE_GROUP, STAGE_PARENT, STAGE_LIMITS, STAGE_CWD, STAGE_FDS, STAGE_EXEC };

/* What parent and child share: the child runs in the parent's memory, which waits until it has exec'd or gone. */
typedef struct launch {
	const ep_spawn *what;
	const char *path;
	char *const *env;
	int *fds; /* a copy: the child moves them out of each other's way */
	pid_t parent;
	enum stage stage;
	int error;
} launch;

/* --- in the child: system calls only, nothing that touches the parent's memory but launch --- */

#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

/* What the kernel takes as an action: the handler comes first, on every architecture but MIPS. Zero bytes are SIG_DFL and an
 * empty mask everywhere. */
static const unsigned long defaults[8], ignore[8] = {1 /* SIG_IGN */};

/* By system call: what a sanitizer or libc notes down about handlers is the parent's. */
IN_CHILD static int set_action(int sig, const unsigned long *action)
{
	return (int)syscall(SYS_rt_sigaction, sig, action, NULL, SIGNALS / 8);
}

IN_CHILD static void reset_signals(void)
{
	for (int sig = 1; sig <= SIGNALS; sig++) set_action(sig, defaults);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, defaults, NULL, SIGNALS / 8);
}

/* The child itself tells: after the exec it could have started something before the parent comes to it, which may be killed
 * before it comes to it. */
IN_CHILD static void tell(const ep_spawn *what, char sign)
{
	char line[32];
	size_t at = sizeof line;
	if (!what->told || (sign == '-' && !*what->told)) return;
	line[--at] = '\n';
	for (long pid = syscall(SYS_getpid); pid; pid /= 10) line[--at] = (char)('0' + pid % 10);
	line[--at] = ' ';
	line[--at] = sign;
	set_action(SIGPIPE, ignore);
	bool well = syscall(SYS_write, what->tell, line + at, sizeof line - at) == (long)(sizeof line - at);
	set_action(SIGPIPE, defaults);
	if (well) *what->told = sign == '+';
}

IN_CHILD static int close_others(unsigned from)
{
#ifdef SYS_close_range
	if (!syscall(SYS_close_range, from, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */)) return 0;
#endif
	struct rlimit limit; /* a kernel or a sandbox without it */
	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit)) return -1;
	unsigned end = limit.rlim_cur < FALLBACK_FDS ? (unsigned)limit.rlim_cur : FALLBACK_FDS;
	for (unsigned fd = from; fd < end; fd++) syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

IN_CHILD static int place_fds(int *fds, int count)
{
	for (int i = 0; i < count; i++) {
		if (fds[i] >= count) continue;
		fds[i] = (int)syscall(SYS_fcntl, fds[i], F_DUPFD_CLOEXEC, count);
		if (fds[i] < 0) return -1;
	}
	for (int i = 0; i < count; i++)
		if (syscall(SYS_dup3, fds[i], i, 0) < 0) return -1;
	return close_others((unsigned)count);
}

/* Lowers the hard limit to `to`, and the soft one to that, or, exactly, raises it to it. */
IN_CHILD static int set_limit(int which, uint64_t to, bool exactly)
{
	struct rlimit now, less;
	if (syscall(SYS_prlimit64, 0, which, NULL, &now)) return -1;
	less.rlim_max = now.rlim_max < to ? now.rlim_max : to;
	less.rlim_cur = exactly || now.rlim_cur > less.rlim_max ? less.rlim_max : now.rlim_cur;
	return (int)syscall(SYS_prlimit64, 0, which, &less, NULL);
}

IN_CHILD static int set_limits(const ep_spawn *what)
{
	/* 0 would stop files alone; of 1 byte the kernel makes nothing, for a collector either (core(5)). */
	if (what->no_core && set_limit(RLIMIT_CORE, 1, true)) return -1;
	if (!what->file_max) return 0;
	/* A write that fails is an error that a program tells of; the signal would end it without a word. */
	if (set_action(SIGXFSZ, ignore)) return -1;
	return set_limit(RLIMIT_FSIZE, what->file_max, false);
}

/* One more wall, where there is one: without it the program starts as well. */
IN_CHILD static void enter_fence(int fence)
{
#ifdef SYS_landlock_restrict_self
	if (fence && !syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) syscall(SYS_landlock_restrict_self, fence, 0);
#endif
}

/* A group of its own, and no controlling terminal. A session would be both, but Linux schedules each session as a whole
 * (autogroups): with 32 of them at work, the loop waited up to 0.2 s for its turn. */
IN_CHILD static int enter_group(const ep_spawn *what)
{
	if (what->outlives) return (int)syscall(SYS_setsid);
	int tty = (int)syscall(SYS_openat, AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	bool free_of_it = tty >= 0 ? !syscall(SYS_ioctl, tty, TIOCNOTTY) : errno == ENXIO;
	if (tty >= 0) syscall(SYS_close, tty);
	if (!free_of_it) return (int)syscall(SYS_setsid); /* /dev/tty is missing, or something else */
	return (int)syscall(SYS_setpgid, 0, 0);
}

IN_CHILD static int prepare(launch *l)
{
	l->stage = STAGE_GROUP;
	if (enter_group(l->what) < 0) return -1;
	l->stage = STAGE_PARENT;
	if (!l->what->outlives) {
		if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)) return -1;
		if (syscall(SYS_getppid) != l->parent) return -1; /* it died before the line above */
	}
	l->stage = STAGE_LIMITS;
	if (set_limits(l->what)) return -1;
	l->stage = STAGE_CWD;
	if (l->what->cwd && syscall(SYS_chdir, l->what->cwd)) return -1;
	enter_fence(l->what->fence);
	l->stage = STAGE_FDS;
	return place_fds(l->fds, (int)l->what->fd_count);
}

IN_CHILD static int in_child(void *arg)
{
	launch *l = arg;
	reset_signals();
	tell(l->what, '+');
	if (!prepare(l)) {
		l->stage = STAGE_EXEC;
		syscall(SYS_execve, l->path, l->what->argv, l->env);
	}
	l->error = errno ? errno : ECANCELED;
	tell(l->what, '-');
	syscall(SYS_exit, 127);
	return 127;
}

/* --- in the parent --- */

static const char *path_of(const char *const *env)
{
	for (; *env; env++)
		if (!strncmp(*env, "PATH=", 5)) return *env + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

static bool runnable(const char *path, bool *seen)
{
	struct stat st;
	if (stat(path, &st) || !S_ISREG(st.st_mode)) return false;
	*seen = true;
	return access(path, X_OK) == 0;
}

/* Finds the program in the child's PATH; entries that are not absolute would mean another folder in the child. */
static int find_program(ep_buf *path, const char *name, const char *const *env, ep_err *err)
{
	bool seen = false;
	if (strchr(name, '/')) return ep_buf_puts(path, name);
	for (const char *at = path_of(env); *name && *at;) {
		size_t len = strcspn(at, ":");
		ep_buf_reset(path);
		ep_buf_printf(path, "%.*s/%s", (int)len, at, name);
		if (ep_buf_failed(path)) return ep_err_set(err, EP_ENOMEM, "no memory to start %s", name);
		if (*at == '/' && runnable(ep_buf_text(path), &seen)) return 0;
		at += len + (at[len] == ':');
	}
	if (seen) return ep_err_set(err, EP_EPERMISSION, "cannot start '%s': found in PATH, but it may not be run", name);
	return ep_err_set(err, EP_ENOENT, "cannot start '%s': there is no such program in PATH", name);
}

static int explain(const launch *l, ep_err *err)
{
	const char *name = l->what->argv[0], *why = strerror(l->error);
	int code = ep_err_of_errno(-l->error);
	switch (l->stage) {
	case STAGE_CWD: return ep_err_set(err, code, "cannot start '%s' in the folder '%s': %s", name, l->what->cwd, why);
	case STAGE_FDS: return ep_err_set(err, code, "cannot start '%s': passing its descriptors: %s", name, why);
	case STAGE_EXEC:
		if (l->error == E2BIG)
			return ep_err_set(err, EP_ETOOLARGE, "cannot start '%s': its arguments and environment are too long", name);
		if (l->error == ENOENT && access(l->path, F_OK) == 0 && !l->what->cwd)
			return ep_err_set(err, code, "cannot start '%s': the interpreter that it names does not exist", name);
		return ep_err_set(err, code, "cannot start '%s': %s", name, why);
	default: return ep_err_set(err, code, "cannot start '%s': %s", name, why);
	}
}

void ep_spawn_reap(pid_t pid)
{
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) continue;
}

static int run_clone(launch *l, pid_t *pid, int *pidfd, ep_err *err)
{
	sigset_t all, before;
	char *stack = ep_alloc(CHILD_STACK);
	if (!stack) return ep_err_set(err, EP_ENOMEM, "no memory to start '%s'", l->what->argv[0]);
	char *top = stack + CHILD_STACK - (uintptr_t)(stack + CHILD_STACK) % 16;
	*pidfd = -1;
	/* No handler of the host may run in the child, which is in the host's memory. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	*pid = clone(in_child, top, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, l, pidfd);
	int failed = *pid < 0 ? errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	ep_free(stack);
	if (failed) {
		ep_err_set(err, failed == EAGAIN ? EP_EBUSY : ep_err_of_errno(-failed), "cannot start '%s': %s",
			l->what->argv[0], failed == EAGAIN ? "too many processes" : strerror(failed));
		return err->code;
	}
	return 0;
}

int ep_spawn_start(pid_t *pid, int *pidfd, const ep_spawn *what, ep_err *err)
{
	ep_buf path = {0};
	ep_err local = {0};
	launch l = {.what = what, .parent = getpid(), .fds = ep_calloc(what->fd_count, sizeof *l.fds)};
	l.env = (char *const *)(what->env ? (char *const *)what->env : environ);
	int rc = l.fds ? 0 : ep_err_set(&local, EP_ENOMEM, "no memory to start '%s'", what->argv[0]);
	if (!rc) rc = find_program(&path, what->argv[0], (const char *const *)l.env, &local);
	if (rc) goto out;
	memcpy(l.fds, what->fds, what->fd_count * sizeof *l.fds);
	l.path = ep_buf_text(&path);
	if ((rc = run_clone(&l, pid, pidfd, &local))) goto out;
	if (*pidfd < 0) {
		kill(*pid, SIGKILL);
		rc = ep_err_set(&local, EP_EIO, "cannot start '%s': this needs a kernel with pidfd (Linux 5.4)", what->argv[0]);
	} else if (l.error) {
		rc = explain(&l, &local);
	}
	if (!rc) goto out;
	ep_spawn_reap(*pid);
	if (*pidfd >= 0) close(*pidfd);
out:
	ep_free(l.fds);
	ep_buf_fini(&path);
	if (rc && err && !err->code) ep_err_move(err, &local);
	ep_err_fini(&local);
	return rc;
}
