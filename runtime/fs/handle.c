/* SPDX-License-Identifier: Apache-2.0 */

/* A file piece by piece. The descriptor is closed when nothing can use it any more: a cancelled call's thread may be in
 * the middle of a read, and its number must not become another file meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/fs/private.h"

struct ep_file {
	int fd; /* -1: closed */
	unsigned refs;
	char *path;
};

void ep_file_release(ep_file *file)
{
	if (--file->refs) return;
	if (file->fd >= 0) close(file->fd);
	ep_free(file->path);
	ep_free(file);
}

static int run_open(ep_work *work)
{
	static const int flags[] = {O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC, O_WRONLY | O_CREAT | O_APPEND};
	ep_fs *call = ep_fs_of(work);
	struct stat st;
	call->file->fd = ep_fd_open(call->args->path, flags[call->args->how], 0666);
	if (call->file->fd < 0) return ep_fs_fail(call, errno);
	return !fstat(call->file->fd, &st) && S_ISDIR(st.st_mode) ? ep_fs_fail(call, EISDIR) : 0;
}

ep_fs *ep_file_open_start(ep_loop *loop, const char *path, int how)
{
	ep_fs *call = ep_fs_new("opening", path, NULL);
	if (!call) return NULL;
	ep_file *file = ep_calloc(1, sizeof *file);
	if (file) *file = (ep_file){.fd = -1, .refs = 1, .path = ep_strdup(path)};
	call->file = file;
	call->args->how = how;
	if (file && file->path) return ep_fs_start(call, loop, run_open);
	ep_fs_free(call);
	return NULL;
}

ep_file *ep_fs_take_file(ep_fs *call)
{
	ep_file *file = call->file;
	call->file = NULL;
	return file;
}

static ep_fs *new_call(const char *verb, ep_file *file)
{
	ep_fs *call = ep_fs_new(verb, file->path, NULL);
	if (!call) return NULL;
	call->args->file = file;
	file->refs++;
	return call;
}

static int fail_piece(ep_fs *call, int error, const char *way)
{
	const struct ep_fs_args *a = call->args;
	if (error != EBADF) return ep_fs_fail(call, error);
	return ep_err_set(&call->work.err, EP_EINVAL, "%s %s: it was opened to %s it", a->verb, a->path, way);
}

static int run_piece(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	struct ep_fs_args *a = call->args;
	long n = ep_fd_read(a->file->fd, a->bytes, a->len, &work->stop);
	if (n < 0) return fail_piece(call, (int)-n, "write");
	call->len = (size_t)n;
	a->bytes[n] = '\0';
	call->data = a->bytes;
	a->bytes = NULL;
	return 0;
}

ep_fs *ep_file_read_start(ep_loop *loop, ep_file *file, size_t room)
{
	ep_fs *call = new_call("reading", file);
	if (!call) return NULL;
	call->args->len = room < EP_FD_STEP ? room : EP_FD_STEP;
	call->args->bytes = ep_alloc(call->args->len + 1);
	if (call->args->bytes) return ep_fs_start(call, loop, run_piece);
	ep_fs_free(call);
	return NULL;
}

static int run_write(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	struct ep_fs_args *a = call->args;
	int failed = ep_fd_write(a->file->fd, a->bytes, a->len, &work->stop);
	call->len = failed ? 0 : a->len;
	return failed ? fail_piece(call, -failed, "read") : 0;
}

ep_fs *ep_file_write_start(ep_loop *loop, ep_file *file, const void *bytes, size_t len)
{
	ep_fs *call = new_call("writing", file);
	if (!call) return NULL;
	call->args->bytes = ep_strndup(bytes, len);
	call->args->len = len;
	if (call->args->bytes) return ep_fs_start(call, loop, run_write);
	ep_fs_free(call);
	return NULL;
}

static int run_close(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	int fd = call->args->fd;
	call->args->fd = -1;
	return fd >= 0 && close(fd) && errno != EINTR ? ep_fs_fail(call, errno) : 0;
}

ep_fs *ep_file_close_start(ep_loop *loop, ep_file *file)
{
	ep_fs *call = new_call("closing", file);
	if (!call) return NULL;
	if (file->refs == 2) { /* the consumer's and this call's: no other thread has the descriptor */
		call->args->fd = file->fd;
		file->fd = -1;
	}
	return ep_fs_start(call, loop, run_close);
}
