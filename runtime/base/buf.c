/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/mem.h"

void ep_buf_fini(ep_buf *b)
{
	ep_free(b->data);
	*b = (ep_buf){.limit = b->limit};
}

void ep_buf_wipe(ep_buf *b)
{
	if (b->data) explicit_bzero(b->data, b->room);
	ep_buf_fini(b);
}

void ep_buf_reset(ep_buf *b)
{
	b->len = 0;
	b->failed = 0;
	if (b->data) b->data[0] = '\0';
}

static int fail(ep_buf *b, int code)
{
	if (!b->failed) b->failed = code;
	return code;
}

static int grow(ep_buf *b, size_t need)
{
	size_t room = b->room ? b->room : 64;
	while (room < need) room = room > SIZE_MAX / 2 ? need : room * 2;
	char *data = ep_realloc(b->data, room);
	if (!data) return fail(b, EP_ENOMEM);
	b->data = data;
	b->room = room;
	return 0;
}

char *ep_buf_reserve(ep_buf *b, size_t more)
{
	if (b->failed) return NULL;
	if (more > SIZE_MAX - b->len - 1 || (b->limit && b->len + more > b->limit)) {
		fail(b, EP_ETOOLARGE);
		return NULL;
	}
	if (b->len + more + 1 > b->room && grow(b, b->len + more + 1)) return NULL;
	return b->data + b->len;
}

int ep_buf_add(ep_buf *b, const void *bytes, size_t len)
{
	char *to = ep_buf_reserve(b, len);
	if (!to) return b->failed;
	if (len) memcpy(to, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int ep_buf_puts(ep_buf *b, const char *text) { return ep_buf_add(b, text, strlen(text)); }

int ep_buf_putc(ep_buf *b, char c) { return ep_buf_add(b, &c, 1); }

int ep_buf_vprintf(ep_buf *b, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int need = vsnprintf(NULL, 0, format, args);
	char *to = need < 0 ? NULL : ep_buf_reserve(b, (size_t)need);
	if (to) {
		vsnprintf(to, (size_t)need + 1, format, again);
		b->len += (size_t)need;
	}
	va_end(again);
	return need < 0 ? fail(b, EP_EINVAL) : b->failed;
}

int ep_buf_printf(ep_buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int rc = ep_buf_vprintf(b, format, args);
	va_end(args);
	return rc;
}

char *ep_buf_take(ep_buf *b)
{
	char *data = b->failed ? NULL : b->data;
	if (!data) ep_free(b->data);
	*b = (ep_buf){.limit = b->limit};
	return data;
}
