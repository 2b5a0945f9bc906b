/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/fs/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A lock of a file that was removed between its opening and its locking keeps nobody out. */
static bool is_there(int fd, const char *path)
{
	struct stat ours, there;
	return !fstat(fd, &ours) && !lstat(path, &there) && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

int ep_fs_lock_try(int *fd, const char *path, bool alone, ep_err *err)
{
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0) return ep_err_set_errno(err, -errno, path);
	int failed = flock(*fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) ? errno : 0;
	if (!failed && is_there(*fd, path)) return 0;
	close(*fd);
	*fd = -1;
	return !failed || failed == EWOULDBLOCK ? 0 : ep_err_set_errno(err, -failed, path);
}

int ep_fs_private_folder(const char *path, ep_err *err)
{
	struct stat st;
	if (mkdir(path, 0700) && errno != EEXIST) return ep_err_set_errno(err, -errno, path);
	if (stat(path, &st)) return ep_err_set_errno(err, -errno, path);
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH))) return 0;
	return ep_err_set(err, EP_EPERMISSION,
		"'%s' must be a folder of your own that nobody else may write to: what is put there would end up in clones",
		path);
}
