/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* --- the head --- */

typedef struct head {
	ep_header *headers; /* NULL: only count */
	char *to;
	size_t count, bytes;
} head;

static const char *put(head *h, const char *text, size_t len, bool lower)
{
	char *at = h->to;
	h->bytes += len + 1;
	if (!h->headers) return NULL;
	for (size_t i = 0; i < len; i++) at[i] = lower ? (char)tolower((unsigned char)text[i]) : text[i];
	at[len] = '\0';
	h->to += len + 1;
	return at;
}

static enum MHD_Result on_header(
	void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
	(void)kind;
	head *h = cls;
	const char *own_name = put(h, name, name_len, true);
	const char *own_value = put(h, value ? value : "", value ? value_len : 0, false);
	if (h->headers) h->headers[h->count] = (ep_header){own_name, own_value};
	h->count++;
	return MHD_YES;
}

static void print_peer(struct MHD_Connection *connection, char *text, size_t size)
{
	char host[64] = "";
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info ? info->client_addr : NULL;
	text[0] = '\0';
	if (a && a->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)a;
		uv_ip4_name(v4, host, sizeof host);
		snprintf(text, size, "%s:%d", host, ntohs(v4->sin_port));
	} else if (a && a->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)a;
		uv_ip6_name(v6, host, sizeof host);
		snprintf(text, size, "[%s]:%d", host, ntohs(v6->sin6_port));
	}
}

/* Copies what libmicrohttpd forgets at the end of the request. */
static int copy_head(ep_request *r, struct MHD_Connection *connection, const char *method, const char *version)
{
	char peer[96];
	head h = {0};
	print_peer(connection, peer, sizeof peer);
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &h);
	r->header_count = h.count;
	r->headers = ep_calloc(h.count + 1, sizeof *r->headers);
	r->text = ep_alloc(h.bytes + strlen(method) + strlen(version) + strlen(peer) + 3);
	if (!r->headers || !r->text) return EP_ENOMEM;
	h = (head){.headers = r->headers, .to = r->text};
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &h);
	size_t bytes = h.bytes;
	r->method = put(&h, method, strlen(method), false);
	r->version = put(&h, version, strlen(version), false);
	r->remote = put(&h, peer, strlen(peer), false);
	bytes += strlen(r->uri) + (r->query ? strlen(r->query) : 0) + strlen(r->method);
	return bytes > r->server->options.max_headers ? EP_ETOOLARGE : 0;
}

/* The status that refuses a request whose length can't be trusted, 0 if it can. libmicrohttpd has checked the digits. */
static int read_length(ep_request *r)
{
	const char *length = ep_request_header(r, "content-length"), *coding = ep_request_header(r, "transfer-encoding");
	const char *expect = ep_request_header(r, "expect");
	r->expects = expect && !strcasecmp(expect, "100-continue");
	if (coding && length) return 400;
	if (coding && strcasecmp(coding, "chunked")) return 501;
	if (coding) {
		r->length = -1;
		return 0;
	}
	for (size_t i = 0; i < r->header_count; i++)
		if (!strcmp(r->headers[i].name, "content-length") && strcmp(r->headers[i].value, length)) return 400;
	r->length = length ? strtoll(length, NULL, 10) : 0;
	return r->length < 0 || r->length == INT64_MAX ? 413 : 0;
}

void *ep_on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
	ep_server *s = cls;
	ep_request *r = ep_calloc(1, sizeof *r);
	char *copy = ep_strdup(uri);
	if (!r || !copy) {
		ep_free(r);
		ep_free(copy);
		return NULL; /* on_request then ends the connection */
	}
	*r = (ep_request){.loop = s->loop, .server = s, .connection = connection, .refs = 1, .uri = copy, .out_left = -1};
	ep_node_init(&r->queued);
	ep_list_push(&s->live, &r->link);
	s->live_count++;
	r->query = strchr(copy, '?');
	if (r->query) *r->query++ = '\0';
	return r;
}

