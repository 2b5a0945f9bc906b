/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_SERVE_PRIVATE_H
#define EP_SERVE_PRIVATE_H

/* What the files of this folder share: the structs behind serve.h.
 *
 * Life, Thread, Owner: as in serve.h. */

#include <microhttpd.h>
#include <uv.h>

#include "runtime/serve/fifo.h"
#include "runtime/serve/serve.h"

typedef struct ep_stop ep_stop;

struct ep_server {
	ep_server_options options; /* without zeros; host is not kept */
	ep_loop *loop;
	struct MHD_Daemon *daemon; /* NULL: shut */
	uv_poll_t poll;            /* libmicrohttpd's epoll descriptor */
	uv_idle_t again;           /* active while libmicrohttpd wants to run at once */
	ep_timer timer;            /* its next time-out */
	uint64_t timer_due;
	ep_job run_job;
	ep_job log_job;
	ep_buf log_text;
	ep_node live;    /* ep_request.link: on a connection */
	ep_node fed;     /* ep_request.fed: got bytes of their bodies in this run */
	ep_node waiting; /* ep_request.queued: for an accept */
	ep_node accepts; /* open ops */
	ep_stop *stop;
	unsigned long live_count;
	unsigned connections; /* after the last run */
	unsigned refs;        /* the caller, open handles */
	int port;
	bool stopping;
	char url[80];
};

enum ep_phase {
	EP_PHASE_NEW,
	EP_PHASE_HELD, /* headers are here, nobody has asked for the body */
	EP_PHASE_BODY,
	EP_PHASE_COMPLETE, /* all received */
};

typedef struct ep_wait {
	ep_op op;
	ep_err err;
	ep_request *request;
	struct ep_wait **place; /* request->reader or ->writer, while it waits */
} ep_wait;

struct ep_request {
	ep_node link, queued, fed;
	ep_loop *loop;
	ep_server *server;                 /* NULL once the connection has gone */
	struct MHD_Connection *connection; /* the same */
	unsigned refs;                     /* all holders; consumers have one together */
	unsigned consumers;
	enum ep_phase phase;
	bool suspended;
	bool cut; /* the connection is to end */
	/* the head */
	char *uri, *query, *text;
	const char *method, *version, *remote;
	ep_header *headers;
	size_t header_count;
	/* the body */
	int64_t length;
	uint64_t drained;
	ep_fifo in;
	bool wanted, expects;
	int body_end; /* 0: more may come; EP_ENOENT: all is here; else why not */
	ep_wait *reader;
	/* the response */
	struct MHD_Response *response; /* until it is handed to libmicrohttpd */
	int status;
	bool answered, bodiless, stream, stream_ended;
	bool stream_cut;  /* ends incomplete */
	int64_t out_left; /* of a stream of known length; -1 */
	ep_fifo out;
	ep_wait *writer;
};

/* server.c */
void ep_server_kick(ep_server *s); /* lets libmicrohttpd run in the next turn */

/* accept.c */
void ep_server_offer(ep_server *s, ep_request *r); /* takes a count of the consumer's */
void ep_accepts_refuse(ep_server *s);              /* those that wait end without a request */

/* listen.c: a listening socket, its port and the address as it stands in a URL; or a negative code. */
int ep_listen(const char *host, int port, char *authority, size_t size, int *real_port, ep_err *err);

/* head.c: copies what libmicrohttpd forgets at the end of the request; 0, EP_ENOMEM, EP_ETOOLARGE. */
int ep_head_copy(ep_request *r, struct MHD_Connection *connection, const char *method, const char *version);

/* The status that refuses a request whose length can't be trusted, 0 if it can. libmicrohttpd has checked the digits. */
int ep_head_length(ep_request *r);

/* receive.c: libmicrohttpd's callbacks, cls is the server */
void *ep_on_uri(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result ep_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *size, void **slot);
void ep_on_completed(void *cls, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode why);

/* request.c */
void ep_request_unref(ep_request *r);
void ep_request_hold(ep_request *r);    /* suspends; in a callback of libmicrohttpd */
void ep_request_advance(ep_request *r); /* resumes; in none */
void ep_request_notice(ep_request *r);  /* behind a run that gave it bytes: lets libmicrohttpd see the peer's end */
void ep_request_wake(ep_wait *wait, int result);
ep_op *ep_request_wait(ep_request *r, ep_wait **place, uint64_t timeout);
enum MHD_Result ep_request_refuse(ep_request *r, int status);

/* respond.c */
enum MHD_Result ep_request_send(ep_request *r);

#endif
