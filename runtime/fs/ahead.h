/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_FS_AHEAD_H
#define EP_FS_AHEAD_H

/* Bytes that are produced by blocking calls, on the pool of threads and before they are asked for: two blocks, one of which is
 * filled while the other is emptied.
 *
 * Life: from ep_ahead_new to ep_ahead_free. Thread: the loop's; only the maker's read runs on the pool, one at a time.
 * Owner: the caller. Errors: those of the maker; EP_ENOMEM. */

#include <stddef.h>
#include <stdint.h>

#include "runtime/loop/loop.h"

typedef struct ep_ahead ep_ahead;

typedef struct ep_ahead_maker {
	/* Writes up to room bytes and returns their number, 0 at the end, or EP_E...; blocks. On the pool. */
	long (*read)(void *ctx, char *to, size_t room);
	/* Goes back to the first byte: 0 or EP_E... NULL: it can't. On the loop's thread, while no read runs. */
	int (*rewind)(void *ctx);
	/* Called once, when no read runs any more. On the loop's thread. */
	void (*close)(void *ctx);
} ep_ahead_maker;

/* What is made of text stays in the processor's cache in the smaller block; of a file that is sent as it is the larger one wakes
 * the loop less often. */
enum { EP_AHEAD_LATER = -1000, EP_AHEAD_BLOCK = 256 * 1024, EP_AHEAD_FILE_BLOCK = 1024 * 1024 };

/* Starts to read. ctx is its own from here on, also when it fails. length: how many bytes there are; < 0: not known. block: bytes
 * of each of the two blocks, at most; 0: EP_AHEAD_BLOCK. NULL: no memory. */
ep_ahead *ep_ahead_new(ep_loop *loop, const ep_ahead_maker *maker, void *ctx, int64_t length, size_t block);

/* Gives up to room bytes, 0 at the end, an error, or EP_AHEAD_LATER: then ready(arg) is called, from a turn of the loop, when
 * there are some. Starts no callback itself: fit for the inside of another library's. */
long ep_ahead_read(ep_ahead *ahead, char *to, size_t room);
void ep_ahead_notify(ep_ahead *ahead, void (*ready)(void *arg), void *arg);

/* Whether the maker is at work on a thread, so that nothing of its may be looked at. */
bool ep_ahead_busy(const ep_ahead *ahead);

/* Goes back to the first byte. A read that runs is waited for, by the next ep_ahead_read. */
int ep_ahead_rewind(ep_ahead *ahead);

/* Nobody reads any more; a thread that is at it ends first. */
void ep_ahead_free(ep_ahead *ahead);

#endif
