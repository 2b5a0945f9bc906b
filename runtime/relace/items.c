/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/items.h"

#include "runtime/base/mem.h"

struct ep_relace_items {
	unsigned refs;
	ep_relace_call *call; /* NULL: closed */
	const ep_items_format *format;
	void *ctx;
	bool framed;
	unsigned chunks; /* read so far */
	ep_buf chunk;    /* the last one; the item may point into it */
	size_t at;
	ep_relace_wait *waiting;
	int found; /* by the wait: what the next poll says */
	ep_relace_item item;
	ep_err err;
};

/* --- life --- */

/* Whether the end of the body cannot be mistaken: its length was told, or it comes in chunks. */
static bool is_framed(const ep_http_call *http)
{
	ep_http_field field;
	return ep_http_header_find(http, "content-length", &field) ||
		ep_http_header_find(http, "transfer-encoding", &field);
}

int ep_relace_items_new(
	ep_relace_items **out, ep_relace_call *call, const ep_items_format *format, void *ctx, ep_err *err)
{
	ep_relace_items *items = ep_calloc(1, sizeof *items);
	if (!items) {
		format->free(ctx);
		return ep_err_set(err, EP_ENOMEM, "no memory to read an answer");
	}
	*items = (ep_relace_items){.refs = 1, .call = call, .format = format, .ctx = ctx, .framed = is_framed(call->http)};
	ep_op_retain(&call->op);
	*out = items;
	return 0;
}

ep_relace_items *ep_relace_items_retain(ep_relace_items *items)
{
	items->refs++;
	return items;
}

void ep_relace_items_close(ep_relace_items *items)
{
	ep_relace_call *call = items->call;
	items->call = NULL;
	items->found = EP_ITEMS_WAIT;
	if (call) ep_op_release(&call->op);
}

void ep_relace_items_release(ep_relace_items *items)
{
	if (!items || --items->refs) return;
	ep_relace_items_close(items);
	items->format->free(items->ctx);
	ep_buf_fini(&items->chunk);
	ep_err_fini(&items->err);
	ep_free(items);
}

/* --- bytes to items --- */

/* What the bytes that are there give. */
static int take(ep_relace_items *items)
{
	const char *begin = ep_buf_text(&items->chunk), *at = begin + items->at;
	if (items->at == items->chunk.len) return EP_ITEMS_WAIT;
	int rc = items->format->next(items->ctx, &at, begin + items->chunk.len, &items->item, &items->err);
	items->at = (size_t)(at - begin);
	return rc;
}

/* Says what has failed. Of what is no JSON from its first bytes on these are shown. */
static void explain(ep_relace_items *items, int rc, ep_err *err)
{
	if (!err) return;
	if (rc == EP_EJSON) {
		bool first = items->chunks == 1;
		ep_relace_bad_part(err, items->call, ep_err_message(&items->err), first ? items->chunk.data : NULL,
			first ? items->chunk.len : 0);
		ep_err_fini(&items->err);
		return;
	}
	ep_err_move(err, &items->err);
	ep_err_set(err, rc, "%s", ep_err_slug(rc));
	ep_relace_call_facts(items->call, err);
}

/* The answer has ended, one way or another. */
static int finish(ep_relace_items *items, int rc, ep_err *err)
{
	if (rc < 0) explain(items, rc, err);
	ep_relace_items_close(items);
	if (rc == EP_ITEMS_END) items->found = EP_ITEMS_END;
	return rc;
}

int ep_relace_items_poll(ep_relace_items *items, ep_relace_item *item, ep_err *err)
{
	int rc = items->found;
	if (!items->call)
		return rc == EP_ITEMS_END ? rc : ep_err_set(err, EP_ECLOSED, "the answer was closed, or has failed before");
	items->found = EP_ITEMS_WAIT;
	if (rc == EP_ITEMS_WAIT) rc = take(items);
	if (rc == EP_ITEMS_READY) *item = items->item;
	return rc == EP_ITEMS_READY || rc == EP_ITEMS_WAIT ? rc : finish(items, rc, err);
}

