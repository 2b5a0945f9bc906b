/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/serve/private.h"

/* --- life --- */

void ep_request_unref(ep_request *r)
{
	if (--r->refs) return;
	if (r->response) MHD_destroy_response(r->response);
	ep_fifo_fini(&r->in);
	ep_fifo_fini(&r->out);
	ep_free(r->headers);
	ep_free(r->text);
	ep_free(r->uri);
	ep_free(r);
}

void ep_request_retain(ep_request *r) { r->consumers++; }

/* Nobody will do anything with it any more: what is missing is made up for. */
static void abandon(ep_request *r)
{
	if (!r->connection) return;
	if (!r->answered)
		ep_request_respond(r, 500, NULL, 0, NULL, 0, NULL);
	else if (r->stream && !r->stream_ended)
		ep_request_abort(r);
}

void ep_request_release(ep_request *r)
{
	if (--r->consumers) return;
	abandon(r);
	ep_request_unref(r);
}

/* libmicrohttpd may call again for the next chunk although it was told to wait: to wait twice would break its lists. */
void ep_request_hold(ep_request *r)
{
	if (r->suspended) return;
	r->suspended = true;
	MHD_suspend_connection(r->connection);
}

/* Only what is suspended may be resumed: else libmicrohttpd takes the next suspend for done. */
void ep_request_advance(ep_request *r)
{
	if (!r->connection || !r->suspended) return;
	r->suspended = false;
	MHD_resume_connection(r->connection);
	ep_server_kick(r->server);
}

/* --- waiting --- */

static const char *meaning(const ep_wait *w, int result)
{
	if (w->place == &w->request->writer) return "the peer went away before the end of the response";
	if (result == EP_ETIMEOUT) return "the peer sent nothing more of the request's body in time";
	if (result == EP_ETRUNCATED) return "the peer went away before the end of the request's body";
	return "the request is over, its body can't be read any more";
}

void ep_request_wake(ep_wait *wait, int result)
{
	if (!wait) return;
	*wait->place = NULL;
	if (result) ep_err_set(&wait->err, result, "%s", meaning(wait, result));
	ep_op_finish(&wait->op, result);
}

static void abort_wait(ep_op *op)
{
	ep_wait *w = (ep_wait *)op;
	if (op->why == EP_ETIMEOUT) ep_err_set(&w->err, op->why, "%s", meaning(w, op->why));
	*w->place = NULL;
	ep_op_finish(op, EP_ECANCELLED);
}

static void free_wait(ep_op *op)
{
	ep_wait *w = (ep_wait *)op;
	ep_err_fini(&w->err);
	ep_request_unref(w->request);
	ep_free(w);
}

static void describe_wait(const ep_op *op, ep_buf *text)
{
	const ep_request *r = ((const ep_wait *)op)->request;
	ep_buf_printf(text, "%s %s of %s", r->method, r->uri, r->remote);
}

static const ep_op_class wait_class = {
	.name = "server request", .abort = abort_wait, .free = free_wait, .describe = describe_wait};

/* An op in place, or, when another one waits there, one that fails. */
ep_op *ep_request_wait(ep_request *r, ep_wait **place, uint64_t timeout)
{
	ep_wait *w = ep_calloc(1, sizeof *w);
	if (!w) return NULL;
	ep_op_init(&w->op, r->loop, &wait_class, &w->err);
	w->request = r;
	r->refs++;
	w->place = place;
	bool busy = *place != NULL;
	ep_wait *other = *place;
	*place = w;
	ep_op_start(&w->op);
	if (busy) {
		*place = other;
		ep_op_finish(&w->op, ep_err_set(&w->err, EP_EBUSY, "another task waits for the same request"));
	} else if (timeout && *place == w && ep_op_deadline(&w->op, timeout)) {
		ep_request_wake(w, EP_ENOMEM);
	}
	return &w->op;
}

/* --- what a handler sees --- */

const char *ep_request_method(const ep_request *r) { return r->method; }
const char *ep_request_path(const ep_request *r) { return r->uri; }
const char *ep_request_query(const ep_request *r) { return r->query ? r->query : ""; }
const char *ep_request_version(const ep_request *r) { return r->version; }
const char *ep_request_remote(const ep_request *r) { return r->remote; }
int64_t ep_request_length(const ep_request *r) { return r->length; }

const ep_header *ep_request_headers(const ep_request *r, size_t *count)
{
	*count = r->header_count;
	return r->headers;
}

const char *ep_request_header(const ep_request *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (!strcmp(r->headers[i].name, name)) return r->headers[i].value;
	return NULL;
}

size_t ep_request_peek(const ep_request *r, const char **data)
{
	*data = ep_fifo_data(&r->in);
	return ep_fifo_len(&r->in);
}

void ep_request_take(ep_request *r, size_t n)
{
	ep_fifo_take(&r->in, n);
	if (r->phase == EP_PHASE_BODY && r->server && ep_fifo_len(&r->in) <= r->server->options.max_buffer / 2)
		ep_request_advance(r);
}

int ep_request_readable(const ep_request *r)
{
	if (ep_fifo_len(&r->in)) return 1;
	if (r->answered && r->body_end != EP_ENOENT) return EP_ECLOSED;
	return r->body_end;
}

ep_op *ep_request_wait_body(ep_request *r, uint64_t timeout)
{
	ep_op *op = ep_request_wait(r, &r->reader, timeout);
	if (!op || !ep_op_open(op)) return op;
	int rc = ep_request_readable(r);
	if (rc) {
		ep_request_wake(r->reader, rc == EP_ENOENT || rc > 0 ? 0 : rc);
		return op;
	}
	r->wanted = true;
	if (r->phase == EP_PHASE_HELD) ep_request_advance(r);
	return op;
}
