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

enum { DETAIL_MAX = 8192 }; /* twice what is shown of it: that is cut when it was masked */

static const uint64_t output_grace = EP_SECOND;

/* --- the end --- */

void ep_proc_signal(const ep_proc *p, int signal)
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
	ep_proc_signal(p, SIGKILL);
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
	if (p->stopping) ep_proc_signal(p, SIGKILL);
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

int ep_proc_watch_exit(ep_proc *p)
{
	int rc = uv_poll_init(ep_loop_uv(p->op.loop), &p->exit_poll, p->pidfd);
	if (rc) return ep_err_of_errno(rc);
	ep_proc_watched(p, &p->exit_poll);
	uv_poll_start(&p->exit_poll, UV_READABLE, on_uv_exit);
	return 0;
}

/* --- ending it early --- */

static void on_grace_over(ep_timer *timer) { ep_proc_signal(EP_CONTAINER(timer, ep_proc, timer), SIGKILL); }

void ep_proc_stop_now(ep_proc *p)
{
	if (p->exited) {
		ep_proc_signal(p, SIGKILL); /* its outputs come to their end by that, or are closed by the timer */
		ep_proc_settle(p);
		return;
	}
	ep_proc_signal(p, SIGTERM);
	ep_proc_signal(p, SIGCONT); /* a stopped one could not act on it */
	if (ep_timer_start(p->op.loop, &p->timer, p->grace, on_grace_over)) ep_proc_signal(p, SIGKILL);
}

static void stop(ep_proc *p)
{
	if (p->stopping) return;
	p->stopping = true;
	if (!p->starting) ep_proc_stop_now(p);
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

const ep_op_class ep_proc_class = {
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
