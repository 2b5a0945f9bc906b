/* SPDX-License-Identifier: Apache-2.0 */

/* A call that is under way: an attempt goes out, its answer is judged, the next one follows. */
#include "runtime/relace/call_private.h"

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

void ep_relace_call_wait(call *c, uint64_t delay)
{
	c->phase = PHASE_WAIT;
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
	ep_relace_call_wait(c, ep_seconds(d->wait));
}

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
		ep_relace_call_after_abort(c);
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

int ep_relace_call_send(call *c, ep_http_request *request)
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
	if (ep_relace_call_send(c, &request)) {
		ep_relace_call_settle(c, NULL);
		ep_relace_call_fail(c);
	}
}

static void on_due(ep_timer *timer) { ep_relace_call_queue(EP_CONTAINER(timer, call, timer), 0); }
