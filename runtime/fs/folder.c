/* SPDX-License-Identifier: Apache-2.0 */

/* Listing a folder, and all that is below one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/fs/private.h"

/* A list that grows: names move, so entries know only where theirs begins. */
struct found {
	size_t name;
	uint64_t size;
	int type, error;
};

struct lister {
	bool (*wanted)(const char *name, int type);
	const atomic_bool *stop;
	struct found *found;
	size_t count, room;
	ep_buf names;
	bool sizes;
};

static int type_of_mode(mode_t mode)
{
	if (S_ISREG(mode)) return EP_FS_FILE;
	if (S_ISDIR(mode)) return EP_FS_DIRECTORY;
	return S_ISLNK(mode) ? EP_FS_SYMLINK : EP_FS_OTHER;
}

static int type_of_entry(unsigned char type)
{
	switch (type) {
	case DT_REG: return EP_FS_FILE;
	case DT_DIR: return EP_FS_DIRECTORY;
	case DT_LNK: return EP_FS_SYMLINK;
	case DT_UNKNOWN: return 0;
	default: return EP_FS_OTHER;
	}
}

static bool grow(struct lister *l)
{
	if (l->count < l->room) return true;
	size_t room = l->room ? l->room * 2 : 64;
	struct found *more = ep_realloc(l->found, room * sizeof *more);
	if (!more) return false;
	l->found = more;
	l->room = room;
	return true;
}

/* Adds one name of the folder fd, whose own path is prefix. 0 or a negated errno; a name that is gone is left out. */
static int add(struct lister *l, int fd, const char *prefix, const struct dirent *e)
{
	struct found new = {.name = l->names.len, .type = type_of_entry(e->d_type)};
	if (!new.type || (l->sizes && new.type == EP_FS_FILE)) {
		struct stat st;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) return errno == ENOENT ? 0 : -errno;
		new.type = type_of_mode(st.st_mode);
		if (l->sizes && new.type == EP_FS_FILE) new.size = (uint64_t)st.st_size;
	}
	if (l->wanted && !l->wanted(e->d_name, new.type)) return 0;
	if (*prefix) {
		ep_buf_puts(&l->names, prefix);
		ep_buf_putc(&l->names, '/');
	}
	ep_buf_add(&l->names, e->d_name, strlen(e->d_name) + 1);
	if (ep_buf_failed(&l->names) || !grow(l)) return -ENOMEM;
	l->found[l->count++] = new;
	return 0;
}

/* Adds what is in the folder fd, which it closes. 0 or a negated errno. */
static int add_folder(struct lister *l, int fd, const char *prefix)
{
	DIR *folder = fdopendir(fd);
	if (!folder) {
		int error = errno;
		close(fd);
		return -error;
	}
	int failed = 0;
	for (struct dirent *e; !failed && (errno = 0, e = readdir(folder));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) failed = add(l, fd, prefix, e);
	if (!failed) failed = -errno;
	closedir(folder);
	return failed;
}

/* Adds what is below: the list itself is the queue of the folders to look into. */
static int add_below(struct lister *l, int top)
{
	char prefix[PATH_MAX];
	for (size_t i = 0; i < l->count; i++) {
		const char *name = l->names.data + l->found[i].name;
		if (l->found[i].type != EP_FS_DIRECTORY) continue;
		if (l->stop && atomic_load_explicit(l->stop, memory_order_relaxed)) return -ECANCELED;
		int fd = -1, failed = strlen(name) < sizeof prefix ? 0 : -ENAMETOOLONG;
		if (!failed) {
			memcpy(prefix, name, strlen(name) + 1);
			fd = openat(top, prefix, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			failed = fd < 0 ? -errno : add_folder(l, fd, prefix);
		}
		if (failed == -ENOMEM || failed == -EMFILE || failed == -ENFILE) return failed;
		l->found[i].error = failed;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const ep_fs_entry *)a)->name, ((const ep_fs_entry *)b)->name);
}

/* Turns what was found into the list. 0 or a negated errno. */
static int finish(struct lister *l, ep_fs_list *out)
{
	ep_fs_entry *entries = ep_calloc(l->count + 1, sizeof *entries);
	if (!entries) return -ENOMEM;
	*out = (ep_fs_list){.entries = entries, .names = ep_buf_take(&l->names)};
	for (size_t i = 0; i < l->count; i++) {
		const struct found *f = &l->found[i];
		if (f->error == -ENOENT) continue; /* removed meanwhile */
		entries[out->count++] =
			(ep_fs_entry){.name = out->names + f->name, .type = f->type, .size = f->size, .error = f->error};
	}
	qsort(entries, out->count, sizeof *entries, compare);
	return 0;
}

/* 0 or a negated errno. */
static int list(struct lister *l, ep_fs_list *out, const char *path, bool below)
{
	int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int again = top < 0 ? -1 : openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = again < 0 ? -errno : add_folder(l, again, "");
	if (!failed && below) failed = add_below(l, top);
	if (!failed) failed = finish(l, out);
	if (top >= 0) close(top);
	ep_buf_fini(&l->names);
	ep_free(l->found);
	return failed;
}

void ep_fs_list_fini(ep_fs_list *list)
{
	ep_free(list->entries);
	ep_free(list->names);
	*list = (ep_fs_list){0};
}

static int set_error(ep_err *err, const char *verb, const char *path, const char *below, int failed)
{
	ep_buf text = {0};
	if (failed == -ECANCELED) return EP_ECANCELLED;
	ep_buf_printf(&text, "%s %s%s%s", verb, path, *below ? "/" : "", below);
	int code = ep_err_set_errno(err, failed, ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}

int ep_fs_walk_tree(
	ep_fs_list *out, const char *path, bool (*wanted)(const char *name, int type), const atomic_bool *stop, ep_err *err)
{
	struct lister l = {.wanted = wanted, .stop = stop, .sizes = true};
	int failed = list(&l, out, path, true);
	return failed ? set_error(err, "walking", path, "", failed) : 0;
}

static int run_list(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	struct lister l = {.stop = &work->stop};
	int failed = list(&l, &call->list, call->args->path, false);
	return failed ? ep_fs_fail(call, -failed) : 0;
}

ep_fs *ep_fs_list_start(ep_loop *loop, const char *path)
{
	return ep_fs_start(ep_fs_new("listing", path, NULL), loop, run_list);
}

static int run_walk(ep_work *work)
{
	ep_fs *call = ep_fs_of(work);
	int code = ep_fs_walk_tree(&call->list, call->args->path, NULL, &work->stop, &work->err);
	for (size_t i = 0; i < call->list.count && !code; i++) {
		const ep_fs_entry *e = &call->list.entries[i];
		if (e->error) code = set_error(&work->err, "walking", call->args->path, e->name, e->error);
	}
	return code;
}

ep_fs *ep_fs_walk_start(ep_loop *loop, const char *path)
{
	return ep_fs_start(ep_fs_new("walking", path, NULL), loop, run_walk);
}

int ep_fs_open_below(int folder, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM)) /* an old kernel, or a sandbox that does not know the call */
		fd = openat(folder, name, (int)how.flags);
	return fd < 0 ? -errno : (int)fd;
}
