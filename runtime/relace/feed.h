/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_FEED_H
#define EP_RELACE_FEED_H

/* The body of a request that somebody on the loop's thread puts together while it is sent. Its length is not known: it is sent
 * in chunks. It cannot be sent again once something was taken of it.
 *
 * Life: counted: the source that it makes has a count, and its owner another. Thread: the loop's. Owner: each holder. */

#include "runtime/relace/call.h"

typedef struct ep_feed ep_feed;

/* Makes a feed with a source of it. */
int ep_feed_new(ep_feed **out, ep_relace_source *source, ep_loop *loop, ep_err *err);
void ep_feed_release(ep_feed *feed);

/* Gives bytes, which stay valid until ep_feed_wait's op has ended. EP_EBUSY while others wait to be taken. */
int ep_feed_put(ep_feed *feed, const char *bytes, size_t len);

/* Starts to wait until all bytes were taken, or nobody will take any more. NULL: no memory. */
ep_op *ep_feed_wait(ep_feed *feed);

/* Whether somebody still wants the bytes: the call has not ended. */
bool ep_feed_wanted(const ep_feed *feed);

/* No more bytes follow. */
void ep_feed_end(ep_feed *feed);

#endif
