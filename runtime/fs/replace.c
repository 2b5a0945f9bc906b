/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/fs/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/fs/private.h"

struct ep_replace {
	int fd;
	char *path;    /* of the old file, without links at its end */
	ep_buf name;   /* of the new one */
	size_t folder; /* bytes of both names up to and with the last slash */
};

/* Makes "FOLDER/.NAME.RANDOM". */
static int name_beside(ep_replace *r)
{
	unsigned char random[8];
	const char *slash = strrchr(r->path, '/'), *base = slash ? slash + 1 : r->path;
	if (getrandom(random, sizeof random, 0) != sizeof random) return -EIO;
	r->folder = (size_t)(base - r->path);
	ep_buf_add(&r->name, r->path, r->folder);
	ep_buf_printf(&r->name, ".%.100s.", base);
	for (size_t i = 0; i < sizeof random; i++) ep_buf_printf(&r->name, "%02x", random[i]);
	return ep_buf_failed(&r->name) ? -ENOMEM : 0;
}

/* The new file takes over who owns the old one, as far as we may, and who may read it. */
static void keep_owner_and_mode(int fd, const struct stat *old)
{
	mode_t mode = old->st_mode & 0777;
	if (fchown(fd, old->st_uid, old->st_gid))
		mode = (mode & 0707) | (mode & 7) << 3; /* to our group as to the others */
	fchmod(fd, mode);
}

static int sync_folder(ep_replace *r)
{
	r->name.data[r->folder] = '\0';
	int fd = open(r->folder ? r->name.data : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return -errno;
	int failed = fsync(fd) && errno != EINVAL ? -errno : 0;
	close(fd);
	return failed;
}

static void free_replace(ep_replace *r)
{
	if (r->fd >= 0) close(r->fd);
	ep_buf_fini(&r->name);
	ep_free(r->path);
	ep_free(r);
}

static int set_path(ep_replace *r, const char *path)
{
	struct stat st;
	if (lstat(path, &st) || !S_ISLNK(st.st_mode)) {
		r->path = ep_strdup(path);
		return r->path ? 0 : -ENOMEM;
	}
	char *real = realpath(path, NULL);
	if (!real) return -errno;
	r->path = ep_strdup(real);
	free(real);
	return r->path ? 0 : -ENOMEM;
}

static int open_beside(ep_replace *r, const char *path, unsigned mode)
{
	struct stat old;
	int failed = set_path(r, path);
	if (!failed) failed = name_beside(r);
	if (failed) return failed;
	bool replaces = !stat(r->path, &old);
	if (replaces && !S_ISREG(old.st_mode)) return S_ISDIR(old.st_mode) ? -EISDIR : -EINVAL;
	r->fd = ep_fd_open(r->name.data, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (r->fd < 0) return -errno;
	if (replaces) keep_owner_and_mode(r->fd, &old);
	return 0;
}

int ep_replace_open(ep_replace **out, const char *path, unsigned mode)
{
	ep_replace *r = ep_calloc(1, sizeof *r);
	if (!r) return -ENOMEM;
	r->fd = -1;
	int failed = open_beside(r, path, mode);
	if (failed)
		free_replace(r);
	else
		*out = r;
	return failed;
}

int ep_replace_write(ep_replace *r, const void *bytes, size_t len, const atomic_bool *stop)
{
	return ep_fd_write(r->fd, bytes, len, stop);
}

int ep_replace_empty(ep_replace *r) { return lseek(r->fd, 0, SEEK_SET) < 0 || ftruncate(r->fd, 0) ? -errno : 0; }

int ep_replace_commit(ep_replace *r, bool sync, bool folder)
{
	int failed = sync && fsync(r->fd) && errno != EINVAL && errno != EROFS ? -errno : 0; /* those: no file */
	if (close(r->fd) && !failed && errno != EINTR) failed = -errno;
	r->fd = -1;
	if (!failed && rename(r->name.data, r->path)) failed = -errno;
	if (failed)
		unlink(r->name.data);
	else if (folder)
		failed = sync_folder(r);
	free_replace(r);
	return failed;
}

void ep_replace_discard(ep_replace *r)
{
	if (!r) return;
	unlink(r->name.data);
	free_replace(r);
}
