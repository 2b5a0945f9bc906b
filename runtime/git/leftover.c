/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/leftover.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/buf.h"

enum { DEPTH_MAX = 64 };

typedef struct walk {
	struct timespec since;
	unsigned removed;
} walk;

static void take_away(walk *w, const char *path);

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);
	return a > b && !strcmp(text + a - b, end);
}

/* The locks in a folder, and with deep in those below it; symbolic links are not followed. */
static void search(walk *w, const char *folder, int depth)
{
	DIR *d = opendir(folder);
	for (const struct dirent *e; d && (e = readdir(d));) {
		ep_buf path = {0};
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
		ep_buf_printf(&path, "%s/%s", folder, e->d_name);
		if (ep_buf_failed(&path)) continue;
		if (e->d_type == DT_DIR && depth > 0)
			search(w, path.data, depth - 1);
		else if (e->d_type == DT_REG && ends_with(e->d_name, ".lock"))
			take_away(w, path.data);
		ep_buf_fini(&path);
	}
	if (d) closedir(d);
}

/* Where git makes locks: beside HEAD, index and config, and beside each ref and packed-refs. */
static void search_all(walk *w, const char *git_dir, const char *common)
{
	static const char *const deep[] = {"refs", "logs"};
	search(w, git_dir, 0);
	if (strcmp(git_dir, common) != 0) search(w, common, 0);
	for (size_t i = 0; i < 2; i++) {
		char path[PATH_MAX];
		if (snprintf(path, sizeof path, "%s/%s", common, deep[i]) < PATH_MAX) search(w, path, DEPTH_MAX);
	}
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

static void take_away(walk *w, const char *path)
{
	struct stat st;
	if (lstat(path, &st) || is_older(&w->since, &st) || is_open(&st)) return;
	if (!unlink(path)) w->removed++;
}

void ep_git_leftover_start(struct timespec *since) { clock_gettime(CLOCK_REALTIME_COARSE, since); }

unsigned ep_git_leftover_remove(const struct timespec *since, const char *git_dir, const char *common)
{
	walk w = {.since = *since};
	search_all(&w, git_dir, common);
	return w.removed;
}
