/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/proc/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/proc/private.h"

enum { PIECE = 64 * 1024 };

/* --- a stream and the read that waits for it --- */

static void take(ep_proc_read *read, size_t len)
{
	ep_buf *from = &read->from->data;
	if (len == from->len) {
		read->data = *from;
		*from = (ep_buf){0};
		return;
	}
	if (ep_buf_add(&read->data, from->data, len)) return;
	memmove(from->data, from->data + len, from->len - len + 1);
	from->len -= len;
}

static void give(ep_reader *r)
{
	ep_proc_read *read = r->waiting;
	if (!read || (!r->data.len && !r->eof && !r->shut)) return;
	r->waiting = NULL;
	int rc = 0;
	if (r->data.len) {
		take(read, read->max && read->max < r->data.len ? read->max : r->data.len);
		rc = ep_buf_failed(&read->data);
	} else if (r->shut) {
		rc = ep_err_set(&read->err, EP_ECLOSED, "reading the output of '%s': it was closed", r->proc->name);
	}
	ep_op_finish(&read->op, rc);
}

static void abort_read(ep_op *op)
{
	ep_proc_read *read = (ep_proc_read *)op;
	if (read->from->waiting == read) read->from->waiting = NULL;
	ep_op_finish(op, EP_ECANCELLED);
}

static void free_read(ep_op *op)
{
	ep_proc_read *read = (ep_proc_read *)op;
	ep_buf_fini(&read->data);
	ep_err_fini(&read->err);
	ep_op_unref(&read->from->proc->op);
	ep_free(read);
}

static void describe_read(const ep_op *op, ep_buf *text)
{
	ep_buf_printf(text, "output of %s", ((const ep_proc_read *)op)->from->proc->name);
}

static const ep_op_class read_class = {
	.name = "process read", .abort = abort_read, .free = free_read, .describe = describe_read};

/* --- the pipe --- */

static size_t room_of(const ep_reader *r)
{
	if (r->what.mode != EP_OUT_STREAM) return PIECE;
	size_t room = r->what.max > r->data.len ? r->what.max - r->data.len : 0;
	return room < PIECE ? room : PIECE;
}

static void forget_start(ep_reader *r)
{
	if (r->data.len / 2 <= r->what.max) return;
	memmove(r->data.data, r->data.data + r->data.len - r->what.max, r->what.max + 1);
	r->data.len = r->what.max;
}

static void fail_too_large(const ep_reader *r)
{
	char what[80];
	const char *name = r == &r->proc->out ? "output" : "error output";
	snprintf(what, sizeof what, "its %s is larger than %zu bytes", name, r->what.max);
	ep_proc_fail(r->proc, EP_ETOOLARGE, what);
}

/* The bytes stand behind the end of data. */
static void keep(ep_reader *r, size_t len)
{
	if (r->over) return;
	if (r->what.on_bytes) r->what.on_bytes(r->what.arg, r->data.data + r->data.len, len);
	r->data.len += len;
	r->data.data[r->data.len] = '\0';
	if (r->what.mode == EP_OUT_TAIL) forget_start(r);
	if (r->what.mode == EP_OUT_CAPTURE && r->data.len > r->what.max) {
		r->data.len = r->what.max;
		r->over = true; /* what follows is read and dropped, so that the process can end */
		fail_too_large(r);
	}
}

static void stop_watching(ep_reader *r)
{
	if (r->watched) ep_proc_unwatch(&r->poll);
	if (r->fd >= 0) close(r->fd);
	r->watched = false;
	r->fd = -1;
}

static void on_uv_poll(uv_poll_t *poll, int status, int events)
{
	ep_reader *r = EP_CONTAINER(poll, ep_reader, poll);
	(void)status; /* read tells what it is about */
	(void)events;
	char *space = ep_buf_reserve(&r->data, room_of(r));
	if (!space) {
		ep_proc_fail(r->proc, EP_ENOMEM, "no memory for its output");
		stop_watching(r);
		r->shut = true;
	} else {
		ssize_t n = read(r->fd, space, room_of(r));
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
		if (n > 0) {
			keep(r, (size_t)n);
		} else {
			r->eof = true;
			stop_watching(r);
		}
	}
	give(r);
	if (r->watched && room_of(r) == 0) uv_poll_stop(&r->poll);
	if (ep_reader_settled(r)) ep_proc_settle(r->proc);
}

int ep_reader_open(ep_reader *r, struct ep_proc *proc, const ep_output *what, int fd)
{
	r->proc = proc;
	r->what = *what;
	r->fd = fd;
	if (!r->what.max) r->what.max = EP_OUT_MAX;
	if (fd < 0) return 0;
	if (uv_poll_init(ep_loop_uv(proc->op.loop), &r->poll, fd)) {
		stop_watching(r);
		return EP_EIO;
	}
	ep_proc_watched(proc, &r->poll);
	r->watched = true;
	uv_poll_start(&r->poll, UV_READABLE, on_uv_poll);
	return 0;
}

void ep_reader_close(ep_reader *r)
{
	stop_watching(r);
	r->shut = true;
	give(r);
}

void ep_reader_fini(ep_reader *r) { ep_buf_fini(&r->data); }

bool ep_reader_settled(const ep_reader *r) { return r->fd < 0 || (!r->waiting && room_of(r) == 0); }

const char *ep_reader_bytes(const ep_reader *r, size_t *len)
{
	size_t skip = r->data.len > r->what.max ? r->data.len - r->what.max : 0;
	*len = r->data.len - skip;
	return ep_buf_text(&r->data) + skip;
}

int ep_proc_read_start(ep_proc_read **out, ep_reader *from, size_t max, ep_err *err)
{
	if (from->what.mode != EP_OUT_STREAM) return ep_err_set(err, EP_EINVAL, "this output is no stream to read from");
	if (from->waiting) return ep_err_set(err, EP_EBUSY, "another read of this output is waiting");
	ep_proc_read *read = ep_calloc(1, sizeof *read);
	if (!read) return ep_err_set(err, EP_ENOMEM, "no memory to read from '%s'", from->proc->name);
	ep_op_init(&read->op, from->proc->op.loop, &read_class, &read->err);
	read->from = from;
	read->max = max;
	ep_op_retain(&from->proc->op);
	from->waiting = read;
	ep_op_start(&read->op);
	give(from);
	if (from->watched && !uv_is_active((uv_handle_t *)&from->poll) && room_of(from))
		uv_poll_start(&from->poll, UV_READABLE, on_uv_poll);
	*out = read;
	return 0;
}
