/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_PROC_READER_H
#define EP_PROC_READER_H

/* Reader: our end of a child's standard output or error.
 *
 * Life: part of an ep_proc, which stays while a handle of it is open. Thread: the loop's. Owner: the ep_proc. */

#include "runtime/loop/op.h"

struct ep_proc;

enum {
	EP_OUT_NULL,
	EP_OUT_INHERIT,
	EP_OUT_CAPTURE, /* kept in data; more than max is EP_ETOOLARGE and ends the process */
	EP_OUT_TAIL,    /* the last max bytes are kept in data */
	EP_OUT_STREAM   /* read by ep_proc_read_start; at most max bytes wait here, then the child waits */
};

enum { EP_OUT_MAX = 64 * 1024 };

typedef struct ep_output {
	int mode;
	size_t max; /* 0: EP_OUT_MAX */
	/* With CAPTURE and TAIL, may be NULL: told of each piece, inside a callback of uv. */
	void (*on_bytes)(void *arg, const char *bytes, size_t len);
	void *arg;
} ep_output;

typedef struct ep_proc_read ep_proc_read;

typedef struct ep_reader {
	struct ep_proc *proc;
	ep_output what;
	uv_poll_t poll;
	int fd; /* -1: closed, or never open */
	bool watched, eof, over, shut;
	ep_buf data;
	ep_proc_read *waiting;
} ep_reader;

/* Takes fd. On failure fd is closed. */
int ep_reader_open(ep_reader *r, struct ep_proc *proc, const ep_output *what, int fd);

/* Nothing more is read; a stream keeps what it has. A waiting read ends with EP_ECLOSED. */
void ep_reader_close(ep_reader *r);

void ep_reader_fini(ep_reader *r);

/* True when nothing is to be waited for: at its end, closed, or full while nobody reads. */
bool ep_reader_settled(const ep_reader *r);

/* The bytes that are kept of a captured or tailed output; borrowed until the next turn. */
const char *ep_reader_bytes(const ep_reader *r, size_t *len);

/* One read of a stream. Its op waits for the next bytes; data is empty at the end of the output. */
struct ep_proc_read {
	ep_op op;
	ep_reader *from;
	size_t max;
	ep_buf data; /* the consumer's once the op has ended */
	ep_err err;
};

/* Reads at least one byte and at most max (0: as many as there are). EP_EBUSY while another read waits;
 * EP_EINVAL when the output is no stream. Release it with ep_op_release(&read->op). */
int ep_proc_read_start(ep_proc_read **out, ep_reader *from, size_t max, ep_err *err);

#endif
