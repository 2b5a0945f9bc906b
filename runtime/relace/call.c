/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/call_private.h"

#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/relace/address.h"
#include "runtime/relace/query.h"
#include "runtime/relace/token.h"

/* How long a cancelled token create waits for its answer and for the delete that follows. */
#define UNDO_GRACE (2 * EP_SECOND)

/* --- an attempt has ended --- */

static void succeed(call *c)
{
	if (c->pub.status < 300 && !c->stream) {
		c->pub.body = c->pub.http->body;
		c->pub.http->body = (ep_buf){0};
	}
	ep_relace_call_finish(c, 0);
}

static void on_due(ep_timer *timer);

static void wait_then(call *c, int phase, uint64_t delay)
{
	c->phase = (unsigned char)phase;
	if (ep_timer_start(c->client->loop, &c->timer, delay, on_due)) {
		ep_err_set(&c->pub.err, EP_ENOMEM, "no memory for a timer");
		ep_relace_call_fail(c);
	}
}

/* in_turn: the queue knows better when. */
static void repeat(call *c, const ep_attempt *a, const ep_decision *d, bool in_turn)
{
	int rc;
	if (c->source.source && (rc = c->source.source->rewind ? c->source.source->rewind(c->source.ctx) : EP_EIO)) {
		ep_relace_call_fail_attempt(c, a, d);
		return;
	}
	if (in_turn) {
		ep_relace_call_queue(c, d->wait);
		return;
	}
	if (d->not_yet) {
		c->misses++;
		c->missed += d->wait;
	} else {
		c->waited += d->wait;
	}
	wait_then(c, PHASE_WAIT, ep_seconds(d->wait));
}

static void after_abort(call *c);

/* Nothing of it was sent: it waits for its turn again. */
static bool came_back(call *c)
{
	bool back = c->recalled && c->pub.http->op.result == EP_ECANCELLED;
	c->recalled = false;
	if (!back) return false;
	c->pub.attempts--;
	ep_relace_call_settle(c, NULL);
	ep_relace_call_queue(c, 0);
	return true;
}

static void judge(call *c)
{
	ep_attempt a = ep_relace_call_attempt(c);
	ep_decision d = ep_retry_decide(&c->retry, c->repeat, &a, ep_relace_chance(c->client));
	bool gone = c->gone_is_done && a.status == 404 && !a.code;
	bool in_turn = ep_relace_call_settle(c, &a);
	if (in_turn && !(a.retry_after > 0)) d.wait = 0;
	if (a.status == 429 && d.verdict == EP_VERDICT_REPEAT && ep_relace_call_too_late(c, d.wait))
		d.verdict = EP_VERDICT_FAIL;
	ep_relace_call_log(c, &a, d.verdict == EP_VERDICT_REPEAT && !gone ? d.wait : -1);
	if (d.verdict == EP_VERDICT_OK || gone)
		succeed(c);
	else if (d.verdict == EP_VERDICT_REPEAT)
		repeat(c, &a, &d, in_turn);
	else
		ep_relace_call_fail_attempt(c, &a, &d);
}

static void on_answer(ep_op *op)
{
	call *c = op->owner;
	c->pub.status = c->pub.http->status;
	if (c->pub.op.state == EP_OP_ENDING) {
		ep_relace_call_settle(c, NULL);
		after_abort(c);
	} else if (!came_back(c)) {
		judge(c);
	}
}

/* --- an attempt --- */

static void set_body(call *c, ep_http_request *request)
{
	switch (c->body) {
	case EP_RELACE_NO_BODY: break;
	case EP_RELACE_JSON:
	case EP_RELACE_BYTES:
		request->body =
			(ep_http_body){.kind = EP_HTTP_BORROWED, .data = ep_buf_text(&c->bytes), .len = (int64_t)c->bytes.len};
		break;
	default:
		request->body = (ep_http_body){
			.kind = EP_HTTP_SOURCE, .source = c->source.source, .ctx = c->source.ctx, .len = c->source.len};
	}
}

