/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/mem.h"
#include "runtime/fs/fs.h"

enum { UNDO_TRIES = 5, UNDO_PAUSE_MS = 20, FILE_LIMIT = 16 * 1024 * 1024, NEARLY_NOTHING = 16 * 1024 };

static const char by_descriptor[] = "/proc/self/fd/";

static int fail(ep_err *err, const char *doing, const char *path)
{
	int code = ep_err_of_errno(-errno);
	return ep_err_set(err, code, "%s the folder '%s': %s", doing, path, strerror(errno));
}

static bool is_entry(const struct dirent *e) { return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0; }

static int check_empty(const char *path, ep_err *err)
{
	DIR *folder = opendir(path);
	const struct dirent *e;
	if (!folder) {
		if (errno == ENOTDIR || errno == ENOENT || errno == ELOOP)
			return ep_err_set(err, EP_EDESTINATION, "'%s' exists and is no folder", path);
		return fail(err, "opening", path);
	}
	while ((e = readdir(folder)) && !is_entry(e)) continue;
	closedir(folder);
	return e ? ep_err_set(err, EP_EDESTINATION, "the folder '%s' exists and is not empty", path) : 0;
}

/* Makes the first len bytes of the path. 1: made, 0: was there. */
static int make_part(char *path, size_t len)
{
	char kept = path[len];
	path[len] = '\0';
	int rc = mkdir(path, 0777);
	path[len] = kept;
	return rc == 0 ? 1 : errno == EEXIST ? 0 : -1;
}

/* Two clones could find the same folder empty. A path by a descriptor of ours is that of a folder which is held already, for the
 * clones within. A file system without locks has no say. */
static int claim(const ep_git_place *p, ep_err *err)
{
	if (!strncmp(p->path, by_descriptor, sizeof by_descriptor - 1)) return 0;
	if (!flock(p->fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK) return 0;
	return ep_err_set(err, EP_EDESTINATION, "another clone is being made in '%s'", p->path);
}

static int open_place(ep_git_place *p, ep_err *err)
{
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->fd < 0)
		return errno == ENOTDIR || errno == ELOOP
			? ep_err_set(err, EP_EDESTINATION, "'%s' exists and is no folder", p->path)
			: fail(err, "opening", p->path);
	snprintf(p->at, sizeof p->at, "%s%d", by_descriptor, p->fd);
	int rc = claim(p, err);
	return rc ? rc : check_empty(p->at, err);
}

/* A child between its fork and its exec has the descriptor too, so closing it would not end the lock. */
void ep_git_place_close(ep_git_place *p)
{
	if (*p->at) {
		flock(p->fd, LOCK_UN);
		close(p->fd);
	}
	*p->at = '\0';
}

int ep_git_place_take(ep_git_place *p, ep_err *err)
{
	size_t len = strlen(p->path);
	int made = 0;
	while (len > 1 && p->path[len - 1] == '/') p->path[--len] = '\0';
	for (size_t i = 1; i <= len; i++) {
		if (p->path[i] != '/' && i != len) continue;
		made = make_part(p->path, i);
		if (made == 1 && !p->made) p->made = i;
		if (made < 0) {
			fail(err, "making", p->path);
			p->taken = p->made != 0;
			ep_git_place_undo(p, NULL);
			return err->code;
		}
	}
	int rc = made == 1 ? 0 : check_empty(p->path, err);
	if (!rc) rc = open_place(p, err);
	p->taken = rc == 0;
	if (rc) ep_git_place_close(p);
	return rc;
}

static int remove_content(const char *path, ep_err *err)
{
	DIR *folder = opendir(path);
	if (!folder) return errno == ENOENT ? 0 : fail(err, "opening", path);
	int rc = 0;
	for (const struct dirent *e; (e = readdir(folder));) {
		ep_buf entry = {0};
		if (!is_entry(e)) continue;
		ep_buf_printf(&entry, "%s/%s", path, e->d_name);
		int one = ep_buf_failed(&entry) ? EP_ENOMEM : ep_fs_remove_tree(entry.data, err);
		ep_buf_fini(&entry);
		if (!rc) rc = one;
	}
	closedir(folder);
	return rc;
}

/* Removes the folders above that were made; others may have put something there meanwhile. */
static void remove_parents(ep_git_place *p)
{
	for (size_t i = strlen(p->path); i-- > p->made;) {
		if (p->path[i] != '/') continue;
		p->path[i] = '\0';
		int rc = rmdir(p->path);
		p->path[i] = '/';
		if (rc && errno != ENOENT) return;
	}
}

bool ep_git_place_is_there(const ep_git_place *p)
{
	struct stat there, taken;
	return !lstat(p->path, &there) && !fstat(p->fd, &taken) && there.st_ino == taken.st_ino &&
		there.st_dev == taken.st_dev;
}

