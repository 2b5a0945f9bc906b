/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "runtime/http/private.h"

static const uint64_t default_timeout = 120 * EP_SECOND;

static ep_call *call_of(ep_op *op) { return (ep_call *)(void *)op; }

/* --- the end --- */

static void free_body(ep_call *call)
{
	if (call->body.kind == EP_HTTP_TAKEN) ep_free((void *)call->body.data);
	call->body = (ep_http_body){0};
}

static void free_call(ep_op *op)
{
	ep_call *call = call_of(op);
	free_body(call);
	ep_buf_fini(&call->pub.head);
	ep_buf_fini(&call->pub.body);
	ep_err_fini(&call->pub.err);
	ep_http_headers_release(call->own);
	ep_http_headers_release(call->prepared);
	ep_http_profile_release(call->profile);
	if (call->moved) explicit_bzero(call->moved, strlen(call->moved));
	ep_free(call->moved);
	explicit_bzero(call->tail, call->tail_size); /* URLs and bodies hold tokens */
	ep_free(call);
}

/* Gives back the easy handle and the place in the queue or among the running. */
void ep_call_leave(ep_call *call)
{
	ep_http *http = call->http;
	if (call->origin) ep_http_dequeue(http, call);
	if (!call->slot) return;
	curl_multi_remove_handle(http->multi, call->slot->easy);
	ep_slot_put(http, call->slot);
	call->slot = NULL;
}

void ep_call_end(ep_call *call, int code)
{
	ep_http *http = call->http;
	if (!http) return;
	ep_timer_stop(http->loop, &call->timer);
	if (code && call->slot) call->slot->spent = true;
	ep_call_leave(call);
	free_body(call);
	call->http = NULL;
	call->end = code;
	ep_op_finish(&call->pub.op, code);
	ep_read_offer(call);
	ep_op_unref(&call->pub.op); /* the transfer's */
	ep_http_pump(http);
}

static void abort_call(ep_op *op)
{
	ep_call *call = call_of(op);
	ep_call_fail(call, op->why, op->why == EP_ETIMEOUT ? "the request took too long" : "the request was cancelled");
	ep_call_end(call, EP_ECANCELLED);
}

static const ep_op_class http_class = {
	.name = "http", .abort = abort_call, .free = free_call, .describe = ep_call_describe};

void ep_call_done(ep_call *call, CURLcode result)
{
	int code = 0;
	if (result || call->fault)
		code = ep_call_fail_curl(call, result);
	else if (!call->head_done)
		code = ep_call_fail(call, EP_ETRUNCATED, "the answer ends within its headers");
	else if (call->redirecting && !(code = ep_redirect_follow(call)))
		return;
	ep_call_end(call, code);
}

/* --- the clock --- */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Bytes sent and received so far. */
static int64_t progress_of(const ep_call *call)
{
	CURL *easy = call->slot->easy;
	curl_off_t up = 0, down = 0;
	long head = 0, request = 0;
	curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &head);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request);
	return up + down + head + request;
}

/* True when too few bytes moved for too long. A transfer that waits for us is none of that. */
static bool stalled(ep_call *call, uint64_t now)
{
	const ep_http_profile *p = call->profile;
	int64_t bytes = progress_of(call);
	double least_bytes = (double)p->stall_rate * (double)(now - call->progress_at) / 1e9;
	bool grew = bytes > call->progress && (double)(bytes - call->progress) >= least_bytes;
	if (grew || !call->progress_at || call->paused || call->upload_paused) {
		call->progress_at = now;
		call->progress = bytes;
	}
	return now - call->progress_at >= call->stall_timeout;
}

static bool has_deadline(const ep_call *call) { return ep_op_open(&call->pub.op); }

/* True when a streamed answer can't have a reader any more: the transfer alone counts the call. */
bool ep_call_abandoned(const ep_call *call) { return call->pub.op.state == EP_OP_DONE && call->pub.op.refs == 1; }

