/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_HTTP_HTTP_H
#define EP_HTTP_HTTP_H

/* HTTP requests over libcurl, which nobody outside this folder sees.
 *
 * Life: an engine from ep_http_open to ep_http_close; profiles and header lists are counted; a call is an op.
 * Thread: the loop's; profiles and header lists belong to one thread too.
 * Owner: the caller of the function that made it. A request and all it points to are only read by
 * ep_http_start, but for a borrowed body and a source.
 * Errors: 0 or EP_E..., with the details in the ep_err; a call's own are in call->err, with maybe_sent.
 *
 * Codes of a failed call: dns, connection, tls, timeout, protocol, truncated, too_large, redirect, decode,
 * blocked_address, cancelled, closed, no_memory, and whatever a body's source returned. A status such as 500 is no failure here. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/secret.h"
#include "runtime/loop/op.h"

/* --- the engine: one for an instance --- */

typedef struct ep_http ep_http;

enum { EP_HTTP_PER_HOST = 256, EP_HTTP_TOTAL = 1024 };

/* Opens an engine; libcurl is not touched before the first call. The secrets (may be NULL) are what its texts
 * mask, and must live as long as the engine. NULL: no memory. */
ep_http *ep_http_open(ep_loop *loop, const ep_secrets *secrets);

/* The most transfers at once, to one origin (scheme, host, port) and in all; 0: the default. More calls wait
 * in the order they came, and their clocks with them. */
void ep_http_limit(ep_http *http, unsigned per_host, unsigned total);

/* Ends every call with EP_ECLOSED, drops all connections and frees the engine. Calls that ended, and reads of
 * theirs, stay valid until they are released. Not to be called from a body's source. */
void ep_http_close(ep_http *http);

/* --- profiles: how to connect --- */

typedef struct ep_http_profile ep_http_profile;

/* {0} is the default of everything. Texts end with NUL and are copied. */
typedef struct ep_http_settings {
	const char *user_agent; /* NULL: "epact/VERSION" */
	const char *ca_file;    /* PEM file of the authorities to trust instead of the system's; NULL: the system's */
	const char *ca_dir;     /* the same as an openssl directory */
	const char *proxy;      /* URL of a proxy; "": none; NULL: what HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY say */
	uint64_t connect_timeout; /* ns, name, connection and TLS together; 0: 10 s */
	uint64_t stall_timeout;   /* ns without progress; 0: 60 s */
	uint64_t stall_rate;      /* progress is at least so many bytes a second; 0: any byte */
	bool public_only; /* connects to addresses of the public internet alone; a proxy is none, and not looked for */
	bool http2;       /* HTTP/2 where the server of an https URL has it; streamed answers stay with 1.1 */
} ep_http_settings;

int ep_http_profile_new(ep_http_profile **out, const ep_http_settings *settings, ep_err *err);
ep_http_profile *ep_http_profile_retain(ep_http_profile *profile);
void ep_http_profile_release(ep_http_profile *profile);

/* --- headers of a request --- */

typedef struct ep_http_header {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
	const ep_secret *secret; /* its bytes follow the value; NULL: none. Never sent to another origin by a redirect */
} ep_http_header;

typedef struct ep_http_headers ep_http_headers;

/* Checks and prepares a list, to be sent with any number of requests; its memory is wiped when the last count is
 * gone. EP_EINVAL names the header that is not well formed (also Content-Length and Transfer-Encoding, which
 * are the engine's). */
int ep_http_headers_new(ep_http_headers **out, const ep_http_header *list, size_t count, ep_err *err);
ep_http_headers *ep_http_headers_retain(ep_http_headers *headers);
void ep_http_headers_release(ep_http_headers *headers);

/* --- bodies --- */

typedef struct ep_http_source {
	/* Writes up to room bytes and returns their number, 0 at the end, EP_HTTP_LATER when there are none yet (then
	 * call ep_http_more), or EP_E... to fail the call. Runs inside libcurl: it may call no function of this header. */
	long (*read)(void *ctx, char *to, size_t room);
	/* Goes back to the first byte: 0, or EP_E... when it can't. NULL: it can't. */
	int (*rewind)(void *ctx);
} ep_http_source;

enum { EP_HTTP_LATER = -1000 };

