/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/list.h"

#include "test.h"

typedef struct item {
	int value;
	ep_node node;
} item;

static item *shift(ep_node *head)
{
	ep_node *n = ep_list_shift(head);
	return n ? EP_CONTAINER(n, item, node) : NULL;
}

TEST(first_in_first_out)
{
	ep_node head;
	item items[5];
	ep_node_init(&head);
	CHECK(ep_list_empty(&head));
	CHECK(shift(&head) == NULL);
	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		ep_list_push(&head, &items[i].node);
		CHECK(ep_node_linked(&items[i].node));
	}
	for (int i = 0; i < 5; i++) {
		item *it = shift(&head);
		CHECK_INT_EQ(it->value, i);
		CHECK(!ep_node_linked(&it->node));
	}
	CHECK(ep_list_empty(&head));
}

TEST(unlink_anywhere_and_twice)
{
	ep_node head;
	item items[3];
	for (int gone = 0; gone < 3; gone++) {
		ep_node_init(&head);
		for (int i = 0; i < 3; i++) {
			items[i].value = i;
			ep_list_push(&head, &items[i].node);
		}
		ep_node_unlink(&items[gone].node);
		ep_node_unlink(&items[gone].node);
		for (int i = 0; i < 3; i++)
			if (i != gone) CHECK_INT_EQ(shift(&head)->value, i);
		CHECK(ep_list_empty(&head));
	}
}

TEST(move_takes_all)
{
	ep_node from, to;
	item items[2];
	ep_node_init(&from);
	ep_list_move(&to, &from);
	CHECK(ep_list_empty(&to));
	for (int i = 0; i < 2; i++) {
		items[i].value = i;
		ep_list_push(&from, &items[i].node);
	}
	ep_list_move(&to, &from);
	CHECK(ep_list_empty(&from));
	CHECK_INT_EQ(shift(&to)->value, 0);
	CHECK_INT_EQ(shift(&to)->value, 1);
	CHECK(ep_list_empty(&to));
}