/* Sends a request, in place of the one before. */
static int send_request(call *c, ep_http_request *request)
{
	ep_http_call *http;
	int rc = ep_http_start(&http, c->client->http, request, &c->pub.err);
	if (rc) return rc;
	if (c->pub.http) ep_op_release(&c->pub.http->op);
	c->pub.http = http;
	if (c->source.sent) c->source.sent(c->source.ctx, http);
	ep_op_wait(&http->op, on_answer, c);
	return 0;
}

void ep_relace_call_launch(call *c)
{
	ep_http_request request = {.profile = c->client->profile,
		.method = c->method,
		.url = c->url.data,
		.headers = c->headers,
		.timeout = c->timeout,
		.stall_timeout = c->stall_timeout,
		.max_body = c->max_body,
		.once = c->repeat == EP_REPEAT_ONCE,
		.stream = c->stream,
		.stream_success = true};
	set_body(c, &request);
	c->phase = PHASE_SENT;
	c->pub.attempts++;
	c->began = ep_loop_now(c->client->loop);
	c->held = c->began - c->queued_at;
	if (send_request(c, &request)) {
		ep_relace_call_settle(c, NULL);
		ep_relace_call_fail(c);
	}
}

static void on_due(ep_timer *timer) { ep_relace_call_queue(EP_CONTAINER(timer, call, timer), 0); }

/* --- abort --- */

/* The answer and the delete took too long: a token may be left. */
static void on_grace(ep_timer *timer)
{
	call *c = EP_CONTAINER(timer, call, timer);
	ep_op_cancel(&c->pub.http->op, EP_ECANCELLED);
}

static void on_undone(ep_op *op)
{
	call *c = op->owner;
	int status = c->pub.http->status;
	bool gone = !op->result && ((status >= 200 && status < 300) || status == 404);
	ep_relace_call_finish_aborted(c, !gone);
}

/* Deletes the token that the answer of a cancelled create has brought. */
static void undo(call *c)
{
	ep_http_call *created = c->pub.http;
	ep_http_request request = {.profile = c->client->profile, .method = "DELETE", .timeout = UNDO_GRACE};
	ep_buf url = {0};
	ep_buf_add(&url, c->client->url.data, c->client->url.len);
	int rc = ep_relace_token_path_of_answer(&url, created->body.data, created->body.len);
	ep_buf_wipe(&created->body);
	request.url = ep_buf_text(&url);
	c->phase = PHASE_UNDO;
	if (!rc) rc = ep_relace_headers(&request.headers, c->client, NULL, NULL);
	if (!rc) rc = send_request(c, &request);
	ep_http_headers_release(request.headers);
	ep_buf_wipe(&url);
	if (rc)
		ep_relace_call_finish_aborted(c, true);
	else
		ep_op_wait(&c->pub.http->op, on_undone, c);
}

static void after_abort(call *c)
{
	const ep_http_call *http = c->pub.http;
	bool done = !http->op.result && http->status >= 200 && http->status < 300;
	bool unknown = http->op.result && http->err.maybe_sent;
	if (done && c->makes_token && !ep_loop_closing(c->client->loop)) /* then the HTTP engine is gone */
		undo(c);
	else
		ep_relace_call_finish_aborted(c, c->repeat == EP_REPEAT_ONCE && (done || unknown));
}

static void abort_call(ep_op *op)
{
	call *c = (call *)op;
	if (c->phase == PHASE_WAIT || c->phase == PHASE_TURN) {
		ep_relace_call_leave(c);
		ep_relace_call_finish_aborted(c, false);
		return;
	}
	bool patient = c->makes_token && op->why != EP_ECLOSED && ep_http_begun(c->pub.http);
	if (patient && !ep_timer_start(c->client->loop, &c->timer, UNDO_GRACE, on_grace))
		ep_op_linger(op);
	else
		ep_op_cancel(&c->pub.http->op, op->why);
}

/* --- start --- */

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

static const ep_op_class call_class = {.name = "relace", .abort = abort_call, .free = free_call, .describe = describe};

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
	if (ep_op_open(&c->pub.op)) wait_then(c, PHASE_WAIT, ep_seconds(d.wait));
	*out = &c->pub;
	return 0;
}
