/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/fs/body.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/fs/private.h"

struct ep_file_body {
	int fd;
	int64_t size, at, mtime;
	char *path;
	ep_err err;
};

static int64_t mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* --- opening --- */

static int open_body(ep_file_body *b, const char *path, ep_err *err)
{
	struct stat st;
	b->fd = ep_fd_open(path, O_RDONLY, 0);
	if (b->fd < 0 || fstat(b->fd, &st)) return ep_err_set_errno(err, -errno, path);
	if (!S_ISREG(st.st_mode)) return ep_err_set(err, EP_EINVAL, "%s: only a regular file can be sent", path);
	b->size = st.st_size;
	b->mtime = mtime_of(&st);
	b->path = ep_strdup(path);
	return b->path ? 0 : ep_err_set(err, EP_ENOMEM, "no memory for a file");
}

int ep_file_body_open(ep_file_body **out, const char *path, ep_err *err)
{
	ep_file_body *b = ep_calloc(1, sizeof *b);
	if (!b) return ep_err_set(err, EP_ENOMEM, "no memory for a file");
	int rc = open_body(b, path, err);
	if (rc)
		ep_file_body_free(b);
	else
		*out = b;
	return rc;
}

static int run_open(ep_work *work)
{
	ep_file_body_call *call = (ep_file_body_call *)work;
	return ep_file_body_open(&call->body, call->path, &work->err);
}

static void free_open(ep_op *op)
{
	ep_file_body_call *call = (ep_file_body_call *)op;
	ep_file_body_free(call->body);
	ep_free(call->path);
	ep_err_fini(&call->work.err);
	ep_free(call);
}

static void describe(const ep_op *op, ep_buf *text)
{
	ep_buf_puts(text, "opening ");
	ep_buf_puts(text, ((const ep_file_body_call *)op)->path);
}

static const ep_op_class open_class = {.name = "fs", .abort = ep_work_abort, .free = free_open, .describe = describe};

ep_file_body_call *ep_file_body_start(ep_loop *loop, const char *path)
{
	ep_file_body_call *call = ep_calloc(1, sizeof *call);
	if (!call) return NULL;
	call->path = ep_strdup(path);
	if (call->path && !ep_work_start(&call->work, loop, &open_class, run_open)) return call;
	ep_free(call->path);
	ep_free(call);
	return NULL;
}

/* --- reading --- */

int64_t ep_file_body_size(const ep_file_body *body) { return body->size; }

static int changed(ep_file_body *b)
{
	return ep_err_set(&b->err, EP_ECONFLICT, "%s changed while it was being sent: send it again", b->path);
}

static bool is_same(const ep_file_body *b)
{
	struct stat st;
	return !fstat(b->fd, &st) && st.st_size == b->size && mtime_of(&st) == b->mtime;
}

long ep_file_body_read(void *body, char *to, size_t room)
{
	ep_file_body *b = body;
	if (b->err.code) return b->err.code;
	if (b->at == b->size) return 0;
	if ((int64_t)room > b->size - b->at) room = (size_t)(b->size - b->at);
	ssize_t n;
	do n = pread(b->fd, to, room, b->at);
	while (n < 0 && errno == EINTR);
	if (n < 0) return ep_err_set_errno(&b->err, -errno, b->path);
	if (!n) return changed(b);
	b->at += n;
	return b->at < b->size || is_same(b) ? n : changed(b);
}

int ep_file_body_rewind(void *body)
{
	ep_file_body *b = body;
	ep_err_fini(&b->err);
	b->at = 0;
	return 0;
}

const ep_err *ep_file_body_error(void *body) { return &((ep_file_body *)body)->err; }

void ep_file_body_free(void *body)
{
	ep_file_body *b = body;
	if (!b) return;
	if (b->fd >= 0) close(b->fd);
	ep_err_fini(&b->err);
	ep_free(b->path);
	ep_free(b);
}
