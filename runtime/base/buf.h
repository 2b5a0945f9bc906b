/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_BUF_H
#define EP_BASE_BUF_H

/* A growing run of bytes.
 *
 * Life: the caller's memory; {0} is an empty one. Thread: the owner's. Owner: the struct owns its bytes
 * until ep_buf_fini or ep_buf_take.
 * Errors: EP_ENOMEM, EP_ETOOLARGE; then the buffer is as it was before the call. A writer may ignore the
 * results of a run of calls and look at ep_buf_failed once at the end. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct ep_buf {
	char *data; /* NUL behind the last byte whenever data is not NULL */
	size_t len, room;
	size_t limit; /* most bytes it may hold; 0: no limit */
	int failed;   /* the first error of a call, 0 if none */
} ep_buf;

void ep_buf_fini(ep_buf *b);

/* Wipes the bytes, then frees them: for buffers that held a secret. */
void ep_buf_wipe(ep_buf *b);

/* Empties it and forgets the failure; keeps the memory. */
void ep_buf_reset(ep_buf *b);

/* Makes room for more bytes and returns where they go, NULL on failure. Add what was written to len. */
char *ep_buf_reserve(ep_buf *b, size_t more);

int ep_buf_add(ep_buf *b, const void *bytes, size_t len);
int ep_buf_puts(ep_buf *b, const char *text);
int ep_buf_putc(ep_buf *b, char c);
int ep_buf_printf(ep_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int ep_buf_vprintf(ep_buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* The text, "" when empty; valid until the next change. */
static inline const char *ep_buf_text(const ep_buf *b) { return b->data ? b->data : ""; }

static inline int ep_buf_failed(const ep_buf *b) { return b->failed; }

/* Gives the bytes away: the caller frees them with ep_free. NULL when nothing was ever added or on failure. */
char *ep_buf_take(ep_buf *b);

#endif