int ep_relace_items_bad(ep_relace_items *items, const ep_relace_item *item, const char *why, ep_err *err)
{
	if (items->call && err) ep_relace_bad_part(err, items->call, why, item->text.data, item->text.len);
	ep_relace_items_close(items);
	return ep_err_set(err, EP_EJSON, "%s", why);
}

/* --- waiting --- */

static void end_wait(ep_relace_wait *w, int result)
{
	if (w->items->waiting == w) w->items->waiting = NULL;
	ep_op_finish(&w->op, result);
}

static void found(ep_relace_wait *w, int what)
{
	w->items->found = what;
	end_wait(w, w->items->call ? 0 : EP_ECLOSED);
}

static void keep_chunk(ep_relace_items *items, ep_http_read *r)
{
	ep_buf_fini(&items->chunk);
	items->chunk = r->chunk;
	items->at = 0;
	items->chunks++;
	r->chunk = (ep_buf){0};
}

static int read_more(ep_relace_wait *w);

static void on_read(ep_op *op)
{
	ep_relace_wait *w = op->owner;
	ep_relace_items *items = w->items;
	ep_http_read *r = w->read;
	int rc = op->result;
	w->read = NULL;
	if (rc) {
		ep_err_move(&items->err, &r->err);
	} else if (!r->chunk.len) {
		rc = items->format->end(items->ctx, items->framed, &items->err);
		if (!rc) rc = EP_ITEMS_END;
	} else {
		keep_chunk(items, r);
		rc = take(items);
	}
	ep_op_release(op);
	if (rc == EP_ITEMS_WAIT) rc = read_more(w);
	if (rc != EP_ITEMS_WAIT) found(w, rc);
}

static int read_more(ep_relace_wait *w)
{
	ep_relace_call *call = w->items->call;
	if (!call) return EP_ECLOSED;
	int rc = ep_http_read_start(&w->read, call->http, 0, &w->items->err);
	if (!rc) ep_op_wait(&w->read->op, on_read, w);
	return rc;
}

static void abort_wait(ep_op *op)
{
	ep_relace_wait *w = (ep_relace_wait *)op;
	ep_http_read *r = w->read;
	w->read = NULL;
	if (r && r->chunk.len) keep_chunk(w->items, r); /* it has ended, but was not told yet */
	if (r) ep_op_release(&r->op);
	end_wait(w, EP_ECANCELLED);
}

static void free_wait(ep_op *op)
{
	ep_relace_wait *w = (ep_relace_wait *)op;
	ep_relace_items_release(w->items);
	ep_free(w);
}

static void describe(const ep_op *op, ep_buf *text)
{
	const ep_relace_items *items = ((const ep_relace_wait *)op)->items;
	ep_buf_puts(text, "the answer of ");
	if (items->call) items->call->op.class->describe(&items->call->op, text);
}

static const ep_op_class wait_class = {
	.name = "relace items", .abort = abort_wait, .free = free_wait, .describe = describe};

int ep_relace_items_wait(ep_relace_wait **out, ep_relace_items *items, ep_err *err)
{
	if (items->waiting) return ep_err_set(err, EP_EBUSY, "another task is reading this answer");
	if (!items->call) return ep_err_set(err, EP_ECLOSED, "the answer was closed");
	ep_relace_wait *w = ep_calloc(1, sizeof *w);
	if (!w) return ep_err_set(err, EP_ENOMEM, "no memory to read an answer");
	ep_op_init(&w->op, items->call->op.loop, &wait_class, NULL);
	w->items = ep_relace_items_retain(items);
	items->waiting = w;
	ep_op_start(&w->op);
	*out = w;
	if (!ep_op_open(&w->op)) return 0; /* the loop is closing */
	int rc = read_more(w);
	if (rc) found(w, rc);
	return 0;
}
