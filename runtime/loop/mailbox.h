/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_LOOP_MAILBOX_H
#define EP_LOOP_MAILBOX_H

/* The mailbox: how other threads reach a loop. It may outlive its loop, so that a thread that finishes late finds a
 * closed box and not freed memory.
 *
 * Life: counted; the loop holds one count until it closes. Thread: any, but for ep_loop_mailbox, which is the loop's.
 * Owner: each holder of a count. */

#include <uv.h>

#include "runtime/base/list.h"

typedef struct ep_mailbox ep_mailbox;
typedef struct ep_loop ep_loop;

/* Embedded in what it is about: sending needs no memory. Belongs to the mailbox until read is called. */
typedef struct ep_letter {
	ep_node link;
	void (*read)(struct ep_letter *letter); /* from a turn of the loop's thread */
} ep_letter;

/* Borrowed. */
ep_mailbox *ep_loop_mailbox(const ep_loop *loop);

ep_mailbox *ep_mailbox_retain(ep_mailbox *box);
void ep_mailbox_release(ep_mailbox *box);

/* Has the letter read in a later turn. 0; or EP_ECLOSED when the loop has closed: then the letter is the caller's. */
int ep_mailbox_send(ep_mailbox *box, ep_letter *letter);

/* --- the loop's --- */

/* A mailbox that wakes the loop by signal. NULL: no memory. */
ep_mailbox *ep_mailbox_new(uv_async_t *signal);

/* Reads what has come. */
void ep_mailbox_read(ep_mailbox *box);

/* Reads what has come and refuses the rest; gives the loop's count back. */
void ep_mailbox_close(ep_mailbox *box);

#endif
