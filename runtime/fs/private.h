/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_FS_PRIVATE_H
#define EP_FS_PRIVATE_H

/* What the files of this folder share: how a call is made, and descriptors that may be pipes.
 *
 * Life, Thread, Owner: as in fs.h; ep_fd_... and ep_fs_fail are for the thread of a call. */

#include "runtime/fs/fs.h"

/* What a call was given; its own copies. */
struct ep_fs_args {
	const char *verb; /* of the error: "reading"; static */
	char *path, *other;
	char *bytes;
	size_t len;
	ep_fs_write_options write;
	bool flag;
	int how;
	int fd;        /* close: ours to close; else -1 */
	ep_file *file; /* a count */
};

/* A call that is not started yet; other may be NULL. NULL: no memory. */
ep_fs *ep_fs_new(const char *verb, const char *path, const char *other);

/* Starts it; returns it, NULL (and frees it) when it cannot be started. A NULL call is fine. */
ep_fs *ep_fs_start(ep_fs *call, ep_loop *loop, int (*run)(ep_work *));

/* Frees a call that was not started. */
void ep_fs_free(ep_fs *call);

static inline ep_fs *ep_fs_of(ep_work *work) { return EP_CONTAINER(work, ep_fs, work); }

static inline bool ep_fs_stopped(ep_fs *call) { return atomic_load_explicit(&call->work.stop, memory_order_relaxed); }

/* Sets the error "VERB PATH: what errno says" and returns its code. */
int ep_fs_fail(ep_fs *call, int error);

/* Opens for a call: close-on-exec, never a controlling terminal, and a pipe without its other end does not block.
 * -1 with errno. */
int ep_fd_open(const char *path, int flags, unsigned mode);

/* What a descriptor is read and written by at most at once, in bytes. */
enum { EP_FD_STEP = 1024 * 1024 };

/* Reads once, waiting for a pipe's bytes. The number of bytes, 0 at the end, or a negated errno (-ECANCELED: stopped). */
long ep_fd_read(int fd, void *to, size_t room, const atomic_bool *stop);

/* Writes all. 0 or a negated errno. */
int ep_fd_write(int fd, const void *bytes, size_t len, const atomic_bool *stop);

#endif
