/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/content.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/base/utf8.h"

static int64_t mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Reads what the size promises. A file that shrinks meanwhile ends early: ep_content_same then finds it changed. */
static int measure_text(ep_tree_file *file, int fd, char *chunk, const atomic_bool *stop)
{
	ep_utf8 text = {0};
	for (uint64_t left = file->size; left;) {
		if (atomic_load_explicit(stop, memory_order_relaxed)) return EP_ECANCELLED;
		ssize_t n = read(fd, chunk, left < EP_CONTENT_CHUNK ? (size_t)left : EP_CONTENT_CHUNK);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return EP_LEFT_UNREADABLE;
		if (n == 0) break;
		if (memchr(chunk, 0, (size_t)n) || !ep_utf8_add(&text, chunk, (size_t)n)) return EP_LEFT_BINARY;
		file->json_length += ep_json_escaped_length(chunk, (size_t)n);
		left -= (uint64_t)n;
	}
	return ep_utf8_end(&text) ? 0 : EP_LEFT_BINARY;
}

int ep_content_measure(ep_tree_file *file, int fd, char chunk[EP_CONTENT_CHUNK], const atomic_bool *stop)
{
	struct stat st;
	if (fstat(fd, &st)) return EP_LEFT_UNREADABLE;
	if (S_ISDIR(st.st_mode)) return EP_LEFT_REPOSITORY;
	if (!S_ISREG(st.st_mode)) return EP_LEFT_SPECIAL;
	file->size = (uint64_t)st.st_size;
	file->mtime = mtime_of(&st);
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->json_length = 0;
	return measure_text(file, fd, chunk, stop);
}

bool ep_content_same(const ep_tree_file *file, int fd)
{
	struct stat st;
	return !fstat(fd, &st) && (uint64_t)st.st_size == file->size && mtime_of(&st) == file->mtime &&
		st.st_dev == file->device && st.st_ino == file->inode;
}
