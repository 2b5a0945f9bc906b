/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/serve/fifo.h"

#include <string.h>

enum { KEPT_ROOM = 1 << 20 }; /* an empty fifo that grew beyond gives its memory back */

/* Moves the bytes to the front when that frees more than it moves: each byte moves at most once on average. */
static void compact(ep_fifo *f)
{
	size_t len = ep_fifo_len(f);
	if (f->head <= len) return;
	memmove(f->buf.data, f->buf.data + f->head, len);
	f->buf.len = len;
	f->head = 0;
}

int ep_fifo_add(ep_fifo *f, const void *bytes, size_t len)
{
	if (f->buf.len + len >= f->buf.room) compact(f);
	int rc = ep_buf_add(&f->buf, bytes, len);
	f->buf.failed = 0; /* the caller has been told */
	return rc;
}

void ep_fifo_take(ep_fifo *f, size_t n)
{
	f->head += n;
	if (ep_fifo_len(f)) return;
	f->head = 0;
	if (f->buf.room > KEPT_ROOM)
		ep_buf_fini(&f->buf);
	else
		ep_buf_reset(&f->buf);
}

void ep_fifo_fini(ep_fifo *f)
{
	ep_buf_fini(&f->buf);
	f->head = 0;
}
