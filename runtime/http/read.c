/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/http/private.h"

static ep_http_read *read_of(ep_op *op) { return (ep_http_read *)(void *)op; }

static void abort_read(ep_op *op)
{
	ep_call_of(read_of(op)->call)->reader = NULL;
	ep_op_finish(op, EP_ECANCELLED);
}

static void free_read(ep_op *op)
{
	ep_http_read *r = read_of(op);
	ep_op_unref(&r->call->op);
	ep_buf_fini(&r->chunk);
	ep_err_fini(&r->err);
	ep_free(r);
}

static void describe_read(const ep_op *op, ep_buf *text)
{
	ep_buf_puts(text, "the answer of ");
	ep_call_describe(&((const ep_http_read *)(const void *)op)->call->op, text);
}

static const ep_op_class read_class = {
	.name = "http read", .abort = abort_read, .free = free_read, .describe = describe_read};

/* --- giving --- */

/* Gives up to max of the waiting bytes: all of them without a copy. */
static int give(ep_call *call, ep_http_read *r)
{
	ep_buf *body = &call->pub.body;
	size_t there = body->len - call->offset, n = r->max && r->max < there ? r->max : there;
	if (call->offset == 0 && n == there) {
		r->chunk = *body;
		*body = (ep_buf){0};
		return 0;
	}
	if (ep_buf_add(&r->chunk, body->data + call->offset, n)) return EP_ENOMEM;
	call->offset += n;
	if (call->offset < body->len) return 0;
	call->offset = 0;
	ep_buf_reset(body);
	return 0;
}

static void copy_failure(ep_err *to, const ep_err *from)
{
	ep_err_set(to, from->code, "%s", ep_err_message(from));
	to->retryable = from->retryable;
	to->maybe_sent = from->maybe_sent;
	to->operation = ep_strdup(from->operation);
}

void ep_read_offer(ep_call *call)
{
	ep_http_read *r = call->reader;
	if (!r) return;
	bool bytes = call->pub.body.len > call->offset;
	if (!bytes && call->http) return;
	int rc = bytes ? give(call, r) : call->end;
	if (!bytes && rc) copy_failure(&r->err, &call->pub.err);
	call->reader = NULL;
	ep_op_finish(&r->op, rc);
}

int ep_http_read_start(ep_http_read **out, ep_http_call *pub, size_t max, ep_err *err)
{
	ep_call *call = ep_call_of(pub);
	if (call->reader) return ep_err_set(err, EP_EBUSY, "another task is reading this answer");
	ep_http_read *r = ep_calloc(1, sizeof *r);
	if (!r) return ep_err_set(err, EP_ENOMEM, "no memory to read an answer");
	ep_op_init(&r->op, pub->op.loop, &read_class, &r->err);
	ep_op_retain(&pub->op);
	r->call = pub;
	r->max = max;
	call->reader = r;
	ep_op_start(&r->op); /* a loop that closes aborts it here */
	ep_read_offer(call);
	if (call->paused && pub->body.len - call->offset < HTTP_STREAM_ROOM / 2) {
		call->paused = false;
		ep_call_unpause(call);
	}
	*out = r;
	return 0;
}

/* --- pauses --- */

void ep_call_unpause(ep_call *call)
{
	if (!call->http || !call->slot) return;
	int pause = (call->paused ? CURLPAUSE_RECV : 0) | (call->upload_paused ? CURLPAUSE_SEND : 0);
	CURLcode rc = curl_easy_pause(call->slot->easy, pause);
	if (rc) ep_call_done(call, rc);
}

void ep_http_more(ep_http_call *pub)
{
	ep_call *call = ep_call_of(pub);
	if (!call->upload_paused) return;
	call->upload_paused = false;
	ep_call_unpause(call);
}

void ep_http_stop(ep_http_call *pub)
{
	ep_call *call = ep_call_of(pub);
	if (!call->http) return;
	ep_call_fail(call, EP_ECLOSED, "the answer was closed before its end");
	ep_call_end(call, EP_ECLOSED);
}

bool ep_http_begun(const ep_http_call *pub)
{
	const ep_call *call = (const ep_call *)(const void *)pub;
	return call->slot || !call->http;
}

bool ep_http_ended(const ep_http_call *pub) { return !((const ep_call *)(const void *)pub)->http; }
