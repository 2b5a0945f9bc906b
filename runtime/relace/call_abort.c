/* SPDX-License-Identifier: Apache-2.0 */

/* A call that is not wanted any more. A token create may have made a token by then, which is deleted. */
#include "runtime/relace/call_private.h"
#include "runtime/relace/token.h"

/* How long a cancelled token create waits for its answer and for the delete that follows. */
#define UNDO_GRACE (2 * EP_SECOND)

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
	if (!rc) rc = ep_relace_call_send(c, &request);
	ep_http_headers_release(request.headers);
	ep_buf_wipe(&url);
	if (rc)
		ep_relace_call_finish_aborted(c, true);
	else
		ep_op_wait(&c->pub.http->op, on_undone, c);
}

void ep_relace_call_after_abort(call *c)
{
	const ep_http_call *http = c->pub.http;
	bool done = !http->op.result && http->status >= 200 && http->status < 300;
	bool unknown = http->op.result && http->err.maybe_sent;
	if (done && c->makes_token && !ep_loop_closing(c->client->loop)) /* then the HTTP engine is gone */
		undo(c);
	else
		ep_relace_call_finish_aborted(c, c->repeat == EP_REPEAT_ONCE && (done || unknown));
}

void ep_relace_call_abort(ep_op *op)
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
