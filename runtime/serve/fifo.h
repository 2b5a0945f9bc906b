/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_SERVE_FIFO_H
#define EP_SERVE_FIFO_H

/* Bytes in the order they came.
 *
 * Life: the caller's memory; {0} is an empty one. Thread: the owner's. Owner: the struct, until ep_fifo_fini. */

#include "runtime/base/buf.h"

typedef struct ep_fifo {
	ep_buf buf;
	size_t head; /* bytes of buf that were taken */
} ep_fifo;

static inline size_t ep_fifo_len(const ep_fifo *f) { return f->buf.len - f->head; }
static inline const char *ep_fifo_data(const ep_fifo *f) { return ep_buf_text(&f->buf) + f->head; }

/* 0 or EP_ENOMEM. */
int ep_fifo_add(ep_fifo *f, const void *bytes, size_t len);

void ep_fifo_take(ep_fifo *f, size_t n);
void ep_fifo_fini(ep_fifo *f);

#endif
