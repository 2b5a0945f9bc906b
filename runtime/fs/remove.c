/* SPDX-License-Identifier: Apache-2.0 */

/* Every step goes from an open folder to a name in it, with O_NOFOLLOW: a link that is swapped in for a folder is removed,
 * never entered. One descriptor is open at a time, however deep it goes: the way back is "..", which must be the folder
 * that was left, by device and inode. */
#include "runtime/fs/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/mem.h"
#include "runtime/fs/fs.h"

enum { OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, RESCANS = 8 };

struct level {
	struct level *up;
	ep_buf names; /* each with its NUL */
	size_t next;  /* the name to remove next, in names */
	dev_t device;
	ino_t inode;
	int rescans;
	char name[]; /* in the folder above; of the top: the path as given */
};

struct removal {
	const atomic_bool *stop;
	ep_err *err;
	struct level *at;
	int fd; /* of the folder `at`, -1: none */
};

static bool stopped(const struct removal *r) { return r->stop && atomic_load_explicit(r->stop, memory_order_relaxed); }

static int no_memory(struct removal *r) { return ep_err_set(r->err, EP_ENOMEM, "not enough memory"); }

static void add_path(ep_buf *text, const struct level *level)
{
	if (!level) return;
	add_path(text, level->up);
	if (level->up) ep_buf_putc(text, '/');
	ep_buf_puts(text, level->name);
}

/* Sets the error of removing name in the folder at, NULL: that folder itself. */
static int fail(struct removal *r, const char *name, int error)
{
	ep_buf text = {0};
	ep_buf_puts(&text, "removing ");
	add_path(&text, r->at);
	if (name) ep_buf_printf(&text, "/%s", name);
	int code = ep_err_set_errno(r->err, -error, ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}

static void pop(struct removal *r)
{
	struct level *level = r->at;
	r->at = level->up;
	ep_buf_fini(&level->names);
	ep_free(level);
}

static int read_names(struct removal *r)
{
	int again = openat(r->fd, ".", OPEN_FOLDER); /* one with an offset of its own, that closedir may close */
	DIR *folder = again < 0 ? NULL : fdopendir(again);
	if (!folder) {
		int error = errno;
		if (again >= 0) close(again);
		return fail(r, NULL, error);
	}
	ep_buf *names = &r->at->names;
	ep_buf_reset(names);
	r->at->next = 0;
	int error = 0;
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(folder);
		if (!e) break;
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) ep_buf_add(names, e->d_name, strlen(e->d_name) + 1);
	}
	error = errno;
	closedir(folder);
	if (error) return fail(r, NULL, error);
	return ep_buf_failed(names) ? no_memory(r) : 0;
}

/* Opens name in the folder (or AT_FDCWD), giving us the permissions that we may give ourselves. -1 with errno. */
static int open_folder(int at, const char *name)
{
	int fd = openat(at, name, OPEN_FOLDER);
	if (fd >= 0 || errno != EACCES) return fd;
	if (fchmodat(at, name, 0700, AT_SYMLINK_NOFOLLOW)) {
		errno = EACCES;
		return -1;
	}
	return openat(at, name, OPEN_FOLDER);
}

/* Enters the folder that fd, now ours, is open on. */
static int push(struct removal *r, int fd, const char *name)
{
	struct stat st;
	if (fstat(fd, &st)) {
		int error = errno;
		close(fd);
		return fail(r, name, error);
	}
	if (r->at && st.st_dev != r->at->device) {
		close(fd);
		return fail(r, name, EBUSY); /* a mount point: what is mounted there is not ours to remove */
	}
	struct level *level = ep_calloc(1, sizeof *level + strlen(name) + 1);
	if (!level) {
		close(fd);
		return no_memory(r);
	}
	memcpy(level->name, name, strlen(name) + 1);
	level->device = st.st_dev;
	level->inode = st.st_ino;
	level->up = r->at;
	r->at = level;
	if (r->fd >= 0) close(r->fd);
	r->fd = fd;
	return read_names(r);
}

