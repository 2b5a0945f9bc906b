/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/feed.h"

#include <string.h>

#include "runtime/base/mem.h"

struct ep_feed {
	unsigned refs;
	ep_loop *loop;
	ep_http_call *http; /* the attempt that is under way; the call counts it */
	const char *bytes;
	size_t len;
	bool begun; /* something was taken */
	bool ended, closed;
	ep_node waiters;
};

void ep_feed_release(ep_feed *feed)
{
	if (feed && --feed->refs == 0) ep_free(feed);
}

static long read_feed(void *ctx, char *to, size_t room)
{
	ep_feed *f = ctx;
	if (!f->len) return f->ended ? 0 : EP_HTTP_LATER;
	size_t n = f->len < room ? f->len : room;
	memcpy(to, f->bytes, n);
	f->bytes += n;
	f->len -= n;
	f->begun = true;
	if (!f->len) ep_signal_all(&f->waiters, 0);
	return (long)n;
}

static int rewind_feed(void *ctx) { return ((ep_feed *)ctx)->begun ? EP_EIO : 0; }

static const ep_http_source feed_source = {read_feed, rewind_feed};

static void on_sent(void *ctx, ep_http_call *http) { ((ep_feed *)ctx)->http = http; }

static void close_source(void *ctx)
{
	ep_feed *f = ctx;
	f->closed = true;
	f->http = NULL;
	ep_signal_all(&f->waiters, 0);
	ep_feed_release(f);
}

int ep_feed_new(ep_feed **out, ep_relace_source *source, ep_loop *loop, ep_err *err)
{
	ep_feed *f = ep_calloc(1, sizeof *f);
	if (!f) return ep_err_set(err, EP_ENOMEM, "no memory for a request");
	f->refs = 2;
	f->loop = loop;
	ep_node_init(&f->waiters);
	*source = (ep_relace_source){.source = &feed_source, .ctx = f, .len = -1, .close = close_source, .sent = on_sent};
	*out = f;
	return 0;
}

int ep_feed_put(ep_feed *f, const char *bytes, size_t len)
{
	if (f->len && !f->closed) return EP_EBUSY;
	f->bytes = bytes;
	f->len = f->closed ? 0 : len;
	if (f->http && len) ep_http_more(f->http);
	return 0;
}

ep_op *ep_feed_wait(ep_feed *f)
{
	ep_signal *s = ep_signal_start(f->loop, &f->waiters);
	if (s && (!f->len || f->closed)) ep_signal_one(&f->waiters, 0);
	return s ? &s->op : NULL;
}

bool ep_feed_wanted(const ep_feed *f) { return !f->closed; }

void ep_feed_end(ep_feed *f)
{
	f->ended = true;
	if (f->http) ep_http_more(f->http);
}
