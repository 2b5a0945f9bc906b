/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/proc/group.h"
#include "runtime/proc/guard.h"
#include "runtime/proc/private.h"
#include "runtime/proc/spawn.h"

enum { DEFAULT_GRACE_SECONDS = 2 };

/* A start under way: what is known before it, and what the spawn found out. */
typedef struct ep_launch {
	uv_work_t work;
	ep_proc *p;
	ep_spawn what;
	int *fds; /* the child's; those that we opened are closed when it runs */
	size_t opened;
	char **argv, **env, *cwd; /* copies, when the spawn happens on a thread */
	ep_guard *guard;          /* NULL: there is none */
	bool told;                /* it knows of the group */
	pid_t pid;
	int pidfd, rc;
	ep_err err;
} ep_launch;

/* --- descriptors --- */

static int open_pipe(int *ours, int *child, bool input)
{
	int pair[2];
	if (pipe2(pair, O_CLOEXEC)) return -errno;
	*ours = pair[input ? 1 : 0];
	*child = pair[input ? 0 : 1];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	return 0;
}

static int copy_fd(int *copy, int fd)
{
	*copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *copy < 0 ? -errno : 0;
}

static int open_end(ep_launch *l, int *ours, int i, bool inherit, bool null)
{
	int *child = &l->fds[l->opened];
	int rc;
	if (null) {
		*child = open("/dev/null", O_RDWR | O_CLOEXEC);
		rc = *child < 0 ? -errno : 0;
	} else {
		rc = inherit ? copy_fd(child, i) : open_pipe(ours, child, i == 0);
	}
	if (!rc) l->opened++;
	return rc;
}

/* Opens the child's descriptors; ours are -1 where there is no pipe. */
static int open_ends(ep_launch *l, int ours[3], const ep_proc_options *o, ep_err *err)
{
	int rc = open_end(l, &ours[0], 0, o->in == EP_PROC_INHERIT, o->in == EP_PROC_NULL);
	if (!rc) rc = open_end(l, &ours[1], 1, o->out.mode == EP_OUT_INHERIT, o->out.mode == EP_OUT_NULL);
	if (!rc) rc = open_end(l, &ours[2], 2, o->err.mode == EP_OUT_INHERIT, o->err.mode == EP_OUT_NULL);
	for (size_t i = 0; !rc && i < o->fd_count; i++, l->opened += !rc) rc = copy_fd(&l->fds[3 + i], o->fds[i]);
	if (rc) ep_err_set(err, ep_err_of_errno(rc), "opening the descriptors of '%s': %s", o->argv[0], strerror(-rc));
	return rc ? ep_err_of_errno(rc) : 0;
}

static void close_ends(ep_launch *l)
{
	while (l->opened) close(l->fds[--l->opened]);
}

/* Takes our ends, also when it fails. */
static int watch(ep_proc *p, const ep_proc_options *o, const int *ours)
{
	int rc = ep_reader_open(&p->out, p, &o->out, ours[1]);
	int rc_err = ep_reader_open(&p->err, p, &o->err, ours[2]);
	int rc_in = ours[0] < 0 ? 0 : ep_writer_open(&p->in, ours[0]);
	if (!rc) rc = rc_err ? rc_err : rc_in;
	return rc;
}

/* The input that is known from the start is written by an op that nobody waits for. */
static int write_input(ep_proc *p, const ep_proc_options *o, ep_err *err)
{
	ep_proc_write *write = NULL;
	if (o->in != EP_PROC_PIPE || !o->in_bytes) return 0;
	int rc = ep_proc_write_start(&write, &p->in, o->in_bytes, o->in_len, err);
	if (write) ep_op_unref(&write->op);
	if (!rc) ep_writer_end(&p->in);
	return rc;
}

/* --- the launch --- */

/* A copy of a list of texts, in one block. */
static char **copy_texts(const char *const *texts)
{
	size_t count = 0, bytes = 0;
	for (; texts[count]; count++) bytes += strlen(texts[count]) + 1;
	char **copy = ep_alloc((count + 1) * sizeof *copy + bytes);
	char *at = copy ? (char *)(copy + count + 1) : NULL;
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = at;
		at = stpcpy(at, texts[i]) + 1;
	}
	if (copy) copy[count] = NULL;
	return copy;
}

/* What a thread needs after the caller has gone on. */
static bool keep(ep_launch *l)
{
	ep_spawn *what = &l->what;
	l->argv = copy_texts(what->argv);
	l->env = what->env ? copy_texts(what->env) : NULL;
	l->cwd = ep_strdup(what->cwd);
	if (!l->argv || (what->env && !l->env) || (what->cwd && !l->cwd)) return false;
	what->argv = (const char *const *)l->argv;
	what->env = (const char *const *)l->env;
	what->cwd = l->cwd;
	return true;
}

static void free_launch(ep_launch *l)
{
	close_ends(l);
	if (l->guard) ep_guard_release(l->guard);
	ep_err_fini(&l->err);
	ep_free(l->fds);
	ep_free(l->argv);
	ep_free(l->env);
	ep_free(l->cwd);
	ep_free(l);
}

