/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_HEAP_H
#define EP_BASE_HEAP_H

/* A binary heap of intrusive entries, the smallest key first; equal keys leave in the order they came.
 *
 * Life: entries are the caller's memory and must be removed before they are freed. Thread: the owner's.
 * Owner: the heap owns only its array of pointers. */

#include <stddef.h>
#include <stdint.h>

typedef struct ep_heap_entry {
	uint64_t key;
	uint64_t order;
	size_t place; /* 1-based; 0: not in a heap */
} ep_heap_entry;

typedef struct ep_heap {
	ep_heap_entry **items;
	size_t count, room;
	uint64_t next_order;
} ep_heap;

/* Frees the array; the entries stay the caller's. */
void ep_heap_fini(ep_heap *h);

/* Makes room for one more entry, so that the next insert can't fail. 0 or EP_ENOMEM. */
int ep_heap_reserve(ep_heap *h);

/* Inserts e (not in a heap) under key. 0 or EP_ENOMEM. */
int ep_heap_insert(ep_heap *h, ep_heap_entry *e, uint64_t key);

/* Removes e if it is in this heap. */
void ep_heap_remove(ep_heap *h, ep_heap_entry *e);

/* The smallest entry, or NULL. */
static inline ep_heap_entry *ep_heap_first(const ep_heap *h) { return h->count ? h->items[0] : NULL; }

#endif
