/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/source.h"

#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/fs/ahead.h"

/* --- read ahead --- */

typedef struct ahead {
	ep_relace_source inner;
	ep_ahead *reader;
	ep_http_call *http; /* the attempt that is under way; the call counts it */
} ahead;

static long read_inner(void *ctx, char *to, size_t room)
{
	const ahead *a = ctx;
	return a->inner.source->read(a->inner.ctx, to, room);
}

static int rewind_inner(void *ctx)
{
	const ahead *a = ctx;
	return a->inner.source->rewind ? a->inner.source->rewind(a->inner.ctx) : EP_EIO;
}

static void close_inner(void *ctx)
{
	ahead *a = ctx;
	if (a->inner.close) a->inner.close(a->inner.ctx);
	ep_free(a);
}

static const ep_ahead_maker maker = {read_inner, rewind_inner, close_inner};

static long read_ahead(void *ctx, char *to, size_t room)
{
	long n = ep_ahead_read(((ahead *)ctx)->reader, to, room);
	return n == EP_AHEAD_LATER ? EP_HTTP_LATER : n;
}

static int rewind_ahead(void *ctx) { return ep_ahead_rewind(((ahead *)ctx)->reader); }

static const ep_http_source ahead_source = {read_ahead, rewind_ahead};

static const ep_err *error_of_inner(void *ctx)
{
	const ahead *a = ctx;
	return a->inner.error && !ep_ahead_busy(a->reader) ? a->inner.error(a->inner.ctx) : NULL;
}

static void close_ahead(void *ctx)
{
	ahead *a = ctx;
	a->http = NULL;
	ep_ahead_free(a->reader);
}

static void on_ready(void *arg)
{
	const ahead *a = arg;
	if (a->http) ep_http_more(a->http);
}

static void on_sent(void *ctx, ep_http_call *http) { ((ahead *)ctx)->http = http; }

int ep_relace_source_ahead(ep_relace_source *source, ep_loop *loop, size_t block, ep_err *err)
{
	ahead *a = ep_calloc(1, sizeof *a);
	if (!a) {
		if (source->close) source->close(source->ctx);
		*source = (ep_relace_source){0};
		return ep_err_set(err, EP_ENOMEM, "no memory for a request");
	}
	a->inner = *source;
	int64_t len = source->len;
	*source = (ep_relace_source){0};
	ep_ahead *reader = ep_ahead_new(loop, &maker, a, len, block); /* has closed it, and a, when it fails */
	if (!reader) return ep_err_set(err, EP_ENOMEM, "no memory for a request");
	a->reader = reader;
	*source = (ep_relace_source){
		.source = &ahead_source, .ctx = a, .len = len, .error = error_of_inner, .close = close_ahead, .sent = on_sent};
	ep_ahead_notify(a->reader, on_ready, a);
	return 0;
}

static const ep_http_source file_source = {ep_file_body_read, ep_file_body_rewind};

int ep_relace_source_file(ep_relace_source *source, ep_loop *loop, ep_file_body *file, ep_err *err)
{
	*source = (ep_relace_source){.source = &file_source,
		.ctx = file,
		.len = ep_file_body_size(file),
		.error = ep_file_body_error,
		.close = ep_file_body_free};
	return ep_relace_source_ahead(source, loop, EP_AHEAD_FILE_BLOCK, err);
}

/* --- bytes in memory --- */

typedef struct bytes {
	const char *data;
	size_t len, at;
} bytes;

static long read_bytes(void *ctx, char *to, size_t room)
{
	bytes *b = ctx;
	size_t n = b->len - b->at < room ? b->len - b->at : room;
	memcpy(to, b->data + b->at, n);
	b->at += n;
	return (long)n;
}

static int rewind_bytes(void *ctx)
{
	((bytes *)ctx)->at = 0;
	return 0;
}

static const ep_http_source bytes_source = {read_bytes, rewind_bytes};

int ep_relace_source_bytes(ep_relace_source *source, const char *data, size_t len, ep_err *err)
{
	bytes *b = ep_alloc(sizeof *b);
	if (!b) return ep_err_set(err, EP_ENOMEM, "no memory for a request");
	*b = (bytes){data, len, 0};
	*source = (ep_relace_source){.source = &bytes_source, .ctx = b, .len = (int64_t)len, .close = ep_free};
	return 0;
}
