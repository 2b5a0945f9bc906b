/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_SSE_H
#define EP_BASE_SSE_H

/* Server-sent events (text/event-stream), as bytes come: one event after the other, by the rules of the WHATWG.
 *
 *     while ((rc = ep_sse_next(&sse, &at, end, &event)) > 0) ...        rc 0: more bytes are needed
 *
 * Lines end with LF, CR or CRLF, wherever the bytes are split. Comments, `id`, `retry` and unknown fields are left out, and so
 * is a block without name and data. A byte order mark at the start is skipped. What the data mean is the caller's matter.
 *
 * Life: from ep_sse_init to ep_sse_fini; the texts of an event until the next call. Thread: one. Owner: the caller.
 * Errors: EP_ETOOLARGE, EP_ENOMEM; they are final. */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/buf.h"

typedef struct ep_sse {
	size_t max; /* bytes that one event may take */
	ep_buf line, name, data;
	int failed;
	bool after_cr, comment, begun, has_data, given;
} ep_sse;

typedef struct ep_sse_event {
	const char *name, *data; /* NULL: not given; a NUL stands behind them */
	size_t name_len, data_len;
} ep_sse_event;

/* Prepares a decoder. max: bytes of name, data and the line that is being read; 0: no limit. */
void ep_sse_init(ep_sse *sse, size_t max);
void ep_sse_fini(ep_sse *sse);

/* Takes bytes from *at, which moves on, until an event is whole: 1. 0: all were taken. */
int ep_sse_next(ep_sse *sse, const char **at, const char *end, ep_sse_event *event);

/* Whether what was taken ends within an event: at the end of a stream, that one is lost. */
bool ep_sse_within(const ep_sse *sse);

#endif
