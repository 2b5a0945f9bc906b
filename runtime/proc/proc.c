/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/proc/group.h"
#include "runtime/proc/private.h"
#include "runtime/proc/spawn.h"

enum { DEFAULT_GRACE_SECONDS = 2, DETAIL_MAX = 4096 };

static const uint64_t output_grace = EP_SECOND;

/* --- the end --- */

static void kill_group(const ep_proc *p, int signal)
{
	/* The unreaped leader holds the number. If somebody else reaped it, the number may be another's by now. */
	if (!p->reaped && !p->stolen) kill(-p->pid, signal);
}

/* A failure tells what the program said last. */
static void tell_last_words(ep_proc *p)
{
	size_t len;
	const char *bytes = ep_reader_bytes(&p->err, &len);
	size_t skip = len > DETAIL_MAX ? len - DETAIL_MAX : 0;
	if (len && !p->error.detail) ep_err_text(&p->error.detail, bytes + skip, len - skip);
	ep_err_text(&p->error.operation, p->name, strlen(p->name));
}

static void finish(ep_proc *p)
{
	if (p->failure) tell_last_words(p);
	kill_group(p, SIGKILL);
	ep_procs_leave(p);
	if (!p->stolen) ep_spawn_reap(p->pid);
	p->reaped = true;
	close(p->pidfd);
	ep_timer_stop(p->op.loop, &p->timer);
	ep_writer_close(&p->in);
	if (p->stopping || p->out.what.mode != EP_OUT_STREAM) ep_reader_close(&p->out);
	if (p->stopping || p->err.what.mode != EP_OUT_STREAM) ep_reader_close(&p->err);
	ep_op_finish(&p->op, p->failure);
}

static void on_outputs_late(ep_timer *timer) { finish(EP_CONTAINER(timer, ep_proc, timer)); }

void ep_proc_settle(ep_proc *p)
{
	if (!p->exited || p->reaped) return;
	if (ep_reader_settled(&p->out) && ep_reader_settled(&p->err)) {
		finish(p);
	} else if (!ep_timer_active(&p->timer)) {
		if (ep_timer_start(p->op.loop, &p->timer, output_grace, on_outputs_late)) finish(p);
	}
}

/* The program has ended but is kept as a zombie, which holds the group's number until the group is dead too. */
static void note_exit(ep_proc *p, const siginfo_t *info)
{
	p->exited = true;
	ep_timer_stop(p->op.loop, &p->timer);
	ep_proc_unwatch(&p->exit_poll);
	if (info && info->si_code == CLD_EXITED) {
		p->status = info->si_status;
	} else if (info) {
		p->signal = info->si_status;
		p->status = 128 + info->si_status;
	} else {
		p->stolen = true;
		ep_proc_fail(p, EP_EIO, "its exit status is lost: this program ignores SIGCHLD or waits for any child");
	}
	if (p->stopping) kill_group(p, SIGKILL);
	ep_proc_settle(p);
}

static void on_uv_exit(uv_poll_t *poll, int status, int events)
{
	ep_proc *p = EP_CONTAINER(poll, ep_proc, exit_poll);
	siginfo_t info = {0};
	(void)status;
	(void)events;
	int rc = waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	if (!rc && !info.si_pid) return;
	note_exit(p, rc ? NULL : &info);
}

/* --- ending it early --- */

static void on_grace_over(ep_timer *timer) { kill_group(EP_CONTAINER(timer, ep_proc, timer), SIGKILL); }

static void stop(ep_proc *p)
{
	if (p->stopping) return;
	p->stopping = true;
	if (p->exited) {
		kill_group(p, SIGKILL); /* its outputs come to their end by that, or are closed by the timer */
		ep_proc_settle(p);
		return;
	}
	kill_group(p, SIGTERM);
	kill_group(p, SIGCONT); /* a stopped one could not act on it */
	if (ep_timer_start(p->op.loop, &p->timer, p->grace, on_grace_over)) kill_group(p, SIGKILL);
}

void ep_proc_fail(ep_proc *p, int code, const char *what)
{
	if (p->failure) return;
	p->failure = ep_err_set(&p->error, code, "'%s': %s", p->name, what);
	stop(p);
}