/* Removes what is no folder, or enters the folder. */
static int remove_or_enter(struct removal *r, const char *name)
{
	if (!unlinkat(r->fd, name, 0) || errno == ENOENT) return 0;
	int error = errno;
	struct stat st;
	if (fstatat(r->fd, name, &st, AT_SYMLINK_NOFOLLOW)) return errno == ENOENT ? 0 : fail(r, name, errno);
	if (S_ISDIR(st.st_mode)) {
		int fd = open_folder(r->fd, name);
		if (fd < 0) return errno == ENOENT ? 0 : fail(r, name, errno);
		return push(r, fd, name);
	}
	if (error == EACCES && !fchmod(r->fd, 0700) && !unlinkat(r->fd, name, 0)) return 0;
	return fail(r, name, error);
}

/* Goes back to the folder above and removes the one that was left there. */
static int leave(struct removal *r)
{
	struct level *left = r->at, *up = left->up;
	int fd = openat(r->fd, "..", OPEN_FOLDER);
	struct stat st;
	if (fd < 0) return fail(r, NULL, errno);
	close(r->fd);
	r->fd = fd;
	if (fstat(fd, &st) || st.st_dev != up->device || st.st_ino != up->inode)
		return ep_err_set(r->err, EP_EBUSY, "removing %s: it was moved away meanwhile", left->name);
	int failed = unlinkat(fd, left->name, AT_REMOVEDIR);
	if (failed && errno == EACCES && !fchmod(fd, 0700)) failed = unlinkat(fd, left->name, AT_REMOVEDIR);
	if (failed && (errno == ENOTEMPTY || errno == EEXIST) && left->rescans++ < RESCANS) {
		int again = open_folder(fd, left->name); /* somebody still writes there */
		if (again < 0) return fail(r, NULL, errno);
		close(r->fd);
		r->fd = again;
		return fstat(again, &st) || st.st_ino != left->inode ? fail(r, NULL, EBUSY) : read_names(r);
	}
	if (failed && errno != ENOENT) return fail(r, NULL, errno);
	pop(r);
	return 0;
}

/* Removes the top, which is empty by now. */
static int leave_top(struct removal *r)
{
	struct level *top = r->at;
	if (rmdir(top->name) && errno != ENOENT) {
		if ((errno == ENOTEMPTY || errno == EEXIST) && top->rescans++ < RESCANS) return read_names(r);
		return fail(r, NULL, errno);
	}
	pop(r);
	return 0;
}

static int run(struct removal *r)
{
	int code = 0;
	while (r->at && !code) {
		struct level *level = r->at;
		if (stopped(r)) return EP_ECANCELLED;
		if (level->next < level->names.len) {
			const char *name = level->names.data + level->next;
			level->next += strlen(name) + 1;
			code = remove_or_enter(r, name);
		} else
			code = level->up ? leave(r) : leave_top(r);
	}
	return code;
}

/* A removal of these would empty them and then fail. */
static bool refused(const char *path)
{
	const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
	return !*last || !strcmp(last, ".") || !strcmp(last, "..");
}

static int fail_top(struct removal *r, const char *path, int error)
{
	ep_buf text = {0};
	ep_buf_printf(&text, "removing %s", path);
	int code = ep_err_set_errno(r->err, -error, ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}

/* Removes what is no folder, or enters the folder that is the top. */
static int begin(struct removal *r, const char *path)
{
	if (refused(path)) return ep_err_set(r->err, EP_EINVAL, "removing %s: give the name of the folder itself", path);
	if (!unlink(path) || errno == ENOENT) return 0;
	int error = errno;
	struct stat st;
	if (lstat(path, &st) || !S_ISDIR(st.st_mode)) return fail_top(r, path, error);
	int fd = open_folder(AT_FDCWD, path);
	if (fd < 0) return errno == ENOENT ? 0 : fail_top(r, path, errno);
	return push(r, fd, path);
}

int ep_fs_remove_tree_until(const char *path, const atomic_bool *stop, ep_err *err)
{
	struct removal r = {.stop = stop, .err = err, .fd = -1};
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/') len--; /* "link/" would be what the link points to */
	char *plain = ep_strndup(path, len);
	if (!plain) return no_memory(&r);
	int code = begin(&r, plain);
	if (!code) code = run(&r);
	while (r.at) pop(&r);
	if (r.fd >= 0) close(r.fd);
	ep_free(plain);
	return code;
}

int ep_fs_remove_tree(const char *path, ep_err *err) { return ep_fs_remove_tree_until(path, NULL, err); }
