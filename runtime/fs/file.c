/* SPDX-License-Identifier: Apache-2.0 */

/* Whole files: read, write, copy; and what reads and writes descriptors that may be pipes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/fs/private.h"
#include "runtime/fs/replace.h"

enum { FIRST = 16 * 1024, WAIT_MS = 50 };

int ep_fd_open(const char *path, int flags, unsigned mode)
{
	return open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
}

static bool is_set(const atomic_bool *stop) { return atomic_load_explicit(stop, memory_order_relaxed); }

/* Waits in slices, so that a stopped call leaves its thread. 0 or a negated errno. */
static int wait_for(int fd, short events, const atomic_bool *stop)
{
	struct pollfd p = {.fd = fd, .events = events};
	while (!is_set(stop)) {
		int n = poll(&p, 1, WAIT_MS);
		if (n > 0) return 0;
		if (n < 0 && errno != EINTR) return -errno;
	}
	return -ECANCELED;
}

long ep_fd_read(int fd, void *to, size_t room, const atomic_bool *stop)
{
	struct stat st;
	bool waits = fstat(fd, &st) || !S_ISREG(st.st_mode);
	for (;;) {
		/* A pipe that nobody has opened for writing yet reads as ended, but does not poll as such. */
		int failed = waits ? wait_for(fd, POLLIN, stop) : is_set(stop) ? -ECANCELED : 0;
		if (failed) return failed;
		ssize_t n = read(fd, to, room < EP_FD_STEP ? room : EP_FD_STEP);
		if (n >= 0) return n;
		if (errno != EINTR && errno != EAGAIN) return -errno;
	}
}

int ep_fd_write(int fd, const void *bytes, size_t len, const atomic_bool *stop)
{
	const char *from = bytes;
	while (len) {
		if (is_set(stop)) return -ECANCELED;
		ssize_t n = write(fd, from, len < EP_FD_STEP ? len : EP_FD_STEP);
		if (n >= 0) {
			from += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			int failed = wait_for(fd, POLLOUT, stop);
			if (failed) return failed;
		} else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int no_file(ep_fs *call, const char *path)
{
	ep_err_set(&call->work.err, EP_EINVAL, "%s %s: it is no regular file", call->args->verb, path);
	return -EINVAL;
}

/* --- read --- */

static int too_large(ep_fs *call, size_t max)
{
	return ep_err_set(&call->work.err, EP_ETOOLARGE, "reading %s: larger than %zu bytes", call->args->path, max);
}

static int read_all(ep_fs *call, int fd, ep_buf *text, size_t expected)
{
	size_t max = call->args->len;
	size_t room = expected ? expected + 1 : FIRST; /* one more, to see the end */
	for (;;) {
		char *to = ep_buf_reserve(text, room);
		if (!to) return ep_err_set(&call->work.err, EP_ENOMEM, "reading %s: not enough memory", call->args->path);
		long n = ep_fd_read(fd, to, room, &call->work.stop);
		if (n < 0) return ep_fs_fail(call, (int)-n);
		if (!n) return 0;
		text->len += (size_t)n;
		if (text->len > max) return too_large(call, max);
		room = expected >= text->len ? expected - text->len + 1 : FIRST;
	}
}

static int run_read(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	size_t max = call->args->len;
	ep_buf text = {0};
	struct stat st;
	int code = 0;
	int fd = ep_fd_open(call->args->path, O_RDONLY, 0);
	if (fd < 0) return ep_fs_fail(call, errno);
	if (fstat(fd, &st))
		code = ep_fs_fail(call, errno);
	else if (S_ISDIR(st.st_mode))
		code = ep_fs_fail(call, EISDIR);
	else if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
		code = too_large(call, max);
	else
		code = read_all(call, fd, &text, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0);
	close(fd);
	if (text.data) text.data[text.len] = '\0';
	call->len = text.len;
	if (!code) call->data = text.data ? ep_buf_take(&text) : ep_strdup("");
	ep_buf_fini(&text);
	return code || call->data ? code : EP_ENOMEM;
}

ep_fs *ep_fs_read_start(ep_loop *loop, const char *path, size_t max)
{
	ep_fs *call = ep_fs_new("reading", path, NULL);
	if (call) call->args->len = max;
	return ep_fs_start(call, loop, run_read);
}

/* --- write --- */

/* Writes, syncs and closes. 0 or a negated errno. */
static int fill(ep_fs *call, int fd, bool sync)
{
	const struct ep_fs_args *a = call->args;
	int failed = ep_fd_write(fd, a->bytes, a->len, &call->work.stop);
	if (!failed && sync && fsync(fd) && errno != EINVAL && errno != EROFS) failed = -errno; /* those: no file */
	if (close(fd) && !failed && errno != EINTR) failed = -errno;
	return failed;
}

static int write_plain(ep_fs *call)
{
	const struct ep_fs_args *a = call->args;
	unsigned mode = a->write.mode ? (unsigned)a->write.mode : 0666;
	int fd = ep_fd_open(a->path, O_WRONLY | O_CREAT | (a->write.append ? O_APPEND : O_TRUNC), mode);
	if (fd < 0) return -errno;
	return fill(call, fd, a->write.sync);
}

static int write_atomic(ep_fs *call)
{
	const struct ep_fs_args *a = call->args;
	ep_replace *file;
	int failed = ep_replace_open(&file, a->path, a->write.mode ? (unsigned)a->write.mode : 0666);
	if (failed) return failed == -EINVAL ? no_file(call, a->path) : failed;
	failed = ep_replace_write(file, a->bytes, a->len, &call->work.stop);
	if (!failed && ep_fs_stopped(call)) failed = -ECANCELED;
	if (!failed) return ep_replace_commit(file, true, a->write.sync);
	ep_replace_discard(file);
	return failed;
}

static int run_write(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	int failed = call->args->write.atomic ? write_atomic(call) : write_plain(call);
	call->len = failed ? 0 : call->args->len;
	return failed ? ep_fs_fail(call, -failed) : 0;
}

ep_fs *ep_fs_write_start(
	ep_loop *loop, const char *path, const void *bytes, size_t len, const ep_fs_write_options *options)
{
	ep_fs *call = ep_fs_new("writing", path, NULL);
	if (!call) return NULL;
	call->args->bytes = ep_strndup(bytes, len);
	call->args->len = len;
	if (options) call->args->write = *options;
	if (call->args->bytes) return ep_fs_start(call, loop, run_write);
	ep_fs_free(call);
	return NULL;
}

/* --- copy --- */

static int copy_by_hand(ep_fs *call, int from, int to)
{
	char *buf = ep_alloc(EP_FD_STEP / 4);
	if (!buf) return -ENOMEM;
	long n;
	int failed = 0;
	while (!failed && (n = ep_fd_read(from, buf, EP_FD_STEP / 4, &call->work.stop)) != 0)
		failed = n < 0 ? (int)n : ep_fd_write(to, buf, (size_t)n, &call->work.stop);
	ep_free(buf);
	return failed;
}

static int copy_bytes(ep_fs *call, int from, int to)
{
	if (!ioctl(to, FICLONE, from)) return 0;
	for (bool first = true;; first = false) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, EP_FD_STEP * 16, 0);
		if (n > 0 && !ep_fs_stopped(call)) continue;
		if (n > 0) return -ECANCELED;
		if (first) return copy_by_hand(call, from, to); /* not between these two, or a file of /proc */
		return n ? -errno : 0;
	}
}