static void abort_proc(ep_op *op)
{
	ep_proc *p = (ep_proc *)op;
	const char *what = op->why == EP_ETIMEOUT ? "it did not end in time and was stopped"
		: op->why == EP_ECLOSED               ? "stopped, because it was closed"
											  : "stopped, because it was cancelled";
	if (!p->failure) ep_err_set(&p->error, op->why, "'%s': %s", p->name, what);
	if (!p->failure) p->failure = EP_ECANCELLED;
	stop(p);
}

static void free_proc(ep_op *op)
{
	ep_proc *p = (ep_proc *)op;
	ep_reader_fini(&p->out);
	ep_reader_fini(&p->err);
	ep_err_fini(&p->error);
	ep_free(p->name);
	ep_procs_forget(p);
	ep_free(p);
}

static void describe_proc(const ep_op *op, ep_buf *text)
{
	const ep_proc *p = (const ep_proc *)op;
	ep_buf_printf(text, "%s (pid %ld)", p->name, (long)p->pid);
}

static const ep_op_class proc_class = {
	.name = "process", .abort = abort_proc, .free = free_proc, .describe = describe_proc};

/* --- handles --- */

void ep_proc_watched(ep_proc *proc, uv_poll_t *poll)
{
	poll->data = proc;
	uv_unref((uv_handle_t *)poll);
	ep_loop_handle_opened(proc->op.loop);
	ep_op_retain(&proc->op);
}

static void on_uv_closed(uv_handle_t *handle)
{
	ep_proc *p = handle->data;
	ep_loop *loop = p->op.loop;
	ep_op_unref(&p->op);
	ep_loop_handle_closed(loop);
}

void ep_proc_unwatch(uv_poll_t *poll) { uv_close((uv_handle_t *)poll, on_uv_closed); }

/* --- the start --- */

typedef struct ends {
	int ours[3], child[3]; /* -1: none */
	int null;
} ends;

static void close_ends(int *fds, int count)
{
	for (int i = 0; i < count; i++)
		if (fds[i] >= 0) close(fds[i]);
}

static int open_pipe(ends *e, int i)
{
	int pair[2];
	if (pipe2(pair, O_CLOEXEC)) return -errno;
	e->ours[i] = pair[i ? 0 : 1];
	e->child[i] = pair[i ? 1 : 0];
	fcntl(e->ours[i], F_SETFL, O_NONBLOCK);
	return 0;
}

static int open_end(ends *e, int i, bool inherit, bool null)
{
	if (!inherit && !null) return open_pipe(e, i);
	e->child[i] = fcntl(inherit ? i : e->null, F_DUPFD_CLOEXEC, 3);
	return e->child[i] < 0 ? -errno : 0;
}

static int open_ends(ends *e, const ep_proc_options *o, ep_err *err)
{
	*e = (ends){.ours = {-1, -1, -1}, .child = {-1, -1, -1}, .null = open("/dev/null", O_RDWR | O_CLOEXEC)};
	int rc = e->null < 0 ? -errno : open_end(e, 0, o->in == EP_PROC_INHERIT, o->in == EP_PROC_NULL);
	if (!rc) rc = open_end(e, 1, o->out.mode == EP_OUT_INHERIT, o->out.mode == EP_OUT_NULL);
	if (!rc) rc = open_end(e, 2, o->err.mode == EP_OUT_INHERIT, o->err.mode == EP_OUT_NULL);
	if (rc) ep_err_set(err, ep_err_of_errno(rc), "opening the pipes of '%s': %s", o->argv[0], strerror(-rc));
	return rc ? ep_err_of_errno(rc) : 0;
}

