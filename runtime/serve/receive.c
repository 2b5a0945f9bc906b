/* SPDX-License-Identifier: Apache-2.0 */

/* What libmicrohttpd calls, in the order of its calls. */
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/serve/private.h"

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
	ep_node_init(&r->fed);
	ep_list_push(&s->live, &r->link);
	s->live_count++;
	r->query = strchr(copy, '?');
	if (r->query) *r->query++ = '\0';
	return r;
}

static enum MHD_Result on_head(ep_request *r, const char *method, const char *version)
{
	int rc = ep_head_copy(r, r->connection, method, version);
	if (rc == EP_ENOMEM) return MHD_NO;
	if (rc) return ep_request_refuse(r, 431);
	if (r->server->stopping) return ep_request_refuse(r, 503);
	if ((rc = ep_head_length(r))) return ep_request_refuse(r, rc);
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
	if (!ep_node_linked(&r->fed)) ep_list_push(&r->server->fed, &r->fed);
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
	ep_node_unlink(&r->fed);
	s->live_count--;
	ep_request_wake(r->reader, r->body_end == EP_ENOENT ? 0 : r->body_end);
	ep_request_wake(r->writer, r->bodiless ? 0 : EP_ECLOSED);
	if (ep_node_linked(&r->queued)) {
		ep_node_unlink(&r->queued);
		ep_request_release(r);
	}
	ep_request_unref(r);
}
