/* SPDX-License-Identifier: Apache-2.0 */

/* What an attempt came to, and what the headers of its answer ask for. */
#include <string.h>
#include <time.h>

#include "runtime/relace/call_private.h"

const char *ep_relace_field(const ep_http_call *http, const char *name, char room[EP_RELACE_FIELD])
{
	ep_http_field f;
	if (!ep_http_header_find(http, name, &f) || f.value_len >= EP_RELACE_FIELD) return NULL;
	memcpy(room, f.value, f.value_len);
	room[f.value_len] = '\0';
	return room;
}

static double unix_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The server's time, where its clock and ours differ by more than its header's seconds explain. */
static double server_now(const call *c)
{
	char date[EP_RELACE_FIELD];
	const char *text = ep_relace_field(c->pub.http, "date", date);
	double ours = unix_now(), theirs = text ? ep_http_date(text) : -1;
	return theirs >= 0 && (theirs - ours > 2 || ours - theirs > 2) ? theirs : ours;
}

/* X-RateLimit-Remaining and -Reset, where the server sends them. */
static void read_limit(const call *c, ep_attempt *a)
{
	char remaining[EP_RELACE_FIELD], reset[EP_RELACE_FIELD];
	if (!c->client->account) return;
	a->remaining = ep_retry_count(ep_relace_field(c->pub.http, "x-ratelimit-remaining", remaining));
	if (a->remaining >= 0 || a->status == 429)
		a->reset = ep_retry_reset(ep_relace_field(c->pub.http, "x-ratelimit-reset", reset), server_now(c));
}

ep_attempt ep_relace_call_attempt(const call *c)
{
	const ep_http_call *http = c->pub.http;
	ep_attempt a = {.index = c->pub.attempts - 1 - c->misses,
		.status = http->status,
		.code = http->op.result,
		.should_retry = -1,
		.waited = c->waited,
		.misses = c->misses,
		.missed = c->missed,
		.refused = c->client->account ? (int)c->turn.tries : 0,
		.remaining = -1,
		.maybe_sent = http->err.maybe_sent};
	if (!http->status) return a;
	read_limit(c, &a);
	if (http->status < 400) return a;
	char ms[EP_RELACE_FIELD], after[EP_RELACE_FIELD], should[EP_RELACE_FIELD];
	a.code = 0; /* the status says more than a body that broke off behind it */
	a.should_retry = ep_retry_should(ep_relace_field(http, "x-should-retry", should));
	a.retry_after = ep_retry_after(
		ep_relace_field(http, "retry-after-ms", ms), ep_relace_field(http, "retry-after", after), unix_now());
	if (a.status == 429 && a.retry_after <= 0) a.retry_after = a.reset;
	return a;
}
