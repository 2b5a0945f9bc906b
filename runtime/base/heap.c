/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/heap.h"

#include <stdbool.h>

#include "runtime/base/err.h"
#include "runtime/base/mem.h"

void ep_heap_fini(ep_heap *h)
{
	ep_free(h->items);
	*h = (ep_heap){0};
}

static bool before(const ep_heap_entry *a, const ep_heap_entry *b)
{
	return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void put(ep_heap *h, size_t i, ep_heap_entry *e)
{
	h->items[i] = e;
	e->place = i + 1;
}

static void sift_up(ep_heap *h, size_t i, ep_heap_entry *e)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;
		if (!before(e, h->items[parent])) break;
		put(h, i, h->items[parent]);
		i = parent;
	}
	put(h, i, e);
}

static void sift_down(ep_heap *h, size_t i, ep_heap_entry *e)
{
	for (;;) {
		size_t child = i * 2 + 1;
		if (child >= h->count) break;
		if (child + 1 < h->count && before(h->items[child + 1], h->items[child])) child++;
		if (!before(h->items[child], e)) break;
		put(h, i, h->items[child]);
		i = child;
	}
	put(h, i, e);
}

int ep_heap_reserve(ep_heap *h)
{
	if (h->count < h->room) return 0;
	size_t room = h->room ? h->room * 2 : 16;
	ep_heap_entry **items = ep_realloc(h->items, room * sizeof *items);
	if (!items) return EP_ENOMEM;
	h->items = items;
	h->room = room;
	return 0;
}

int ep_heap_insert(ep_heap *h, ep_heap_entry *e, uint64_t key)
{
	int rc = ep_heap_reserve(h);
	if (rc) return rc;
	e->key = key;
	e->order = h->next_order++;
	sift_up(h, h->count++, e);
	return 0;
}

void ep_heap_remove(ep_heap *h, ep_heap_entry *e)
{
	if (!e->place) return;
	size_t i = e->place - 1;
	ep_heap_entry *last = h->items[--h->count];
	e->place = 0;
	if (last == e) return;
	if (i > 0 && before(last, h->items[(i - 1) / 2]))
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}
