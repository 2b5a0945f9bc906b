/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_LIST_H
#define EP_BASE_LIST_H

/* An intrusive ring: the head and the members are of one type; a node outside any list points to itself.
 *
 * Life: the caller's memory. Thread: the owner's. Owner: the list owns nothing. */

#include <stdbool.h>
#include <stddef.h>

typedef struct ep_node {
	struct ep_node *next, *prev;
} ep_node;

#define EP_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void ep_node_init(ep_node *n) { n->next = n->prev = n; }

static inline bool ep_list_empty(const ep_node *head) { return head->next == head; }

/* True while the node is a member of some list. */
static inline bool ep_node_linked(const ep_node *n) { return n->next != n; }

static inline void ep_list_push(ep_node *head, ep_node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* Takes the node out of its list, if it is in one. */
static inline void ep_node_unlink(ep_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	ep_node_init(n);
}

/* Takes out and returns the first member, or NULL. */
static inline ep_node *ep_list_shift(ep_node *head)
{
	ep_node *n = head->next;
	if (n == head) return NULL;
	ep_node_unlink(n);
	return n;
}

/* Moves all members of `from` to the empty list `to`. */
static inline void ep_list_move(ep_node *to, ep_node *from)
{
	ep_node_init(to);
	if (ep_list_empty(from)) return;
	to->next = from->next;
	to->prev = from->prev;
	to->next->prev = to;
	to->prev->next = to;
	ep_node_init(from);
}

#endif
