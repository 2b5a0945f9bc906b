/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_HTTP_PRIVATE_H
#define EP_HTTP_PRIVATE_H

/* The engine's own structs, for the files of this folder alone.
 *
 * Life: an engine owns its origins, sockets and easy handles; a call is counted, one count is the transfer's.
 * Thread, Owner: as in http.h. */

#include <curl/curl.h>

#include "runtime/base/mem.h"
#include "runtime/http/http.h"
#include "runtime/loop/loop.h"

enum {
	HTTP_STREAM_ROOM = 256 * 1024, /* bytes of a streamed answer that wait for a reader */
	HTTP_HEAD_MAX = 256 * 1024,    /* bytes of the headers of one answer */
	HTTP_INTERIM_MAX = 100,        /* answers with status 1xx before the real one */
	HTTP_ORIGINS_IDLE = 64,        /* origins remembered while nothing is open to them */
	HTTP_SLOTS_IDLE = 256,         /* easy handles kept for the next calls */
	METHOD_MAX = 32,
	ORIGIN_MAX = 320,
	HTTP_BODY_MAX = 64 << 20, /* bytes of an answer that is not streamed, unless the request says otherwise */
};

/* Where requests go: scheme, host and port. */
typedef struct ep_origin {
	ep_node link;    /* in ep_http.origins */
	ep_node waiting; /* ep_call.link, first come first served */
	ep_node pending; /* in ep_http.pending while it has waiting calls */
	unsigned users;  /* calls that wait or run */
	unsigned active; /* transfers */
	unsigned socks;  /* open connections */
	unsigned idle;   /* those of them without a transfer */
	size_t len;
	char text[]; /* "https://host:443", lower case */
} ep_origin;

/* An easy handle, configured for a profile, and what is set on it now. */
typedef struct ep_slot {
	ep_node link; /* in ep_http.idle */
	CURL *easy;
	ep_http_profile *profile;
	struct ep_call *call;    /* NULL: idle */
	CURLU *base;             /* the parsed URL of `origin`, for requests that are sent to it directly */
	char origin[ORIGIN_MAX]; /* "" when the URL of a request is set as a whole */
	char custom[METHOD_MAX];
	long upload_room;
	bool connects, http1;
	bool spent; /* libcurl counts the dead connections a handle met over its whole life, and gives up at the sixth */
	char words[CURL_ERROR_SIZE];
} ep_slot;

struct ep_http {
	ep_loop *loop;
	const ep_secrets *secrets;
	CURLM *multi; /* NULL until the first call */
	ep_timer timer;
	ep_job kick;            /* a timeout of zero, outside of libcurl's callback */
	struct ep_sock **socks; /* by descriptor */
	size_t sock_room;
	ep_node origins, pending, active, idle;
	unsigned origin_count, active_count, idle_count;
	unsigned per_host, total;
	bool pumping, closing;
	ep_http_profile *plain; /* the default profile, made at its first use */
};

struct ep_http_profile {
	unsigned count;
	uint64_t connect_timeout, stall_timeout, stall_rate;
	bool http2, public_only, direct; /* direct: no proxy is to be looked for */
	char *agent_line, *ca_file, *ca_dir, *proxy;
};

struct ep_http_headers {
	unsigned count;
	size_t size, lines;
	struct curl_slist *first; /* an array in this allocation, the texts behind it */
	bool has_agent;
};

typedef struct ep_call {
	ep_http_call pub;
	ep_http *http; /* NULL when the transfer is over */
	ep_node link;  /* in origin->waiting or http->active */
	ep_origin *origin;
	ep_slot *slot; /* NULL: waits in the queue */
	ep_http_profile *profile;
	ep_http_headers *prepared, *own; /* the caller's; those of this call, which may refer to lines of the former */
	struct curl_slist agent, *lines; /* what is sent: the profile's User-Agent first, unless the lists have one */
	const char *url, *method;        /* in the tail, or moved */
	char *moved;                     /* where a redirect led */
	ep_http_body body;
	ep_timer timer;
	uint64_t timeout, connect_timeout, stall_timeout, max_body;
	uint64_t started, hop_started; /* ns; 0: not yet */
	uint64_t progress_at;          /* when `progress` was last seen to grow as it should */
	int64_t progress;              /* bytes sent and received then */
	uint64_t received;             /* bytes of the decoded body */
	size_t offset;                 /* bytes of pub.body that a reader had already */
	ep_http_read *reader;
	const char *fault_text; /* why a callback of ours stopped libcurl, with `fault` */
	int fault;              /* 0: none did */
	int end;                /* how a streamed body ended */
	int max_redirects;
	int socket;       /* the one that was opened for it, -1: there are more */
	unsigned sockets; /* opened for it and not known to stand */
	unsigned sends;   /* times the request was about to be sent */
	unsigned interim; /* answers before the real one */
	bool once, stream, stream_success;
	bool blocked; /* an address of the host is not for it */
	bool connected, head_done, redirecting, paused, upload_paused;
	size_t tail_size;
	char tail[];
} ep_call;

static inline ep_call *ep_call_of(const ep_http_call *pub) { return (ep_call *)(void *)pub; }

/* multi.c: libcurl's multi handle on the loop */
int ep_multi_open(ep_http *http, ep_err *err);
void ep_multi_close(ep_http *http);
void ep_multi_options(ep_http *http, ep_slot *slot);
void ep_multi_settle(ep_call *call);

/* url.c: of URLs that were checked */
int ep_origin_text(char to[ORIGIN_MAX], const char *url);
void ep_url_copy(char *to, const char *url); /* with a path, without a fragment; at most 1 byte longer */
const char *ep_url_target(const char *url);  /* path and query of such a copy */

/* http.c: which call may run */
ep_origin *ep_origin_get(ep_http *http, const char *url);
void ep_origin_trim(ep_http *http, ep_origin *origin);
void ep_http_enqueue(ep_http *http, ep_call *call);
void ep_http_dequeue(ep_http *http, ep_call *call);
void ep_http_pump(ep_http *http);

/* easy.c: easy handles, and what a request sets on them */
ep_slot *ep_slot_get(ep_http *http, ep_http_profile *profile);
void ep_slot_put(ep_http *http, ep_slot *slot);
void ep_slot_free(ep_slot *slot);
int ep_slot_prepare(ep_slot *slot, ep_call *call);

/* answer.c: what becomes of the bytes of an answer */
void ep_answer_options(CURL *easy, ep_slot *slot);

/* read.c: streamed bodies, and pauses */
void ep_read_offer(ep_call *call);
void ep_call_unpause(ep_call *call);

/* call.c: the life of a call */
bool ep_call_abandoned(const ep_call *call);
void ep_call_run(ep_call *call);
void ep_call_done(ep_call *call, CURLcode result);
void ep_call_end(ep_call *call, int code);
void ep_call_break(ep_call *call, int code); /* also from inside of libcurl's callbacks: ends it by its timer */
void ep_call_leave(ep_call *call);

/* errors.c */
int ep_call_fail(ep_call *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int ep_call_fail_curl(ep_call *call, CURLcode result);
void ep_call_describe(const ep_op *op, ep_buf *text);

/* headers.c */
int ep_headers_join(ep_call *call, const ep_http_header *extra, size_t count, ep_err *err);
int ep_headers_cross_origin(ep_call *call);

/* redirect.c */
int ep_redirect_check(ep_call *call);
int ep_redirect_follow(ep_call *call);

#endif
