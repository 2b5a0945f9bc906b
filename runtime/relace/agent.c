/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/agent.h"

#include <string.h>
#include <strings.h>

#include "runtime/base/mem.h"
#include "runtime/base/sse.h"
#include "runtime/relace/repo.h"

/* --- the call --- */

int ep_relace_agent(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_buf *body,
	ep_repeat repeat, uint64_t stall, const ep_relace_options *options, ep_err *err)
{
	ep_relace_request request = ep_relace_request_of("POST", NULL, 0, repeat, options);
	request.accept = "text/event-stream";
	request.stream = true;
	request.stall_timeout = stall ? stall : EP_RELACE_EVENTS_STALL;
	return ep_relace_repo_post(out, client, repo_id, "/agent", &request, body, err);
}

/* --- the events --- */

typedef struct events {
	ep_sse sse;
	size_t max;
	bool of_model, done;
} events;

static bool is_text(const char *text, size_t len, const char *other)
{
	return text && len == strlen(other) && !memcmp(text, other, len);
}

static int next_event(void *ctx, const char **at, const char *end, ep_relace_item *item, ep_err *err)
{
	events *e = ctx;
	ep_sse_event event;
	if (e->done) return EP_ITEMS_END;
	int rc = ep_sse_next(&e->sse, at, end, &event);
	if (rc == EP_ETOOLARGE) return ep_err_set(err, rc, "an event of the answer is larger than %zu bytes", e->max);
	if (rc <= 0) return rc ? ep_err_set(err, rc, "no memory for an event") : EP_ITEMS_WAIT;
	*item = (ep_relace_item){{event.name, event.name_len}, {event.data, event.data_len}};
	e->done = e->of_model ? is_text(event.data, event.data_len, "[DONE]") : is_text(event.name, event.name_len, "done");
	return e->done && e->of_model ? EP_ITEMS_END : EP_ITEMS_READY;
}

/* A stream whose last event is cut has lost something. One that ends between events is whole if HTTP says so: that it ends
 * with `done` is the rule of the search alone. */
static int end_events(void *ctx, bool framed, ep_err *err)
{
	events *e = ctx;
	if (e->done || (framed && !ep_sse_within(&e->sse))) return 0;
	return ep_err_set(err, EP_ETRUNCATED, "the stream of events broke off before its end");
}

static void free_events(void *ctx)
{
	events *e = ctx;
	ep_sse_fini(&e->sse);
	ep_free(e);
}

static const ep_items_format format = {next_event, end_events, free_events};

static int check_type(const ep_relace_call *call, ep_err *err)
{
	static const char wanted[] = "text/event-stream";
	const size_t len = sizeof wanted - 1;
	ep_http_field type;
	if (!ep_http_header_find(call->http, "content-type", &type)) return 0;
	if (type.value_len >= len && !strncasecmp(type.value, wanted, len)) return 0;
	ep_err_set(err, EP_EPROTOCOL, "HTTP %d, but the answer is no stream of events but %.*s", call->status,
		type.value_len < 80 ? (int)type.value_len : 80, type.value);
	ep_relace_call_facts(call, err);
	return EP_EPROTOCOL;
}

int ep_relace_events(ep_relace_items **out, ep_relace_call *call, int kind, size_t max, ep_err *err)
{
	int rc = check_type(call, err);
	if (rc) return rc;
	events *e = ep_calloc(1, sizeof *e);
	if (!e) return ep_err_set(err, EP_ENOMEM, "no memory to read an answer");
	e->max = max ? max : EP_RELACE_EVENT_MAX;
	e->of_model = kind == EP_EVENTS_OF_MODEL;
	ep_sse_init(&e->sse, e->max);
	return ep_relace_items_new(out, call, &format, e, err);
}
