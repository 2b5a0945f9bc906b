/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/content.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/base/utf8.h"
#include "runtime/crypto/crypto.h"

static int64_t mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* What is learned of a file while it is read. */
struct reading {
	ep_utf8 text;
	bool binary;
	bool id;
	ep_sha1_state sha1;
};

static void begin_id(struct reading *r, uint64_t size)
{
	char head[32]; /* git's, with its NUL */
	int len = snprintf(head, sizeof head, "blob %" PRIu64, size);
	ep_sha1_begin(&r->sha1);
	ep_sha1_add(&r->sha1, head, (size_t)len + 1);
}

/* Whether there is more to learn. */
static bool take(struct reading *r, ep_tree_file *file, const char *bytes, size_t len)
{
	if (r->id) ep_sha1_add(&r->sha1, bytes, len);
	if (!r->binary) r->binary = memchr(bytes, 0, len) || !ep_utf8_add(&r->text, bytes, len);
	if (!r->binary) file->json_length += ep_json_escaped_length(bytes, len);
	return !r->binary || r->id;
}

/* Reads what the size promises. A file that shrinks meanwhile ends early: ep_content_same then finds it changed. */
static int read_content(struct reading *r, ep_tree_file *file, int fd, char *chunk, const atomic_bool *stop)
{
	for (uint64_t left = file->size; left;) {
		if (atomic_load_explicit(stop, memory_order_relaxed)) return EP_ECANCELLED;
		ssize_t n = read(fd, chunk, left < EP_CONTENT_CHUNK ? (size_t)left : EP_CONTENT_CHUNK);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return EP_LEFT_UNREADABLE;
		if (n == 0 || !take(r, file, chunk, (size_t)n)) break;
		left -= (uint64_t)n;
	}
	return 0;
}

int ep_content_measure(ep_tree_file *file, int fd, char chunk[EP_CONTENT_CHUNK], bool id, const atomic_bool *stop)
{
	struct stat st;
	struct reading r = {.id = id};
	if (fstat(fd, &st)) return EP_LEFT_UNREADABLE;
	if (S_ISDIR(st.st_mode)) return EP_LEFT_REPOSITORY;
	if (!S_ISREG(st.st_mode)) return EP_LEFT_SPECIAL;
	file->size = (uint64_t)st.st_size;
	file->mtime = mtime_of(&st);
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->json_length = 0;
	if (id) begin_id(&r, file->size);
	int code = read_content(&r, file, fd, chunk, stop);
	if (code) return code;
	if (id) ep_sha1_end(&r.sha1, file->id);
	return r.binary || !ep_utf8_end(&r.text) ? EP_LEFT_BINARY : 0;
}

bool ep_content_same(const ep_tree_file *file, int fd)
{
	struct stat st;
	return !fstat(fd, &st) && (uint64_t)st.st_size == file->size && mtime_of(&st) == file->mtime &&
		st.st_dev == file->device && st.st_ino == file->inode;
}