static int remove_place(ep_git_place *p, ep_err *err)
{
	if (!*p->at) return p->made ? ep_fs_remove_tree(p->path, err) : remove_content(p->path, err);
	int rc = remove_content(p->at, err);
	if (!rc && p->made && ep_git_place_is_there(p) && rmdir(p->path)) return fail(err, "removing", p->path);
	return rc;
}

int ep_git_place_undo(ep_git_place *p, ep_err *err)
{
	ep_err last = {0};
	int rc = 0;
	if (!p->taken) return 0;
	/* A process that was just killed may still be in the middle of making a file. */
	for (int i = 0; i < UNDO_TRIES; i++) {
		if (i) nanosleep(&(struct timespec){.tv_nsec = UNDO_PAUSE_MS * 1000000L}, NULL);
		ep_err_fini(&last);
		rc = remove_place(p, &last);
		if (!rc) break;
	}
	if (!rc && p->made) remove_parents(p);
	if (rc) ep_err_set(err, rc, "%s", ep_err_message(&last));
	ep_git_place_close(p);
	ep_err_fini(&last);
	return rc;
}

bool ep_git_place_full(const ep_git_place *p)
{
	struct statvfs disk;
	if (!p->taken || statvfs(*p->at ? p->at : p->path, &disk)) return false;
	return disk.f_bavail * disk.f_frsize < NEARLY_NOTHING || (disk.f_files && !disk.f_favail);
}

/* --- reading a clone --- */

/* Reads a file below the folder; a missing one is empty. */
static int read_file(ep_buf *out, const char *folder, const char *name, ep_err *err)
{
	ep_buf path = {0};
	ep_buf_printf(&path, "%s/%s", folder, name);
	int fd = ep_buf_failed(&path) ? -1 : open(path.data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 && errno != ENOENT ? fail(err, "reading", name) : 0;
	out->limit = FILE_LIMIT;
	for (ssize_t n = fd < 0 ? 0 : 1; n > 0;) {
		char *space = ep_buf_reserve(out, 4096);
		n = space ? read(fd, space, 4096) : -1;
		if (n < 0) rc = fail(err, "reading", name);
		if (n > 0) out->len += (size_t)n;
	}
	if (out->data) out->data[out->len] = '\0';
	if (fd >= 0) close(fd);
	ep_buf_fini(&path);
	return rc;
}

static bool copy_id(char head[65], const char *text)
{
	size_t len = strspn(text, "0123456789abcdef");
	if (len != 40 && len != 64) return false;
	memcpy(head, text, len);
	head[len] = '\0';
	return true;
}

/* The id of a ref in packed-refs: lines of "ID REF". */
static void find_packed(char head[65], const char *text, const char *ref)
{
	size_t len = strlen(ref);
	for (const char *at = text; (at = strstr(at, ref)); at += len) {
		const char *line = at;
		while (line > text && line[-1] != '\n') line--;
		if (at > line && at[-1] == ' ' && (at[len] == '\n' || !at[len]) && copy_id(head, line)) return;
	}
}

int ep_git_place_read(char head[65], char **branch, const char *path, ep_err *err)
{
	ep_buf text = {0}, ref = {0}, file = {0};
	head[0] = '\0';
	*branch = NULL;
	int rc = read_file(&text, path, ".git/HEAD", err);
	if (rc) goto out;
	const char *content = ep_buf_text(&text);
	if (strncmp(content, "ref: ", 5) != 0) {
		if (!copy_id(head, content)) rc = ep_err_set(err, EP_ECORRUPT, "the clone has no HEAD");
		goto out;
	}
	ep_buf_add(&ref, content + 5, strcspn(content + 5, "\n"));
	ep_buf_printf(&file, ".git/%s", ep_buf_text(&ref));
	ep_buf_reset(&text);
	rc = read_file(&text, path, ep_buf_text(&file), err);
	if (!rc && !copy_id(head, ep_buf_text(&text))) {
		ep_buf_reset(&text);
		rc = read_file(&text, path, ".git/packed-refs", err);
		find_packed(head, ep_buf_text(&text), ep_buf_text(&ref));
	}
	if (!strncmp(ep_buf_text(&ref), "refs/heads/", 11)) *branch = ep_strdup(ref.data + 11);
out:
	ep_buf_fini(&text);
	ep_buf_fini(&ref);
	ep_buf_fini(&file);
	return rc;
}

int ep_git_place_check_config(const char *path, const ep_secret *secret, ep_err *err)
{
	ep_buf text = {0};
	size_t len;
	const char *bytes = ep_secret_reveal(secret, &len);
	int rc = read_file(&text, path, ".git/config", err);
	if (!rc && len && text.len && memmem(text.data, text.len, bytes, len))
		rc = ep_err_set(err, EP_EIO, "the clone would have kept the credential in its configuration");
	ep_buf_wipe(&text);
	return rc;
}
