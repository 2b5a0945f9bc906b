/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_CALL_H
#define EP_RELACE_CALL_H

/* One call of the API: its attempts, the waits between them, and the error that it ends with, as one op.
 *
 * Life: the op's. Thread: the loop's. Owner: the consumer of the op. A request and its texts are only read by
 * ep_relace_start; a body belongs to the call from then on, also when the start fails.
 * Errors of a call: what ep_http_start names, and by status bad_request, authentication, permission, not_found,
 * method_not_allowed, timeout, conflict, too_large, unprocessable, locked, rate_limit, server, other_status; in_doubt
 * when a call that must not happen twice may have happened. No text of them holds a secret. */

#include "runtime/relace/client.h"
#include "runtime/relace/options.h"
#include "runtime/relace/retry.h"

/* A body that is produced while it is sent. */
typedef struct ep_relace_source {
	const ep_http_source *source; /* its rewind is what makes a second attempt possible */
	void *ctx;
	int64_t len;
	const ep_err *(*error)(void *ctx); /* why a read failed, in words; NULL: nothing to say */
	void (*close)(void *ctx);          /* called once, when the call does not need it any more */
	void (*sent)(
		void *ctx, ep_http_call *http); /* an attempt begins, which ep_http_more may be told of; NULL: no matter */
} ep_relace_source;

enum { EP_RELACE_NO_BODY, EP_RELACE_JSON, EP_RELACE_BYTES, EP_RELACE_JSON_STREAM, EP_RELACE_BYTES_STREAM };

typedef struct ep_relace_request {
	const char *method; /* static text */
	const char *path;   /* below the base URL, with its '/', encoded; a query may follow */
	size_t path_len;
	ep_repeat repeat;
	int body;                /* EP_RELACE_... */
	ep_buf bytes;            /* of JSON and BYTES; taken */
	ep_relace_source source; /* of ..._STREAM; closed by the call */
	ep_relace_options options;
	ep_relace_text content_type; /* NULL: that of the kind of body */
	ep_http_headers *headers;    /* prepared already; a count is taken. NULL: made of the client's and the options' */
	uint64_t max_body;           /* of the answer; 0: 64 MiB, of a streamed one no limit */
	uint64_t stall_timeout;      /* ns without a byte, either way; 0: the client's */
	uint64_t not_yet;            /* ns for which a 404 is asked again: what it misses may still come; 0: it is final */
	const char *accept;          /* static text: the type that is wanted; NULL: JSON */
	bool stream;       /* the op ends with the head of a success: the body is read from call->http, see below */
	bool bulk;         /* sends many files: the longer default timeout */
	bool gone_is_done; /* 404 is success: a delete */
	bool makes_token;  /* cancelled, it deletes the token that its answer brings */
	const char *doubt; /* static text: what to do when it is not known whether it was done; NULL: a general one */
} ep_relace_request;

/* A request with the options given, or the client's for NULL. */
static inline ep_relace_request ep_relace_request_of(
	const char *method, const char *path, size_t len, ep_repeat repeat, const ep_relace_options *options)
{
	return (ep_relace_request){.method = method,
		.path = path,
		.path_len = len,
		.repeat = repeat,
		.options = options ? *options : EP_RELACE_NO_OPTIONS};
}

/* Of a streamed call the timeout and the deadline end with the head; what is read afterwards is never repeated. The body is
 * read with ep_http_read_start(&read, call->http, ...). Releasing the call ends the transfer: an open read of it, which
 * its reader still counts, ends with EP_ECLOSED. */
typedef struct ep_relace_call {
	ep_op op; /* consumer: ep_op_wait, ep_op_cancel, ep_op_release */
	ep_err err;
	int status;         /* of the last answer; 0: there was none */
	int attempts;       /* made so far */
	ep_buf body;        /* of a successful answer, unless it is streamed; the consumer may take it */
	ep_http_call *http; /* the last attempt, for its headers; NULL before the first */
} ep_relace_call;

/* Starts a call. EP_EINVAL for options that cannot be and EP_ENOMEM at once, all else by the op. */
int ep_relace_start(ep_relace_call **out, ep_relace_client *client, ep_relace_request *request, ep_err *err);

/* Begins anew a streamed call without a body whose answer has broken off with `code`: after a wait, and only if the policy of
 * its retries says so, which counts what was tried before. Else returns `code`. */
int ep_relace_call_again(ep_relace_call **out, const ep_relace_call *broken, int code, ep_err *err);

/* Fills err for a call whose answer, a success, is not what it should be; why: a few words. Returns EP_EJSON. */
int ep_relace_no_json(ep_err *err, const ep_relace_call *call, const char *why);

/* The same for a part of a streamed answer. */
int ep_relace_bad_part(ep_err *err, const ep_relace_call *call, const char *why, const char *part, size_t len);

/* Adds to err what is known of the call: operation, status, attempts, request id. */
void ep_relace_call_facts(const ep_relace_call *call, ep_err *err);

/* Gives a request back that will not be started: its body is freed. */
void ep_relace_request_fini(ep_relace_request *request);

#endif
