/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/heap.h"

#include "runtime/base/err.h"
#include "runtime/base/mem.h"
#include "test.h"

enum { COUNT = 2000 };

static ep_heap_entry *pop(ep_heap *h)
{
	ep_heap_entry *e = ep_heap_first(h);
	if (e) ep_heap_remove(h, e);
	return e;
}

TEST(the_smallest_leaves_first)
{
	static ep_heap_entry entries[COUNT];
	ep_heap h = {0};
	unsigned seed = 1;
	uint64_t last = 0;
	CHECK(ep_heap_first(&h) == NULL);
	for (int i = 0; i < COUNT; i++) CHECK_INT_EQ(ep_heap_insert(&h, &entries[i], (uint64_t)rand_r(&seed)), 0);
	for (int i = 0; i < COUNT; i++) {
		ep_heap_entry *e = pop(&h);
		CHECK(e->key >= last);
		CHECK_INT_EQ(e->place, 0);
		last = e->key;
	}
	CHECK(pop(&h) == NULL);
	ep_heap_fini(&h);
}

TEST(equal_keys_leave_as_they_came)
{
	ep_heap_entry entries[100] = {0};
	ep_heap h = {0};
	for (int i = 0; i < 100; i++) CHECK_INT_EQ(ep_heap_insert(&h, &entries[i], (uint64_t)(i % 3)), 0);
	for (int key = 0; key < 3; key++)
		for (int i = key; i < 100; i += 3) CHECK(pop(&h) == &entries[i]);
	ep_heap_fini(&h);
}

/* Against an array that is searched. */
TEST(random_inserts_and_removes)
{
	static ep_heap_entry entries[200];
	ep_heap h = {0};
	unsigned seed = 5;
	memset(entries, 0, sizeof entries);
	for (int round = 0; round < 50000; round++) {
		ep_heap_entry *e = &entries[rand_r(&seed) % 200], *least = NULL;
		if (e->place)
			ep_heap_remove(&h, e);
		else
			CHECK_INT_EQ(ep_heap_insert(&h, e, (uint64_t)rand_r(&seed) % 50), 0);
		for (int i = 0; i < 200; i++) {
			if (!entries[i].place) continue;
			CHECK(h.items[entries[i].place - 1] == &entries[i]);
			if (!least || entries[i].key < least->key ||
				(entries[i].key == least->key && entries[i].order < least->order))
				least = &entries[i];
		}
		CHECK(ep_heap_first(&h) == least);
	}
	ep_heap_fini(&h);
}

TEST(what_is_not_in_it_can_be_removed)
{
	ep_heap_entry e = {0};
	ep_heap h = {0};
	ep_heap_remove(&h, &e);
	CHECK_INT_EQ(h.count, 0);
	ep_heap_fini(&h);
}

TEST(no_memory_is_an_error_and_reserve_forestalls_it)
{
	ep_heap_entry e = {0};
	ep_heap h = {0};
	ep_mem_fail_after(1);
	CHECK_INT_EQ(ep_heap_insert(&h, &e, 1), EP_ENOMEM);
	ep_mem_fail_after(0);
	CHECK_INT_EQ(e.place, 0);
	CHECK_INT_EQ(ep_heap_reserve(&h), 0);
	ep_mem_fail_after(1);
	CHECK_INT_EQ(ep_heap_insert(&h, &e, 1), 0);
	ep_mem_fail_after(0);
	CHECK(ep_heap_first(&h) == &e);
	ep_heap_fini(&h);
}