/* --- libmicrohttpd's calls, in their order --- */

static enum MHD_Result on_head(ep_request *r, const char *method, const char *version)
{
	int rc = copy_head(r, r->connection, method, version);
	if (rc == EP_ENOMEM) return MHD_NO;
	if (rc) return ep_request_refuse(r, 431);
	if (r->server->stopping) return ep_request_refuse(r, 503);
	if ((rc = read_length(r))) return ep_request_refuse(r, rc);
	r->phase = r->length ? EP_PHASE_HELD : EP_PHASE_BODY;
	r->consumers = 1;
	r->refs++;
	ep_server_offer(r->server, r);
	/* Without a body we are called again at once. With one, the peer need not send it before somebody wants it. */
	if (r->length) ep_request_hold(r);
	return MHD_YES;
}

/* Whether a body that nobody wanted is read away before the answer. If not, the connection ends with the answer. */
static bool drains(const ep_request *r) { return !r->expects && r->length <= (int64_t)r->server->options.max_drain; }

static enum MHD_Result on_held(ep_request *r)
{
	if (r->response && !drains(r)) return ep_request_send(r);
	if (r->wanted || r->response)
		r->phase = EP_PHASE_BODY;
	else
		ep_request_hold(r);
	return MHD_YES;
}

static enum MHD_Result on_body(ep_request *r, const char *data, size_t *size)
{
	if (r->answered) {
		r->drained += *size;
		*size = 0;
		return r->drained > r->server->options.max_drain ? MHD_NO : MHD_YES;
	}
	size_t max = r->server->options.max_buffer, held = ep_fifo_len(&r->in);
	size_t n = held >= max ? 0 : max - held;
	if (n > *size) n = *size;
	if (n && ep_fifo_add(&r->in, data, n)) return MHD_NO;
	*size -= n;
	if (n) ep_request_wake(r->reader, 0);
	if (held + n >= max) ep_request_hold(r);
	return MHD_YES;
}

static enum MHD_Result on_complete(ep_request *r)
{
	r->phase = EP_PHASE_COMPLETE;
	if (!r->body_end) r->body_end = EP_ENOENT;
	ep_request_wake(r->reader, 0);
	if (r->response) return ep_request_send(r);
	ep_request_hold(r);
	return MHD_YES;
}

enum MHD_Result ep_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *size, void **slot)
{
	(void)cls;
	(void)connection;
	(void)url;
	ep_request *r = *slot;
	if (!r || r->cut) return MHD_NO;
	if (r->phase == EP_PHASE_NEW) return on_head(r, method, version);
	if (r->phase == EP_PHASE_HELD) return on_held(r);
	return *size ? on_body(r, data, size) : on_complete(r);
}

static int reason(enum MHD_RequestTerminationCode why)
{
	switch (why) {
	case MHD_REQUEST_TERMINATED_TIMEOUT_REACHED: return EP_ETIMEOUT;
	case MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN: return EP_ECLOSED;
	default: return EP_ETRUNCATED;
	}
}

void ep_on_completed(void *cls, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode why)
{
	(void)connection;
	ep_server *s = cls;
	ep_request *r = *slot;
	if (!r) return;
	*slot = NULL;
	if (!r->body_end) r->body_end = r->cut ? EP_ECLOSED : reason(why);
	r->connection = NULL;
	r->server = NULL;
	/* An answer that came too late to be sent: that of a stream counts the request, which would keep both. */
	struct MHD_Response *unsent = r->response;
	r->response = NULL;
	if (unsent) MHD_destroy_response(unsent);
	ep_node_unlink(&r->link);
	s->live_count--;
	ep_request_wake(r->reader, r->body_end == EP_ENOENT ? 0 : r->body_end);
	ep_request_wake(r->writer, r->bodiless ? 0 : EP_ECLOSED);
	if (ep_node_linked(&r->queued)) {
		ep_node_unlink(&r->queued);
		ep_request_release(r);
	}
	ep_request_unref(r);
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