/* The error of the clock that ran out, 0 while none has. */
static int check_clocks(ep_call *call, uint64_t now)
{
	if (call->fault) return ep_call_fail_curl(call, CURLE_OK);
	if (ep_call_abandoned(call)) return EP_ECLOSED;
	if (has_deadline(call) && now - call->started >= call->timeout) {
		return ep_call_fail(call, EP_ETIMEOUT, "%s within %.3g s (timeout)",
			call->connected ? "no complete answer" : "no connection", (double)call->timeout / 1e9);
	}
	if (!call->connected && now - call->hop_started >= call->connect_timeout) {
		return ep_call_fail(
			call, EP_ETIMEOUT, "no connection within %.3g s (connect_timeout)", (double)call->connect_timeout / 1e9);
	}
	if (call->connected && stalled(call, now)) {
		return ep_call_fail(call, EP_ETIMEOUT, "the transfer stood still for %.3g s (stall_timeout)",
			(double)call->stall_timeout / 1e9);
	}
	return 0;
}

static void on_clock(ep_timer *timer);

static int arm_clock(ep_call *call, uint64_t now)
{
	uint64_t stall = call->stall_timeout, next = stall / 4 + EP_MSEC;
	if (call->connected && call->progress_at) next = least(next, call->progress_at + stall - now);
	if (has_deadline(call)) next = least(next, call->started + call->timeout - now);
	if (!call->connected) next = least(next, call->hop_started + call->connect_timeout - now);
	return ep_timer_start(call->http->loop, &call->timer, next, on_clock);
}

static void on_clock(ep_timer *timer)
{
	ep_call *call = EP_CONTAINER(timer, ep_call, timer);
	uint64_t now = ep_loop_now(call->http->loop);
	int code = check_clocks(call, now);
	if (!code && arm_clock(call, now)) code = ep_call_fail(call, EP_ENOMEM, "not enough memory");
	if (code) ep_call_end(call, code);
}

void ep_call_break(ep_call *call, int code)
{
	if (!call->origin) return; /* it is ending already */
	call->fault = code;
	ep_timer_start(call->http->loop, &call->timer, 0, on_clock);
}

/* --- the start --- */

static void begin_hop(ep_call *call)
{
	uint64_t now = ep_loop_now(call->http->loop);
	if (!call->started) call->started = now;
	call->hop_started = now;
	call->progress_at = 0;
	call->progress = 0;
	call->received = 0;
	call->sockets = call->sends = call->interim = 0;
	call->connected = call->blocked = call->head_done = call->redirecting = false;
	call->pub.status = 0;
}

static int run(ep_call *call)
{
	ep_http *http = call->http;
	int rc = ep_multi_open(http, &call->pub.err);
	if (rc) return rc;
	if (!(call->slot = ep_slot_get(http, call->profile))) return EP_ENOMEM;
	call->origin->active++;
	http->active_count++;
	ep_list_push(&http->active, &call->link);
	begin_hop(call);
	rc = ep_slot_prepare(call->slot, call);
	if (!rc) rc = arm_clock(call, call->hop_started);
	return rc ? rc : curl_multi_add_handle(http->multi, call->slot->easy) ? EP_ENOMEM : 0;
}

void ep_call_run(ep_call *call)
{
	if (run(call)) ep_call_end(call, ep_call_fail(call, EP_ENOMEM, "no memory for an HTTP request"));
}

static int check_method(const char *method, ep_err *err)
{
	size_t len = strlen(method);
	for (size_t i = 0; i < len; i++) {
		if (isalnum((unsigned char)method[i]) || strchr("!#$%&'*+-.^_`|~", method[i])) continue;
		return ep_err_set(
			err, EP_EINVAL, "the method holds the byte %02X, which no method may", (unsigned char)method[i]);
	}
	if (len == 0 || len >= METHOD_MAX) return ep_err_set(err, EP_EINVAL, "the method is empty or too long");
	if (!strcmp(method, "CONNECT")) return ep_err_set(err, EP_EINVAL, "the method CONNECT is for proxies");
	return 0;
}

