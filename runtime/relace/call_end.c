/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "runtime/relace/address.h"
#include "runtime/relace/answer.h"
#include "runtime/relace/call_private.h"

#define HELD_SHOWN (20 * EP_MSEC) /* a wait for the rate that is worth a word in the log */

void ep_relace_call_close_body(call *c)
{
	if (c->source.close) c->source.close(c->source.ctx);
	c->source = (ep_relace_source){0};
	ep_buf_fini(&c->bytes);
}

void ep_relace_call_finish(call *c, int result)
{
	ep_timer_stop(c->client->loop, &c->timer);
	if (!c->stream || result) ep_relace_call_close_body(c); /* else it is sent for as long as the answer is read */
	ep_op_finish(&c->pub.op, result);
}

void ep_relace_call_operation(const call *c, ep_buf *text)
{
	ep_buf_puts(text, c->method);
	ep_buf_putc(text, ' ');
	ep_relace_show_path(text, c->url.data + c->client->shown_at, c->url.len - c->client->shown_at);
}

static double number_of(const ep_http_call *http, const char *name)
{
	char room[EP_RELACE_FIELD];
	return ep_retry_number(ep_relace_field(http, name, room));
}

static ep_err_rate rate_of(const ep_http_call *http)
{
	ep_err_rate rate = {.limit = number_of(http, "x-ratelimit-limit"),
		.remaining = number_of(http, "x-ratelimit-remaining"),
		.reset = number_of(http, "x-ratelimit-reset")};
	rate.given = rate.limit >= 0 || rate.remaining >= 0 || rate.reset >= 0;
	return rate;
}

/* What is known of the call, whatever it failed of. */
void ep_relace_call_facts(const ep_relace_call *pub, ep_err *err)
{
	const call *c = (const call *)pub;
	ep_buf text = {0};
	ep_http_field id;
	if (!err) return;
	ep_relace_call_operation(c, &text);
	ep_err_text(&err->operation, ep_buf_text(&text), text.len);
	ep_buf_fini(&text);
	err->attempts = c->pub.attempts;
	err->status = c->pub.status;
	if (!c->pub.http) return;
	err->rate = rate_of(c->pub.http);
	if (ep_http_header_find(c->pub.http, "x-request-id", &id)) ep_err_text(&err->request_id, id.value, id.value_len);
}

void ep_relace_call_fail(call *c)
{
	ep_relace_call_facts(&c->pub, &c->pub.err);
	ep_relace_call_finish(c, c->pub.err.code);
}

/* The call has failed, and may have been carried out: the cause is in err. */
static void doubt(const call *c, ep_err *err, int code)
{
	ep_err cause = {0};
	ep_err_move(&cause, err);
	ep_err_set(err, code, "%s; it may have been carried out: %s", ep_err_message(&cause),
		c->doubt ? c->doubt : "look before you do it again");
	err->detail = cause.detail;
	cause.detail = NULL;
	err->maybe_sent = true;
	ep_err_fini(&cause);
}

void ep_relace_call_finish_aborted(call *c, bool maybe_done)
{
	int why = c->pub.op.why;
	ep_err_fini(&c->pub.err);
	ep_err_set(&c->pub.err, why, why == EP_ETIMEOUT ? "the deadline of the call is over" : "the call was cancelled");
	if (maybe_done) doubt(c, &c->pub.err, why == EP_ETIMEOUT ? EP_EINDOUBT : why);
	ep_relace_call_fail(c);
}

void ep_relace_call_fail_attempt(call *c, const ep_attempt *a, const ep_decision *d)
{
	ep_err *err = &c->pub.err;
	ep_http_call *http = c->pub.http;
	const ep_err *said = a->code && c->source.error ? c->source.error(c->source.ctx) : NULL;
	if (said && said->code == a->code)
		ep_err_set(err, a->code, "%s", ep_err_message(said));
	else if (a->code)
		ep_err_move(err, &http->err);
	else
		ep_answer_error(err, a->status, ep_buf_text(&http->body), http->body.len, c->client->secrets);
	if (!err->code) ep_err_set(err, a->code, "%s", ep_err_slug(a->code));
	if (d->verdict == EP_VERDICT_IN_DOUBT) doubt(c, err, EP_EINDOUBT);
	err->retryable = d->retryable;
	err->retry_after = a->retry_after;
	ep_relace_call_fail(c);
}

/* What cannot be read may still hold the new token, cut or misspelt. */
static bool may_show(const call *c) { return !c->makes_token || !strpbrk(ep_buf_text(&c->pub.body), "{[\""); }

int ep_relace_no_json(ep_err *err, const ep_relace_call *pub, const char *why)
{
	const call *c = (const call *)pub;
	ep_answer_no_json(
		err, pub->status, why, ep_buf_text(&pub->body), may_show(c) ? pub->body.len : 0, c->client->secrets);
	if (c->repeat == EP_REPEAT_ONCE) doubt(c, err, EP_EJSON);
	ep_relace_call_facts(pub, err);
	return EP_EJSON;
}

int ep_relace_bad_part(ep_err *err, const ep_relace_call *pub, const char *why, const char *part, size_t len)
{
	ep_answer_no_json(err, pub->status, why, part, len, ((const call *)pub)->client->secrets);
	ep_relace_call_facts(pub, err);
	return EP_EJSON;
}

void ep_relace_call_log(const call *c, const ep_attempt *a, double again)
{
	const ep_relace_log *log = &c->client->log;
	ep_buf line = {0};
	if (!log->write || !log->wanted(log->arg)) return;
	ep_relace_call_operation(c, &line);
	ep_buf_puts(&line, " -> ");
	if (a->status) ep_buf_printf(&line, "%d", a->status);
	if (a->code) ep_buf_printf(&line, "%s%s", a->status ? ", " : "", ep_err_slug(a->code));
	ep_buf_printf(
		&line, ", %" PRIu64 " ms, attempt %d", (ep_loop_now(c->client->loop) - c->began) / 1000000, c->pub.attempts);
	if (c->held > HELD_SHOWN) ep_buf_printf(&line, ", held back %.2f s", (double)c->held / 1e9);
	if (again >= 0) ep_buf_printf(&line, ", again in %.2f s", again);
	log->write(log->arg, ep_buf_text(&line));
	ep_buf_fini(&line);
}
