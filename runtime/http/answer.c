/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "runtime/http/private.h"

enum { FIRST_HEAD = 512, MAX_FIRST_BODY = 1 << 20 };

/* Stops the transfer from inside of a callback: what it returns is not what libcurl wants to see. */
static size_t stop(ep_call *call, int code, const char *text)
{
	call->fault = code;
	call->fault_text = text;
	return 0;
}

/* --- the head --- */

static bool begins_answer(const char *line, size_t len) { return len > 5 && !memcmp(line, "HTTP/", 5); }

static bool is_interim(const ep_call *call) { return call->pub.status / 100 == 1; }

static int status_of(const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);
	return space && line + len - space > 3 ? (int)strtol(space + 1, NULL, 10) : 0;
}

static size_t begin_answer(ep_call *call, const char *line, size_t len)
{
	if (call->pub.status && ++call->interim > HTTP_INTERIM_MAX)
		return stop(call, EP_EPROTOCOL, "the server sent too many interim answers");
	ep_buf_reset(&call->pub.head);
	call->pub.status = status_of(line, len);
	if (!call->pub.head.room && !ep_buf_reserve(&call->pub.head, FIRST_HEAD)) return stop(call, EP_ENOMEM, NULL);
	return len;
}

/* An answer of which only the success was to be streamed is a whole one from here on, with the limits of those. */
static void choose_stream(ep_call *call)
{
	if (!call->stream_success || call->pub.status / 100 == 2) return;
	call->stream = false;
	if (!call->max_body) call->max_body = HTTP_BODY_MAX;
}

static size_t end_head(ep_call *call, size_t len)
{
	if (is_interim(call)) return len;
	call->head_done = true;
	int rc = ep_redirect_check(call);
	if (rc < 0) return stop(call, rc, NULL);
	call->redirecting = rc > 0;
	if (!call->redirecting) choose_stream(call);
	if (call->stream && !call->redirecting) ep_op_finish(&call->pub.op, 0);
	return len;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
	ep_call *call = ((ep_slot *)user)->call;
	size_t len = size * count;
	if (call->head_done) return len; /* a trailer */
	if (begins_answer(line, len)) return begin_answer(call, line, len);
	if (len <= 2) return end_head(call, len);
	if (call->pub.head.len + len > HTTP_HEAD_MAX)
		return stop(call, EP_EPROTOCOL, "the headers of the answer are too long");
	return ep_buf_add(&call->pub.head, line, len) ? stop(call, EP_ENOMEM, NULL) : len;
}

/* --- the body --- */

/* Room for the whole body at its first bytes, when the server tells its length. */
static void expect_body(ep_call *call, size_t len)
{
	curl_off_t all = -1;
	curl_easy_getinfo(call->slot->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &all);
	if (all > (curl_off_t)len && all <= MAX_FIRST_BODY) ep_buf_reserve(&call->pub.body, (size_t)all);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
	ep_call *call = ((ep_slot *)user)->call;
	ep_buf *body = &call->pub.body;
	size_t len = size * count;
	if (call->redirecting) return len;
	if (ep_call_abandoned(call)) return stop(call, EP_ECLOSED, NULL);
	if (call->stream && body->len - call->offset >= HTTP_STREAM_ROOM) {
		call->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	call->received += len;
	if (call->max_body && call->received > call->max_body) return stop(call, EP_ETOOLARGE, NULL);
	if (!body->data && !call->stream) expect_body(call, len);
	if (ep_buf_add(body, bytes, len)) return stop(call, EP_ENOMEM, NULL);
	ep_read_offer(call);
	return len;
}

void ep_answer_options(CURL *easy, ep_slot *slot)
{
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
}

/* --- looking at headers --- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void trim(ep_http_field *f)
{
	while (f->value_len && is_blank(f->value[0])) f->value++, f->value_len--;
	while (f->value_len && is_blank(f->value[f->value_len - 1])) f->value_len--;
}

bool ep_http_header_next(const ep_http_call *call, size_t *at, ep_http_field *f)
{
	while (*at < call->head.len) {
		const char *line = call->head.data + *at;
		const char *end = memchr(line, '\n', call->head.len - *at);
		size_t len = end ? (size_t)(end - line) + 1 : call->head.len - *at;
		const char *colon = memchr(line, ':', len);
		*at += len;
		if (!colon || colon == line) continue;
		*f = (ep_http_field){.name = line, .name_len = (size_t)(colon - line), .value = colon + 1};
		f->value_len = len - f->name_len - 1;
		trim(f);
		return true;
	}
	return false;
}

bool ep_http_header_find(const ep_http_call *call, const char *name, ep_http_field *f)
{
	size_t len = strlen(name);
	for (size_t at = 0; ep_http_header_next(call, &at, f);)
		if (f->name_len == len && !strncasecmp(f->name, name, len)) return true;
	return false;
}
