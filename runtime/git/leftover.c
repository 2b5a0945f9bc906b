/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/leftover.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 64 };

typedef struct walk {
	struct timespec since;
	unsigned removed;
} walk;

static void take_away(walk *w, int folder, const char *name);

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);
	return a > b && !strcmp(text + a - b, end);
}

/* A folder by its name in another; not by a link, whoever puts one there and when. NULL: there is none. */
static DIR *open_folder(int above, const char *name)
{
	int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !folder) close(fd);
	return folder;
}

/* The locks in a folder, and in those below it, so many levels deep. */
static void search(walk *w, int above, const char *name, int deep)
{
	DIR *d = open_folder(above, name);
	for (const struct dirent *e; d && (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
		if (e->d_type == DT_DIR && deep > 0)
			search(w, dirfd(d), e->d_name, deep - 1);
		else if (e->d_type == DT_REG && ends_with(e->d_name, ".lock"))
			take_away(w, dirfd(d), e->d_name);
	}
	if (d) closedir(d);
}

/* Where git makes locks: beside HEAD, index and config, and beside each ref and packed-refs. */
static void search_all(walk *w, const char *git_dir, const char *common)
{
	search(w, AT_FDCWD, git_dir, 0);
	if (strcmp(git_dir, common) != 0) search(w, AT_FDCWD, common, 0);
	DIR *top = open_folder(AT_FDCWD, common);
	if (!top) return;
	search(w, dirfd(top), "refs", DEPTH_MAX);
	search(w, dirfd(top), "logs", DEPTH_MAX);
	closedir(top);
}

static bool is_older(const struct timespec *since, const struct stat *st)
{
	return st->st_ctim.tv_sec < since->tv_sec ||
		(st->st_ctim.tv_sec == since->tv_sec && st->st_ctim.tv_nsec < since->tv_nsec);
}

/* Whether a process of ours or of the same user has the file open. */
static bool is_open(const struct stat *file)
{
	DIR *all = opendir("/proc");
	bool open = false;
	for (const struct dirent *p; all && !open && (p = readdir(all));) {
		char path[64];
		if (p->d_name[0] < '1' || p->d_name[0] > '9') continue;
		snprintf(path, sizeof path, "/proc/%.20s/fd", p->d_name);
		DIR *fds = opendir(path);
		for (const struct dirent *e; fds && !open && (e = readdir(fds));) {
			struct stat st;
			open = !fstatat(dirfd(fds), e->d_name, &st, 0) && st.st_ino == file->st_ino && st.st_dev == file->st_dev;
		}
		if (fds) closedir(fds);
	}
	if (all) closedir(all);
	return open;
}

static void take_away(walk *w, int folder, const char *name)
{
	struct stat st;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) || is_older(&w->since, &st) || is_open(&st)) return;
	if (!unlinkat(folder, name, 0)) w->removed++;
}

void ep_git_leftover_start(struct timespec *since) { clock_gettime(CLOCK_REALTIME_COARSE, since); }

unsigned ep_git_leftover_remove(const struct timespec *since, const char *git_dir, const char *common)
{
	walk w = {.since = *since};
	search_all(&w, git_dir, common);
	return w.removed;
}
