/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/resource.h>

#include "runtime/http/private.h"

/* Many more connections than this leave the program without descriptors for anything else. */
static unsigned descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 1U << 20)
		return 1U << 20;
	return (unsigned)limit.rlim_cur / 2 + 1;
}

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

void ep_http_limit(ep_http *http, unsigned per_host, unsigned total)
{
	http->total = least(total ? total : EP_HTTP_TOTAL, descriptors());
	http->per_host = least(per_host ? per_host : EP_HTTP_PER_HOST, http->total);
	if (http->multi) curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->total + 16);
	ep_http_pump(http);
}

ep_http *ep_http_open(ep_loop *loop, const ep_secrets *secrets)
{
	ep_http *http = ep_calloc(1, sizeof *http);
	if (!http) return NULL;
	http->loop = loop;
	http->secrets = secrets;
	ep_node_init(&http->origins);
	ep_node_init(&http->pending);
	ep_node_init(&http->active);
	ep_node_init(&http->idle);
	ep_http_limit(http, 0, 0);
	return http;
}

/* --- origins --- */

static ep_origin *origin_of(ep_node *n) { return EP_CONTAINER(n, ep_origin, link); }

ep_origin *ep_origin_get(ep_http *http, const char *url)
{
	char text[ORIGIN_MAX];
	size_t len = (size_t)ep_origin_text(text, url);
	for (ep_node *n = http->origins.next; n != &http->origins; n = n->next) {
		ep_origin *o = origin_of(n);
		if (o->len == len && !memcmp(o->text, text, len)) return o;
	}
	ep_origin *o = ep_calloc(1, sizeof *o + len + 1);
	if (!o) return NULL;
	o->len = len;
	memcpy(o->text, text, len + 1);
	ep_node_init(&o->link);
	ep_node_init(&o->waiting);
	ep_node_init(&o->pending);
	ep_list_push(&http->origins, &o->link);
	http->origin_count++;
	return o;
}

void ep_origin_trim(ep_http *http, ep_origin *o)
{
	if (o->users || o->socks || http->closing || http->origin_count <= HTTP_ORIGINS_IDLE) return;
	ep_node_unlink(&o->link);
	http->origin_count--;
	ep_free(o);
}

/* --- the queue --- */

void ep_http_enqueue(ep_http *http, ep_call *call)
{
	ep_origin *o = call->origin;
	o->users++;
	ep_list_push(&o->waiting, &call->link);
	if (!ep_node_linked(&o->pending)) ep_list_push(&http->pending, &o->pending);
	ep_http_pump(http);
}

void ep_http_dequeue(ep_http *http, ep_call *call)
{
	ep_origin *o = call->origin;
	ep_node_unlink(&call->link);
	if (call->slot) {
		o->active--;
		http->active_count--;
	} else if (ep_list_empty(&o->waiting)) {
		ep_node_unlink(&o->pending);
	}
	call->origin = NULL;
	o->users--;
	ep_origin_trim(http, o);
}

/* Takes the first call out of the queue of o and runs it; o goes behind the other origins that wait. */
static void run_next(ep_http *http, ep_origin *o)
{
	ep_call *call = EP_CONTAINER(ep_list_shift(&o->waiting), ep_call, link);
	ep_node_unlink(&o->pending);
	if (!ep_list_empty(&o->waiting)) ep_list_push(&http->pending, &o->pending);
	ep_call_run(call);
}

void ep_http_pump(ep_http *http)
{
	if (http->pumping || http->closing) return;
	http->pumping = true;
	for (ep_node *n = http->pending.next; n != &http->pending && http->active_count < http->total;) {
		ep_origin *o = EP_CONTAINER(n, ep_origin, pending);
		if (o->active >= http->per_host) {
			n = n->next;
			continue;
		}
		run_next(http, o);
		n = http->pending.next;
	}
	http->pumping = false;
}

/* --- close --- */

static void end_all(ep_node *calls)
{
	while (!ep_list_empty(calls)) {
		ep_call *call = EP_CONTAINER(calls->next, ep_call, link);
		ep_call_fail(call, EP_ECLOSED, "the program ends");
		ep_call_end(call, EP_ECLOSED);
	}
}

void ep_http_close(ep_http *http)
{
	http->closing = true; /* libcurl's callbacks still come, and nothing new is started by them */
	end_all(&http->active);
	while (!ep_list_empty(&http->pending)) end_all(&EP_CONTAINER(http->pending.next, ep_origin, pending)->waiting);
	while (!ep_list_empty(&http->idle)) ep_slot_free(EP_CONTAINER(ep_list_shift(&http->idle), ep_slot, link));
	ep_multi_close(http);
	for (ep_node *n; (n = ep_list_shift(&http->origins));) ep_free(origin_of(n));
	ep_http_profile_release(http->plain);
	ep_free(http);
}