static int check_request(const ep_http_request *r, ep_err *err)
{
	const ep_http_body *body = &r->body;
	int rc = ep_http_url_check(r->url, strlen(r->url), err);
	if (!rc && r->method) rc = check_method(r->method, err);
	if (rc) return rc;
	bool head = r->method && !strcmp(r->method, "HEAD");
	if (head && body->kind != EP_HTTP_NONE) return ep_err_set(err, EP_EINVAL, "a HEAD request has no body");
	if (body->kind != EP_HTTP_SOURCE && body->kind != EP_HTTP_NONE && (body->len < 0 || (body->len && !body->data)))
		return ep_err_set(err, EP_EINVAL, "the body has no length");
	return 0;
}

/* A call with copies of the URL, the method and a copied body behind it: one allocation. */
static ep_call *new_call(const ep_http_request *r)
{
	const char *method = r->method ? r->method : "GET";
	size_t url = strlen(r->url) + 2, name = strlen(method) + 1;
	size_t body = r->body.kind == EP_HTTP_COPIED ? (size_t)r->body.len : 0;
	ep_call *call = ep_alloc(sizeof *call + url + name + body);
	if (!call) return NULL;
	memset(call, 0, sizeof *call);
	call->tail_size = url + name + body;
	ep_url_copy(call->tail, r->url);
	call->url = call->tail;
	call->method = memcpy(call->tail + url, method, name);
	call->body = r->body;
	if (body) call->body.data = memcpy(call->tail + url + name, r->body.data, body);
	return call;
}

static void set_options(ep_call *call, const ep_http_request *r)
{
	call->timeout = r->timeout ? r->timeout : default_timeout;
	call->connect_timeout = r->connect_timeout ? r->connect_timeout : call->profile->connect_timeout;
	call->stall_timeout = r->stall_timeout ? r->stall_timeout : call->profile->stall_timeout;
	call->max_body = r->max_body || r->stream ? r->max_body : HTTP_BODY_MAX;
	call->max_redirects = r->max_redirects;
	call->once = r->once;
	call->stream = r->stream;
	call->stream_success = r->stream_success;
	if (r->headers) call->prepared = ep_http_headers_retain(r->headers);
}

static int choose_profile(ep_http *http, ep_call *call, ep_http_profile *profile, ep_err *err)
{
	static const ep_http_settings settings = {0};
	if (!profile && !http->plain) {
		int rc = ep_http_profile_new(&http->plain, &settings, err);
		if (rc) return rc;
	}
	call->profile = ep_http_profile_retain(profile ? profile : http->plain);
	return 0;
}

int ep_http_start(ep_http_call **out, ep_http *http, const ep_http_request *request, ep_err *err)
{
	ep_call *call = NULL;
	int rc = check_request(request, err);
	if (rc) goto fail;
	rc = EP_ENOMEM;
	if (!(call = new_call(request))) goto fail;
	ep_op_init(&call->pub.op, http->loop, &http_class, &call->pub.err);
	ep_node_init(&call->link);
	if ((rc = choose_profile(http, call, request->profile, err))) goto fail;
	set_options(call, request);
	if ((rc = ep_headers_join(call, request->extra, request->extra_count, err))) goto fail;
	rc = EP_ENOMEM;
	ep_origin *origin = ep_origin_get(http, call->url);
	if (!origin) goto fail;
	call->http = http;
	ep_op_retain(&call->pub.op); /* the transfer's */
	ep_op_start(&call->pub.op);  /* a loop that closes aborts it here */
	*out = &call->pub;
	if (!call->http) return 0;
	call->origin = origin;
	ep_http_enqueue(http, call);
	return 0;
fail:
	if (call)
		ep_op_unref(&call->pub.op);
	else if (request->body.kind == EP_HTTP_TAKEN)
		ep_free((void *)request->body.data);
	return ep_err_set(err, rc, "no memory for an HTTP request");
}