enum {
	EP_HTTP_NONE,
	EP_HTTP_COPIED,   /* data is copied */
	EP_HTTP_BORROWED, /* data stays valid until the op has ended; of a streamed call, until ep_http_ended */
	EP_HTTP_TAKEN,    /* data came from ep_alloc and is the engine's from ep_http_start on, also if that fails */
	EP_HTTP_SOURCE    /* source and ctx, valid for as long as borrowed data; len < 0: not known, sent in chunks */
};

typedef struct ep_http_body {
	int kind;
	const char *data;
	int64_t len;
	const ep_http_source *source;
	void *ctx;
} ep_http_body;

/* --- calls --- */

typedef struct ep_http_request {
	ep_http_profile *profile;    /* NULL: the default one */
	const char *method;          /* NULL: GET */
	const char *url;             /* http or https, without user and password; NUL at its end */
	ep_http_headers *headers;    /* NULL: none */
	const ep_http_header *extra; /* more headers, which replace those of the same name */
	size_t extra_count;
	ep_http_body body;
	uint64_t timeout;  /* ns from the start of the transfer to the end of the answer, of a streamed call to the end
	                     * of its headers; 0: 120 s */
	uint64_t max_body; /* most bytes of the answer, decoded; 0: 64 MiB, of a streamed call no limit */
	int max_redirects; /* 0: a redirect is an error; < 0: it is an answer like any other */
	uint64_t connect_timeout, stall_timeout; /* 0: the profile's */
	bool once;           /* must not reach the server twice: never sent again, not even on a dead connection */
	bool stream;         /* the op ends with the headers; the body is read by ep_http_read_start */
	bool stream_success; /* with stream: only if the status is 2xx, other answers come whole */
} ep_http_request;

typedef struct ep_http_call {
	ep_op op; /* consumer: ep_op_wait, ep_op_cancel, ep_op_release */
	ep_err err;
	int status;  /* of the last answer; 0: there was none */
	ep_buf head; /* its header lines, see ep_http_header_next */
	ep_buf body; /* the whole body, decoded; empty when streamed; the consumer may take it */
} ep_http_call;

/* Starts a call, or puts it in the queue. EP_EINVAL and EP_ENOMEM at once, all else by the op. */
int ep_http_start(ep_http_call **out, ep_http *http, const ep_http_request *request, ep_err *err);

/* True once the call has left the queue: before, nothing of it was sent. */
bool ep_http_begun(const ep_http_call *call);

/* The source of the call's body has bytes again. */
void ep_http_more(ep_http_call *call);

/* --- headers of an answer --- */

typedef struct ep_http_field {
	const char *name, *value; /* borrowed from call->head, no NUL behind them */
	size_t name_len, value_len;
} ep_http_field;

/* The next field, in the order sent; *at begins with 0. False at the end. */
bool ep_http_header_next(const ep_http_call *call, size_t *at, ep_http_field *field);

/* The first field of that name, in any case of its letters. */
bool ep_http_header_find(const ep_http_call *call, const char *name, ep_http_field *field);

/* --- reading a streamed answer --- */

typedef struct ep_http_read {
	ep_op op;
	ep_err err;
	ep_http_call *call;
	ep_buf chunk; /* empty at the end of the body; the consumer may take it */
	size_t max;
} ep_http_read;

/* Starts to wait for bytes, at most max (0: what there is). Counts the call. One at a time: EP_EBUSY. */
int ep_http_read_start(ep_http_read **out, ep_http_call *call, size_t max, ep_err *err);

/* The rest of the body is not wanted: ends the transfer. An open read ends with EP_ECLOSED. A streamed call that
 * nobody but the engine counts is ended too, somewhat later. */
void ep_http_stop(ep_http_call *call);

/* True when the transfer is over and the body of the request is not touched any more. */
bool ep_http_ended(const ep_http_call *call);

/* --- URLs --- */

/* Checks what a request demands of its URL. EP_EINVAL says what is wrong, without repeating the URL. */
int ep_http_url_check(const char *url, size_t len, ep_err *err);

/* Adds text with all but letters, digits and -._~ as %XX: for one segment of a path, or a part of a query. */
int ep_http_url_escape(ep_buf *b, const char *text, size_t len);

#endif
