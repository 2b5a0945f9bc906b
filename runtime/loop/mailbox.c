/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/loop/mailbox.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/base/err.h"
#include "runtime/base/mem.h"

struct ep_mailbox {
	uv_mutex_t lock;
	ep_node letters;    /* guarded by lock, as is signal */
	uv_async_t *signal; /* NULL: closed */
	atomic_uint refs;
};

ep_mailbox *ep_mailbox_new(uv_async_t *signal)
{
	ep_mailbox *box = ep_alloc(sizeof *box);
	if (!box) return NULL;
	if (uv_mutex_init(&box->lock)) {
		ep_free(box);
		return NULL;
	}
	ep_node_init(&box->letters);
	box->signal = signal;
	atomic_init(&box->refs, 1);
	return box;
}

ep_mailbox *ep_mailbox_retain(ep_mailbox *box)
{
	atomic_fetch_add_explicit(&box->refs, 1, memory_order_relaxed);
	return box;
}

void ep_mailbox_release(ep_mailbox *box)
{
	if (atomic_fetch_sub(&box->refs, 1) > 1) return;
	uv_mutex_destroy(&box->lock);
	ep_free(box);
}

/* The signal is sent under the lock: behind it the loop may close the handle. */
int ep_mailbox_send(ep_mailbox *box, ep_letter *letter)
{
	uv_mutex_lock(&box->lock);
	bool open = box->signal != NULL;
	if (open) {
		ep_list_push(&box->letters, &letter->link);
		uv_async_send(box->signal);
	}
	uv_mutex_unlock(&box->lock);
	return open ? 0 : EP_ECLOSED;
}

static void read_all(ep_node *letters)
{
	ep_node *n;
	while ((n = ep_list_shift(letters))) {
		ep_letter *letter = EP_CONTAINER(n, ep_letter, link);
		letter->read(letter);
	}
}

void ep_mailbox_read(ep_mailbox *box)
{
	ep_node letters;
	uv_mutex_lock(&box->lock);
	ep_list_move(&letters, &box->letters);
	uv_mutex_unlock(&box->lock);
	read_all(&letters);
}

void ep_mailbox_close(ep_mailbox *box)
{
	ep_node letters;
	uv_mutex_lock(&box->lock);
	box->signal = NULL;
	ep_list_move(&letters, &box->letters);
	uv_mutex_unlock(&box->lock);
	read_all(&letters);
	ep_mailbox_release(box);
}