/* 0 or a negated errno. Both descriptors are of open files. */
static int copy_open(ep_fs *call, int from, int to, const struct stat *of)
{
	struct stat target;
	if (fstat(to, &target)) return -errno;
	if (!S_ISREG(target.st_mode)) return no_file(call, call->args->other);
	if (target.st_dev == of->st_dev && target.st_ino == of->st_ino) {
		ep_err_set(
			&call->work.err, EP_EINVAL, "copying %s to %s: they are one file", call->args->path, call->args->other);
		return -EINVAL;
	}
	if (ftruncate(to, 0) || fchmod(to, of->st_mode & 0777)) return -errno;
	return copy_bytes(call, from, to);
}

static int run_copy(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	const struct ep_fs_args *a = call->args;
	struct stat st;
	int failed = 0, to = -1;
	bool made = false;
	int from = ep_fd_open(a->path, O_RDONLY, 0);
	if (from < 0) return ep_fs_fail(call, errno);
	if (fstat(from, &st))
		failed = -errno;
	else if (!S_ISREG(st.st_mode))
		failed = S_ISDIR(st.st_mode) ? -EISDIR : no_file(call, a->path);
	if (failed) goto end;
	to = ep_fd_open(a->other, O_WRONLY | O_CREAT | O_EXCL, 0600);
	made = to >= 0;
	if (to < 0 && errno == EEXIST) to = ep_fd_open(a->other, O_WRONLY, 0);
	failed = to < 0 ? -errno : copy_open(call, from, to, &st);
	if (to >= 0 && close(to) && !failed) failed = -errno;
	if (failed && made) unlink(a->other);
end:
	close(from);
	return failed ? ep_fs_fail(call, -failed) : 0;
}

ep_fs *ep_fs_copy_start(ep_loop *loop, const char *from, const char *to)
{
	return ep_fs_start(ep_fs_new("copying", from, to), loop, run_copy);
}
