/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_ITEMS_H
#define EP_RELACE_ITEMS_H

/* A streamed answer, item by item: the events of an agent (agent.h), the files of a clone (clone.h).
 *
 *     while ((rc = ep_relace_items_poll(items, &item, &err)) != EP_ITEMS_END) ...
 *
 * The transfer is paused while nobody asks for items. Memory: what the connection has delivered at once, and one item.
 *
 * Life: counted; an item until the next poll. Thread: the loop's. Owner: each holder of a count; a wait holds one.
 * Errors: what reading the answer meets (timeout, truncated, connection, decode), json, too_large, truncated for a stream that
 * ends within an item; closed after ep_relace_items_close. They are final and close the answer. */

#include "runtime/relace/call.h"

typedef struct ep_relace_item {
	ep_relace_text name; /* of an event; NULL data: it has none */
	ep_relace_text text; /* JSON, not looked at; NULL data: an event without data */
} ep_relace_item;

/* How bytes become items. */
typedef struct ep_items_format {
	/* Takes bytes from *at: EP_ITEMS_READY, EP_ITEMS_WAIT when more are needed, EP_ITEMS_END, EP_E... */
	int (*next)(void *ctx, const char **at, const char *end, ep_relace_item *item, ep_err *err);
	/* There are no more. framed: HTTP vouches that none was lost. 0 or EP_E... */
	int (*end)(void *ctx, bool framed, ep_err *err);
	void (*free)(void *ctx);
} ep_items_format;

enum { EP_ITEMS_WAIT, EP_ITEMS_READY, EP_ITEMS_END };

typedef struct ep_relace_items ep_relace_items;

/* Of a streamed call whose op has ended with 0; takes a count of it. ctx is the items' from here on, also on failure. */
int ep_relace_items_new(
	ep_relace_items **out, ep_relace_call *call, const ep_items_format *format, void *ctx, ep_err *err);

ep_relace_items *ep_relace_items_retain(ep_relace_items *items);
void ep_relace_items_release(ep_relace_items *items);

/* Ends the transfer; an open wait ends with EP_ECLOSED. */
void ep_relace_items_close(ep_relace_items *items);

/* EP_ITEMS_READY with an item; EP_ITEMS_WAIT: none is there yet; EP_ITEMS_END; or the failure, once, then EP_ECLOSED. */
int ep_relace_items_poll(ep_relace_items *items, ep_relace_item *item, ep_err *err);

typedef struct ep_relace_wait {
	ep_op op; /* consumer: ep_op_wait, ep_op_cancel, ep_op_release */
	ep_relace_items *items;
	ep_http_read *read;
} ep_relace_wait;

/* Waits until a poll says something else than EP_ITEMS_WAIT, which it did; ends with 0 then, whatever that is. A cancel loses
 * nothing. One at a time: EP_EBUSY. */
int ep_relace_items_wait(ep_relace_wait **out, ep_relace_items *items, ep_err *err);

/* Fills err for an item that is not what it should be; why: a few words. Closes the answer. Returns EP_EJSON. */
int ep_relace_items_bad(ep_relace_items *items, const ep_relace_item *item, const char *why, ep_err *err);

#endif
