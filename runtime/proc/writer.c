/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/proc/private.h"

/* SIGPIPE of a write goes to the writing thread: it is held back there, and taken if this write raised it. */
ssize_t ep_write_quietly(int fd, const char *bytes, size_t len)
{
	sigset_t pipe, before, pending;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	ssize_t n = write(fd, bytes, len);
	int error = errno;
	if (n < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE)) sigtimedwait(&pipe, NULL, &(struct timespec){0});
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return n;
}

static void stop_watching(ep_writer *w)
{
	if (w->watched) ep_proc_unwatch(&w->poll);
	if (w->fd >= 0) close(w->fd);
	w->watched = false;
	w->fd = -1;
}

static void finish_write(ep_proc_write *write, int rc)
{
	ep_node_unlink(&write->link);
	if (rc) ep_err_set(&write->err, rc, "writing to '%s': it no longer reads its input", write->to->proc->name);
	ep_op_finish(&write->op, rc);
}

static void on_uv_poll(uv_poll_t *poll, int status, int events);

/* Writes what the pipe takes, and waits for more room if there is more. */
static void flush(ep_writer *w)
{
	while (w->fd >= 0 && !ep_list_empty(&w->queue)) {
		ep_proc_write *write = EP_CONTAINER(w->queue.next, ep_proc_write, link);
		ssize_t n = ep_write_quietly(w->fd, write->bytes + write->written, write->len - write->written);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && errno == EAGAIN) {
			uv_poll_start(&w->poll, UV_WRITABLE, on_uv_poll);
			return;
		}
		if (n < 0) {
			ep_writer_close(w);
			return;
		}
		write->written += (size_t)n;
		if (write->written == write->len) finish_write(write, 0);
	}
	if (w->watched) uv_poll_stop(&w->poll);
	if (w->ending) ep_writer_close(w);
}

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
	(void)status; /* write tells what it is about */
	(void)events;
	flush(EP_CONTAINER(poll, ep_writer, poll));
}

void ep_writer_init(ep_writer *w, struct ep_proc *proc)
{
	w->proc = proc;
	w->fd = -1;
	ep_node_init(&w->queue);
}

int ep_writer_open(ep_writer *w, int fd)
{
	w->fd = fd;
	if (uv_poll_init(ep_loop_uv(w->proc->op.loop), &w->poll, fd)) {
		stop_watching(w);
		return EP_EIO;
	}
	ep_proc_watched(w->proc, &w->poll);
	w->watched = true;
	return 0;
}

void ep_writer_end(ep_writer *w)
{
	w->ending = true;
	if (ep_list_empty(&w->queue)) ep_writer_close(w);
}

void ep_writer_close(ep_writer *w)
{
	w->ending = true;
	stop_watching(w);
	while (!ep_list_empty(&w->queue)) finish_write(EP_CONTAINER(w->queue.next, ep_proc_write, link), EP_ECLOSED);
}

static void abort_write(ep_op *op)
{
	ep_proc_write *write = (ep_proc_write *)op;
	ep_node_unlink(&write->link);
	ep_op_finish(op, EP_ECANCELLED);
}

static void free_write(ep_op *op)
{
	ep_proc_write *write = (ep_proc_write *)op;
	ep_err_fini(&write->err);
	ep_op_unref(&write->to->proc->op);
	explicit_bzero(write->bytes, write->len); /* input is a common way to hand over a secret */
	ep_free(write);
}

static void describe_write(const ep_op *op, ep_buf *text)
{
	ep_buf_printf(text, "input of %s", ((const ep_proc_write *)op)->to->proc->name);
}

static const ep_op_class write_class = {
	.name = "process write", .abort = abort_write, .free = free_write, .describe = describe_write};

int ep_proc_write_start(ep_proc_write **out, ep_writer *to, const char *bytes, size_t len, ep_err *err)
{
	if (to->fd < 0 || to->ending)
		return ep_err_set(err, EP_ECLOSED, "writing to '%s': its input is closed", to->proc->name);
	ep_proc_write *write = ep_alloc(sizeof *write + len);
	if (!write) return ep_err_set(err, EP_ENOMEM, "no memory to write to '%s'", to->proc->name);
	*write = (ep_proc_write){.to = to, .len = len};
	ep_op_init(&write->op, to->proc->op.loop, &write_class, &write->err);
	memcpy(write->bytes, bytes, len);
	ep_node_init(&write->link);
	ep_op_retain(&to->proc->op);
	bool first = ep_list_empty(&to->queue);
	ep_list_push(&to->queue, &write->link);
	ep_op_start(&write->op);
	if (first) flush(to);
	*out = write;
	return 0;
}