static ep_launch *new_launch(ep_proc *p, const ep_proc_options *o)
{
	ep_launch *l = ep_calloc(1, sizeof *l);
	if (!l) return NULL;
	l->p = p;
	l->pidfd = -1;
	l->fds = ep_calloc(3 + o->fd_count, sizeof *l->fds);
	l->what = (ep_spawn){.argv = o->argv,
		.env = o->env,
		.cwd = o->cwd,
		.fds = l->fds,
		.fd_count = 3 + o->fd_count,
		.file_max = o->file_max,
		.no_core = o->no_core,
		.fence = o->fence,
		.tell = -1,
		.told = &l->told};
	if (l->fds && (!o->apart || keep(l))) return l;
	free_launch(l);
	return NULL;
}

/* On any thread. What the child could not tell the guard, as its pipe is full, we do. */
static void spawn(ep_launch *l)
{
	if (l->guard) {
		ep_guard_start(l->guard);
		l->what.tell = ep_guard_pipe(l->guard);
	}
	l->rc = ep_spawn_start(&l->pid, &l->pidfd, &l->what, &l->err);
	if (!l->rc && l->guard && !l->told) l->told = ep_guard_tell(l->guard, '+', l->pid);
}

static void close_all(ep_proc *p)
{
	ep_writer_close(&p->in);
	ep_reader_close(&p->out);
	ep_reader_close(&p->err);
}

/* It runs: from here on it ends by its exit. */
static int begin(ep_proc *p, ep_launch *l, ep_err *err)
{
	p->pid = l->pid;
	p->pidfd = l->pidfd;
	p->reaped = false;
	ep_procs_enter(p, l->told ? l->guard : NULL);
	int rc = ep_proc_watch_exit(p);
	if (!rc) return 0;
	ep_err_set(err, rc, "no memory to start '%s'", p->name);
	ep_proc_signal(p, SIGKILL);
	ep_procs_leave(p);
	ep_spawn_reap(p->pid);
	close(p->pidfd);
	p->reaped = true;
	return rc;
}

/* After the spawn, on the loop: 0, or an error, when there is no process. Frees the launch. */
static int settle(ep_launch *l, ep_err *err)
{
	ep_proc *p = l->p;
	int rc = l->rc;
	if (rc) {
		ep_err_move(err, &l->err);
	} else {
		rc = begin(p, l, err);
	}
	free_launch(l);
	if (rc) close_all(p);
	return rc;
}

/* --- on a thread --- */

static void on_uv_work(uv_work_t *work) { spawn(work->data); }

static void on_uv_after(uv_work_t *work, int status)
{
	ep_launch *l = work->data;
	ep_proc *p = l->p;
	ep_loop *loop = p->op.loop;
	ep_err err = {0};
	(void)status; /* never cancelled */
	p->starting = false;
	int rc = settle(l, &err);
	if (!rc && p->stopping) {
		ep_proc_stop_now(p);
	} else if (rc) {
		if (!p->failure) ep_err_move(&p->error, &err);
		ep_op_finish(&p->op, p->failure ? p->failure : rc);
	}
	ep_err_fini(&err);
	ep_op_unref(&p->op);
	ep_loop_handle_closed(loop);
}

/* A uv_queue_work of its own, not an ep_work: a closing loop aborts every op, and the process must be taken over then too. */
static void queue(ep_launch *l)
{
	ep_proc *p = l->p;
	p->starting = true;
	l->work.data = l;
	ep_op_retain(&p->op);
	ep_loop_handle_opened(p->op.loop);
	uv_queue_work(ep_loop_uv(p->op.loop), &l->work, on_uv_work, on_uv_after);
}

/* --- the start --- */

static ep_proc *new_proc(ep_procs *procs, const ep_proc_options *o)
{
	ep_proc *p = ep_calloc(1, sizeof *p);
	if (!p) return NULL;
	p->name = ep_strdup(o->argv[0]);
	p->grace = o->grace ? o->grace : DEFAULT_GRACE_SECONDS * EP_SECOND;
	p->out.fd = p->err.fd = p->pidfd = -1;
	p->reaped = true;
	ep_op_init(&p->op, ep_procs_loop(procs), &ep_proc_class, &p->error);
	ep_writer_init(&p->in, p);
	ep_procs_add(procs, p);
	if (p->name) return p;
	ep_op_unref(&p->op);
	return NULL;
}

int ep_proc_start(ep_proc **out, ep_procs *procs, const ep_proc_options *o, ep_err *err)
{
	int ours[3] = {-1, -1, -1};
	if (!o->argv[0]) return ep_err_set(err, EP_EINVAL, "a process needs at least the name of its program");
	if (ep_procs_closing(procs))
		return ep_err_set(err, EP_ECLOSED, "cannot start '%s': the runtime is closing", o->argv[0]);
	ep_proc *p = new_proc(procs, o);
	ep_launch *l = p ? new_launch(p, o) : NULL;
	int rc = l ? open_ends(l, ours, o, err) : EP_ENOMEM;
	if (l) {
		int rc_watch = watch(p, o, ours);
		if (!rc) rc = rc_watch;
	}
	if (!rc) rc = write_input(p, o, err);
	if (rc) goto fail;
	l->guard = ep_procs_guard(procs);
	if (o->apart) {
		ep_op_start(&p->op);
		queue(l);
	} else {
		spawn(l);
		rc = settle(l, err);
		l = NULL;
		if (rc) goto fail;
		ep_op_start(&p->op);
	}
	*out = p;
	return 0;
fail:
	ep_err_set(err, rc, "no memory to start '%s'", o->argv[0]);
	if (l) free_launch(l);
	if (p) {
		close_all(p);
		ep_op_unref(&p->op);
	}
	return rc;
}
