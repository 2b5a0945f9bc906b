/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: the clock stands still while tasks run, jumps to the next timer when all of them wait for time, and
 * runs beside the real one only while something real is under way. */
#include "runtime/loop/private.h"

/* splitmix64 */
static uint64_t next_random(ep_loop *loop)
{
	uint64_t z = loop->virtual.random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void ep_loop_virtual(ep_loop *loop, uint64_t seed)
{
	uint64_t now = ep_loop_now(loop);
	loop->virtual.now = now - now % EP_SECOND + EP_SECOND; /* whole seconds, so that sums of them are exact */
	loop->virtual.random = seed;
	loop->virtual.on = true;
}

enum { CHOICE = 16 }; /* of that many ready jobs one is taken: no job is passed over for long */

ep_node *ep_virtual_shift(ep_loop *loop)
{
	ep_node *n = loop->ready.next;
	uint64_t count = 0;
	for (ep_node *m = n; m != &loop->ready && count < CHOICE; m = m->next) count++;
	if (!count) return NULL;
	for (uint64_t i = next_random(loop) % count; i; i--) n = n->next;
	ep_node_unlink(n);
	return n;
}

static bool real_work(const ep_loop *loop) { return loop->open_ops > loop->sleeps || loop->holds; }

void ep_virtual_before_poll(ep_loop *loop)
{
	const ep_heap_entry *first = ep_heap_first(&loop->timers);
	loop->virtual.polled = real_work(loop) ? uv_hrtime() : 0;
	if (!first || !ep_list_empty(&loop->ready)) return;
	if (!loop->virtual.polled && first->key > loop->virtual.now) loop->virtual.now = first->key;
	ep_loop_arm(loop);
}

void ep_virtual_after_poll(ep_loop *loop)
{
	if (loop->virtual.polled) loop->virtual.now += uv_hrtime() - loop->virtual.polled;
	loop->virtual.polled = 0;
}
