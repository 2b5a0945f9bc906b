/* SPDX-License-Identifier: Apache-2.0 */

/* A call is made of a request, or like one before, and freed. */
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/relace/address.h"
#include "runtime/relace/call_private.h"
#include "runtime/relace/query.h"

static void free_call(ep_op *op)
{
	call *c = (call *)op;
	if (c->pub.http) {
		if (c->stream) ep_http_stop(c->pub.http); /* it may still be sending the body */
		ep_op_release(&c->pub.http->op);
	}
	ep_relace_call_close_body(c);
	ep_http_headers_release(c->headers);
	ep_err_fini(&c->pub.err);
	ep_buf_wipe(&c->url); /* a token may stand in it */
	if (c->makes_token)
		ep_buf_wipe(&c->pub.body);
	else
		ep_buf_fini(&c->pub.body);
	ep_relace_client_release(c->client);
	ep_free(c);
}

static void describe(const ep_op *op, ep_buf *text) { ep_relace_call_operation((const call *)op, text); }

static const ep_op_class call_class = {
	.name = "relace", .abort = ep_relace_call_abort, .free = free_call, .describe = describe};

static uint64_t timeout_of(const ep_relace_client *client, const ep_relace_request *request)
{
	if (request->options.timeout) return request->options.timeout;
	if (client->timeout) return client->timeout;
	return request->bulk ? EP_RELACE_BULK_TIMEOUT : EP_RELACE_TIMEOUT;
}

static void fill(call *c, const ep_relace_request *r)
{
	c->method = r->method;
	c->doubt = r->doubt;
	c->repeat = r->options.repeatable ? EP_REPEAT_SAFE : r->repeat;
	c->retry = c->client->retry;
	if (r->options.max_retries >= 0) c->retry.max_retries = r->options.max_retries;
	if (r->options.max_retry_wait >= 0) c->retry.max_wait = r->options.max_retry_wait;
	c->retry.not_yet = (double)r->not_yet / EP_SECOND;
	if (c->client->account) c->retry.max_refused = 3 * c->retry.max_retries;
	c->timeout = timeout_of(c->client, r);
	c->max_body = r->max_body;
	c->stall_timeout = r->stall_timeout;
	c->stream = r->stream;
	c->gone_is_done = r->gone_is_done;
	c->makes_token = r->makes_token;
}

void ep_relace_request_fini(ep_relace_request *request)
{
	if (request->source.close) request->source.close(request->source.ctx);
	request->source = (ep_relace_source){0};
	ep_http_headers_release(request->headers);
	request->headers = NULL;
	ep_buf_fini(&request->bytes);
}

/* The base URL and the path, whose query is joined with the client's and the call's own. */
static int set_url(call *c, const ep_relace_request *r, ep_err *err)
{
	const ep_buf *base = &c->client->url;
	const char *mark = memchr(r->path, '?', r->path_len);
	size_t len = mark ? (size_t)(mark - r->path) : r->path_len;
	const ep_relace_text queries[] = {ep_relace_client_query(c->client),
		{mark ? mark + 1 : NULL, mark ? r->path_len - len - 1 : 0}, r->options.query};
	int rc = ep_relace_check_query(r->options.query.data, r->options.query.len, "query", err);
	if (rc) return rc;
	ep_buf_reserve(&c->url, base->len + r->path_len + r->options.query.len + 1);
	ep_buf_add(&c->url, base->data, base->len);
	ep_buf_add(&c->url, r->path, len);
	ep_query_merge(&c->url, queries, 3);
	return ep_buf_failed(&c->url) ? ep_err_set(err, ep_buf_failed(&c->url), "no memory for a call") : 0;
}

int ep_relace_start(ep_relace_call **out, ep_relace_client *client, ep_relace_request *request, ep_err *err)
{
	call *c = ep_calloc(1, sizeof *c);
	if (!c) {
		ep_relace_request_fini(request);
		return ep_err_set(err, EP_ENOMEM, "no memory for a call");
	}
	ep_op_init(&c->pub.op, client->loop, &call_class, &c->pub.err);
	c->client = ep_relace_client_retain(client);
	c->body = request->body;
	c->bytes = request->bytes;
	c->source = request->source;
	c->headers = request->headers;
	request->bytes = (ep_buf){0};
	request->source = (ep_relace_source){0};
	request->headers = NULL;
	fill(c, request);
	ep_relace_call_turns_init(c);
	int rc = set_url(c, request, err);
	if (!rc && !c->headers) rc = ep_relace_headers(&c->headers, client, request, err);
	if (rc) {
		ep_op_release(&c->pub.op);
		return rc;
	}
	ep_op_start(&c->pub.op);
	if (request->options.deadline && ep_op_deadline(&c->pub.op, request->options.deadline)) {
		ep_err_set(&c->pub.err, EP_ENOMEM, "no memory for a timer");
		ep_relace_call_fail(c);
	} else if (ep_op_open(&c->pub.op)) {
		ep_relace_call_queue(c, 0);
	}
	*out = &c->pub;
	return 0;
}

/* A call that is like another one, but not started. NULL: no memory. */
static call *copy_of(const call *old)
{
	call *c = ep_calloc(1, sizeof *c);
	if (!c) return NULL;
	ep_op_init(&c->pub.op, old->client->loop, &call_class, &c->pub.err);
	c->client = ep_relace_client_retain(old->client);
	c->headers = ep_http_headers_retain(old->headers);
	c->method = old->method;
	c->doubt = old->doubt;
	c->repeat = old->repeat;
	c->retry = old->retry;
	c->timeout = old->timeout;
	c->max_body = old->max_body;
	c->stall_timeout = old->stall_timeout;
	c->stream = old->stream;
	c->pub.attempts = old->pub.attempts;
	if (!ep_buf_add(&c->url, old->url.data, old->url.len)) return c;
	ep_op_release(&c->pub.op);
	return NULL;
}

int ep_relace_call_again(ep_relace_call **out, const ep_relace_call *pub, int code, ep_err *err)
{
	const call *old = (const call *)pub;
	const ep_attempt a = {
		.index = pub->attempts - 1, .code = code, .maybe_sent = true, .should_retry = -1, .waited = old->waited};
	ep_decision d = ep_retry_decide(&old->retry, old->repeat, &a, ep_relace_chance(old->client));
	if (d.verdict != EP_VERDICT_REPEAT || old->body != EP_RELACE_NO_BODY) return code;
	call *c = copy_of(old);
	if (!c) return ep_err_set(err, EP_ENOMEM, "no memory for a call");
	ep_relace_call_log(old, &a, d.wait);
	c->waited = old->waited + d.wait;
	ep_op_start(&c->pub.op);
	if (ep_op_open(&c->pub.op)) ep_relace_call_wait(c, ep_seconds(d.wait));
	*out = &c->pub;
	return 0;
}
