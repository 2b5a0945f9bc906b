/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_SERVE_SERVE_H
#define EP_SERVE_SERVE_H

/* The HTTP/1.1 server: libmicrohttpd on our loop and thread.
 *
 * Life: a server from ep_server_open to ep_server_close; a request is counted and may outlive its connection and its
 * server, it then says EP_ECLOSED. Thread: the loop's. Owner: the caller of ep_server_open; the taker of a request. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/loop/op.h"

typedef struct ep_server ep_server;
typedef struct ep_request ep_request;

typedef struct ep_server_options {
	const char *host;         /* an IPv4 or IPv6 address, or "localhost"; NULL: 127.0.0.1 */
	int port;                 /* 0: a free one */
	size_t max_headers;       /* bytes of request line and headers; 0: 32 KiB */
	size_t max_buffer;        /* bytes kept of a body for a slow reader, or of a response for a slow peer; 0: 256 KiB */
	uint64_t max_drain;       /* bytes of a body nobody wants that are read away to save the connection; 0: 64 MiB */
	unsigned max_connections; /* 0: 4096; more wait in the kernel's queue */
	uint64_t idle_timeout;    /* nanoseconds without a byte from or to the peer; 0: 120 s */
	void (*log)(void *arg, const char *text); /* libmicrohttpd's complaints, from a turn; NULL: dropped */
	void *log_arg;
} ep_server_options;

/* Binds, listens and starts to serve. EP_EBUSY (the address is in use), EP_EPERMISSION, EP_EINVAL, EP_EIO, EP_ENOMEM;
 * the message names the address. */
int ep_server_open(ep_server **out, ep_loop *loop, const ep_server_options *options, ep_err *err);

int ep_server_port(const ep_server *s);

/* "http://127.0.0.1:8080"; borrowed. */
const char *ep_server_url(const ep_server *s);

/* The number of requests that came and have not been answered to the last byte. */
unsigned long ep_server_live(const ep_server *s);

/* Waits for the next request; ends without one when the server is closed, or stops and has none left. NULL: no memory. */
ep_op *ep_server_accept(ep_server *s);

/* The request of an accept that succeeded, with the caller's count, once; NULL: there will be no more. */
ep_request *ep_accept_take(ep_op *accept);

/* Ends gently: accepts no more connections, answers new requests of old ones with 503, and closes when all requests are
 * answered or grace nanoseconds have passed. The op ends with 0 then. NULL: no memory. */
ep_op *ep_server_stop(ep_server *s, uint64_t grace);

/* Closes at once: connections are cut, pending ops end with EP_ECLOSED. The server is gone for the caller. */
void ep_server_close(ep_server *s);

/* --- a request --- */

typedef struct ep_header {
	const char *name; /* lower case in requests */
	const char *value;
} ep_header;

const char *ep_request_method(const ep_request *r);
const char *ep_request_path(const ep_request *r);  /* as it was sent, nothing decoded */
const char *ep_request_query(const ep_request *r); /* the same, after the '?'; "" if none */
const char *ep_request_version(const ep_request *r);
const char *ep_request_remote(const ep_request *r); /* "127.0.0.1:4711" */
const ep_header *ep_request_headers(const ep_request *r, size_t *count);

/* The value of a header, by its lower-case name; NULL if it is not there. */
const char *ep_request_header(const ep_request *r, const char *name);

void ep_request_retain(ep_request *r);

/* A request whose last count goes without an answer is answered with 500, a stream without an end is cut. */
void ep_request_release(ep_request *r);

/* --- its body --- */

/* What has been received and not taken: borrowed until the next call of ep_request_take or turn of the loop. */
size_t ep_request_peek(const ep_request *r, const char **data);

/* Gives back n bytes of it; may let the peer go on. */
void ep_request_take(ep_request *r, size_t n);

/* 1: bytes are there; 0: none yet; EP_ENOENT: the body has ended; EP_ETRUNCATED, EP_ETIMEOUT, EP_ECLOSED: it never will. */
int ep_request_readable(const ep_request *r);

/* Waits until ep_request_readable is not 0; fails as it does, but an end is success. One at a time: EP_EBUSY.
 * timeout in nanoseconds, 0: none. NULL: no memory. */
ep_op *ep_request_wait_body(ep_request *r, uint64_t timeout);

/* The declared length, -1 when it is not known (chunked), 0 for no body. */
int64_t ep_request_length(const ep_request *r);

/* --- the response: once --- */

/* What these say: 0, EP_EBUSY (answered already), EP_EINVAL (the message tells), EP_ECLOSED (the peer is gone),
 * EP_ENOMEM. Headers are copied. A status of 204 or 304, or HEAD, sends no body, whatever is given. */
int ep_request_respond(
	ep_request *r, int status, const ep_header *headers, size_t count, const void *body, size_t len, ep_err *err);

/* length -1: not known, sent in chunks. Then ep_request_write and ep_request_end. */
int ep_request_respond_stream(
	ep_request *r, int status, const ep_header *headers, size_t count, int64_t length, ep_err *err);

/* Sends the whole file behind fd, which it takes, also when it fails; name is that of errors. */
int ep_request_respond_fd(
	ep_request *r, int status, const ep_header *headers, size_t count, int fd, const char *name, ep_err *err);

bool ep_request_answered(const ep_request *r);

/* Whether the connection has gone or is being cut: nobody would see an answer. Asks the socket; a peer that has shut
 * down its sending side, and whose bytes are all received, counts as gone. */
bool ep_request_gone(const ep_request *r);

/* Queues a copy of len bytes, however many. 0, EP_ECLOSED, EP_ENOMEM; EP_EINVAL: no stream, ended, or longer than said. */
int ep_request_write(ep_request *r, const void *bytes, size_t len);

/* Whether less than max_buffer is queued. */
bool ep_request_writable(const ep_request *r);

/* Waits until it is. EP_ECLOSED, EP_ETIMEOUT, EP_EBUSY: one at a time. timeout in nanoseconds, 0: none. NULL: no memory. */
ep_op *ep_request_wait_room(ep_request *r, uint64_t timeout);

/* Ends the stream: complete. A stream of a known length that is short of it is cut. */
void ep_request_end(ep_request *r);

/* Cuts the connection at once, so that the peer sees an incomplete response, or none. */
void ep_request_abort(ep_request *r);

/* The same, once what was written to a stream has gone out; nothing more can be written. */
void ep_request_cut(ep_request *r);

/* The same as abort, but the peer gets a TCP reset. */
void ep_request_reset(ep_request *r);

#endif
