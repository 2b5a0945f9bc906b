/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_PROC_WRITER_H
#define EP_PROC_WRITER_H

/* Writer: our end of a child's standard input, and a queue of writes to it.
 *
 * Life: part of an ep_proc, which stays while a handle of it is open. Thread: the loop's. Owner: the ep_proc. */

#include "runtime/loop/op.h"

struct ep_proc;

typedef struct ep_writer {
	struct ep_proc *proc;
	uv_poll_t poll;
	int fd; /* -1: closed, or never open */
	bool watched, ending;
	ep_node queue; /* ep_proc_write */
} ep_writer;

void ep_writer_init(ep_writer *w, struct ep_proc *proc);

/* Takes fd. On failure fd is closed. */
int ep_writer_open(ep_writer *w, int fd);

/* No more writes; closes when those that wait are written. */
void ep_writer_end(ep_writer *w);

/* Closes now; waiting writes end with EP_ECLOSED. */
void ep_writer_close(ep_writer *w);

/* One write. Its op ends when all bytes are in the pipe, with EP_ECLOSED when the child no longer reads. */
typedef struct ep_proc_write {
	ep_op op;
	ep_writer *to;
	ep_node link;
	size_t len, written;
	ep_err err;
	char bytes[];
} ep_proc_write;

/* Copies the bytes. EP_ECLOSED after the end or close. Release it with ep_op_release(&write->op); a cancelled
 * write may have written a part. */
int ep_proc_write_start(ep_proc_write **out, ep_writer *to, const char *bytes, size_t len, ep_err *err);

/* write(2) that never raises SIGPIPE. -1 and errno on failure. */
ssize_t ep_write_quietly(int fd, const char *bytes, size_t len);

#endif
