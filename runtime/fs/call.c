/* SPDX-License-Identifier: Apache-2.0 */

/* A call: its arguments, its end, and the calls that are one system call. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/fs/private.h"
#include "runtime/fs/remove.h"

static int run_temp(ep_work *work);

static void free_op(ep_op *op) { ep_fs_free((ep_fs *)op); }

static void describe(const ep_op *op, ep_buf *text)
{
	const struct ep_fs_args *a = ((const ep_fs *)op)->args;
	ep_buf_printf(text, "%s %s", a->verb, a->path);
}

static const ep_op_class fs_class = {.name = "fs", .abort = ep_work_abort, .free = free_op, .describe = describe};

void ep_fs_free(ep_fs *call)
{
	struct ep_fs_args *a = call->args;
	if (call->work.run == run_temp && call->data) rmdir(call->data); /* nobody took it: a cancel came between */
	if (call->file) ep_file_release(call->file);
	if (a->file) ep_file_release(a->file);
	if (a->fd >= 0) close(a->fd); /* cancelled before a thread came to it */
	ep_fs_list_fini(&call->list);
	ep_err_fini(&call->work.err);
	ep_free(call->data);
	ep_free(a->path);
	ep_free(a->other);
	ep_free(a->bytes);
	ep_free(a);
	ep_free(call);
}

ep_fs *ep_fs_new(const char *verb, const char *path, const char *other)
{
	ep_fs *call = ep_calloc(1, sizeof *call);
	struct ep_fs_args *a = ep_calloc(1, sizeof *a);
	if (!call || !a) {
		ep_free(call);
		ep_free(a);
		return NULL;
	}
	*a = (struct ep_fs_args){.verb = verb, .path = ep_strdup(path), .other = ep_strdup(other), .fd = -1};
	call->args = a;
	if (a->path && (a->other || !other)) return call;
	ep_fs_free(call);
	return NULL;
}

ep_fs *ep_fs_start(ep_fs *call, ep_loop *loop, int (*run)(ep_work *))
{
	if (!call) return NULL;
	if (!ep_work_start(&call->work, loop, &fs_class, run)) return call;
	ep_fs_free(call);
	return NULL;
}

int ep_fs_fail(ep_fs *call, int error)
{
	const struct ep_fs_args *a = call->args;
	if (error == ECANCELED) return EP_ECANCELLED;
	ep_buf text = {0};
	ep_buf_printf(&text, "%s %s", a->verb, a->path);
	if (a->other) ep_buf_printf(&text, " to %s", a->other);
	int code = ep_err_set_errno(&call->work.err, -error, ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}

char *ep_fs_take_data(ep_fs *call)
{
	char *data = call->data;
	call->data = NULL;
	return data;
}

const char *ep_fs_type_name(int type)
{
	switch (type) {
	case EP_FS_FILE: return "file";
	case EP_FS_DIRECTORY: return "directory";
	case EP_FS_SYMLINK: return "symlink";
	default: return "other";
	}
}

/* --- stat --- */

static int type_of(mode_t mode)
{
	if (S_ISREG(mode)) return EP_FS_FILE;
	if (S_ISDIR(mode)) return EP_FS_DIRECTORY;
	return S_ISLNK(mode) ? EP_FS_SYMLINK : EP_FS_OTHER;
}

static int run_stat(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	struct stat st;
	if (call->args->flag ? stat(call->args->path, &st) : lstat(call->args->path, &st)) {
		call->missing = errno == ENOENT || errno == ENOTDIR;
		return call->missing ? 0 : ep_fs_fail(call, errno);
	}
	call->info = (ep_fs_info){
		.type = type_of(st.st_mode),
		.mode = st.st_mode & 07777,
		.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
		.mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
	return 0;
}

ep_fs *ep_fs_stat_start(ep_loop *loop, const char *path, bool follow)
{
	ep_fs *call = ep_fs_new("asking for", path, NULL);
	if (call) call->args->flag = follow;
	return ep_fs_start(call, loop, run_stat);
}

/* --- mkdir --- */

static bool is_folder(const char *path)
{
	struct stat st;
	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* 0 or errno. */
static int make_with_parents(char *path)
{
	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		if (slash[-1] == '/') continue;
		*slash = '\0';
		int error = mkdir(path, 0777) ? errno : 0;
		if (error && is_folder(path)) error = 0; /* there already, or it may be entered but not be written to */
		*slash = '/';
		if (error) return error == EEXIST ? ENOTDIR : error;
	}
	if (!mkdir(path, 0777)) return 0;
	int error = errno;
	return is_folder(path) ? 0 : error;
}

static int run_mkdir(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	struct ep_fs_args *a = call->args;
	int error = a->flag ? make_with_parents(a->path) : mkdir(a->path, 0777) ? errno : 0;
	return error ? ep_fs_fail(call, error) : 0;
}

ep_fs *ep_fs_mkdir_start(ep_loop *loop, const char *path, bool parents)
{
	ep_fs *call = ep_fs_new("making the folder", path, NULL);
	if (call) call->args->flag = parents;
	return ep_fs_start(call, loop, run_mkdir);
}

/* --- remove, rename, realpath, temp folder --- */

static int run_remove(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	const char *path = call->args->path;
	if (call->args->flag) return ep_fs_remove_tree_until(path, &work->stop, &work->err);
	if (!unlink(path)) return 0;
	int error = errno;
	struct stat st;
	if (lstat(path, &st) || !S_ISDIR(st.st_mode)) return ep_fs_fail(call, error);
	return rmdir(path) ? ep_fs_fail(call, errno) : 0;
}

ep_fs *ep_fs_remove_start(ep_loop *loop, const char *path, bool recursive)
{
	ep_fs *call = ep_fs_new("removing", path, NULL);
	if (call) call->args->flag = recursive;
	return ep_fs_start(call, loop, run_remove);
}

static int run_rename(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	return rename(call->args->path, call->args->other) ? ep_fs_fail(call, errno) : 0;
}

ep_fs *ep_fs_rename_start(ep_loop *loop, const char *from, const char *to)
{
	return ep_fs_start(ep_fs_new("renaming", from, to), loop, run_rename);
}

static int run_realpath(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	char *path = realpath(call->args->path, NULL);
	if (!path) return ep_fs_fail(call, errno);
	call->data = ep_strdup(path);
	call->len = strlen(path);
	free(path);
	return call->data ? 0 : EP_ENOMEM;
}

ep_fs *ep_fs_realpath_start(ep_loop *loop, const char *path)
{
	return ep_fs_start(ep_fs_new("resolving", path, NULL), loop, run_realpath);
}

static int run_temp(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	ep_buf name = {0};
	ep_buf_printf(&name, "%s/%sXXXXXX", call->args->path, call->args->other);
	if (ep_buf_failed(&name)) {
		ep_buf_fini(&name);
		return EP_ENOMEM;
	}
	if (!mkdtemp(name.data)) {
		int error = errno;
		ep_buf_fini(&name);
		ep_free(call->args->other);
		call->args->other = NULL;
		return ep_fs_fail(call, error);
	}
	call->len = name.len;
	call->data = ep_buf_take(&name);
	return 0;
}

ep_fs *ep_fs_temp_start(ep_loop *loop, const char *dir, const char *prefix)
{
	if (!dir) dir = getenv("TMPDIR");
	return ep_fs_start(ep_fs_new("making a folder in", dir && *dir ? dir : "/tmp", prefix), loop, run_temp);
}