static int spawn(ep_proc *p, const ep_proc_options *o, const ends *e, ep_err *err)
{
	int *fds = ep_alloc((3 + o->fd_count) * sizeof *fds);
	if (!fds) return ep_err_set(err, EP_ENOMEM, "no memory to start '%s'", o->argv[0]);
	memcpy(fds, e->child, sizeof e->child);
	if (o->fd_count) memcpy(fds + 3, o->fds, o->fd_count * sizeof *fds);
	ep_spawn what = {.argv = o->argv, .env = o->env, .cwd = o->cwd, .fds = fds, .fd_count = 3 + o->fd_count};
	int rc = ep_spawn_start(&p->pid, &p->pidfd, &what, err);
	ep_free(fds);
	return rc;
}

static int watch_exit(ep_proc *p)
{
	int rc = uv_poll_init(ep_loop_uv(p->op.loop), &p->exit_poll, p->pidfd);
	if (rc) return ep_err_of_errno(rc);
	ep_proc_watched(p, &p->exit_poll);
	uv_poll_start(&p->exit_poll, UV_READABLE, on_uv_exit);
	return 0;
}

/* Takes our ends. */
static int watch(ep_proc *p, const ep_proc_options *o, const int *ours)
{
	int rc = ep_reader_open(&p->out, p, &o->out, ours[1]);
	int rc_err = ep_reader_open(&p->err, p, &o->err, ours[2]);
	int rc_in = ours[0] < 0 ? 0 : ep_writer_open(&p->in, ours[0]);
	if (!rc) rc = rc_err ? rc_err : rc_in;
	return rc ? rc : watch_exit(p);
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

static ep_proc *new_proc(ep_procs *procs, const ep_proc_options *o)
{
	ep_proc *p = ep_calloc(1, sizeof *p);
	if (!p) return NULL;
	p->name = ep_strdup(o->argv[0]);
	p->grace = o->grace ? o->grace : DEFAULT_GRACE_SECONDS * EP_SECOND;
	p->out.fd = p->err.fd = p->pidfd = -1;
	ep_op_init(&p->op, ep_procs_loop(procs), &proc_class, &p->error);
	ep_writer_init(&p->in, p);
	ep_procs_add(procs, p);
	if (p->name) return p;
	ep_op_unref(&p->op);
	return NULL;
}

static void give_up(ep_proc *p)
{
	kill_group(p, SIGKILL);
	ep_procs_leave(p);
	ep_spawn_reap(p->pid);
	p->reaped = true;
	if (p->exit_poll.data) ep_proc_unwatch(&p->exit_poll);
	close(p->pidfd);
	ep_writer_close(&p->in);
	ep_reader_close(&p->out);
	ep_reader_close(&p->err);
}

int ep_proc_start(ep_proc **out, ep_procs *procs, const ep_proc_options *o, ep_err *err)
{
	ends e;
	if (!o->argv[0]) return ep_err_set(err, EP_EINVAL, "a process needs at least the name of its program");
	if (ep_procs_closing(procs))
		return ep_err_set(err, EP_ECLOSED, "cannot start '%s': the runtime is closing", o->argv[0]);
	ep_proc *p = new_proc(procs, o);
	if (!p) return ep_err_set(err, EP_ENOMEM, "no memory to start '%s'", o->argv[0]);
	int rc = open_ends(&e, o, err);
	if (!rc) rc = spawn(p, o, &e, err);
	close_ends(e.child, 3);
	close_ends(&e.null, 1);
	if (rc) {
		close_ends(e.ours, 3);
		goto fail;
	}
	ep_procs_enter(p);
	rc = watch(p, o, e.ours);
	if (!rc) rc = write_input(p, o, err);
	if (rc) {
		give_up(p);
		ep_err_set(err, rc, "no memory to start '%s'", o->argv[0]);
		goto fail;
	}
	ep_op_start(&p->op);
	*out = p;
	return 0;
fail:
	ep_op_unref(&p->op);
	return rc;
}

int ep_proc_kill(ep_proc *p, int signal)
{
	if (p->reaped || p->stolen) return EP_ECLOSED;
	if (kill(-p->pid, signal) == 0) return 0;
	return errno == ESRCH ? EP_ECLOSED : ep_err_of_errno(-errno);
}

void ep_proc_release(ep_proc *p)
{
	ep_writer_close(&p->in);
	ep_reader_close(&p->out);
	ep_reader_close(&p->err);
	ep_op_release(&p->op);
}
