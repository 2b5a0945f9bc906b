/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_CONTENT_H
#define EP_RELACE_CONTENT_H

/* One file's content: whether it is text, how long it is in JSON, and whether it is still the same.
 *
 * Life: the call. Thread: any. Owner: the caller of descriptor and memory. */

#include <stdatomic.h>

#include "runtime/relace/tree.h"

enum { EP_CONTENT_CHUNK = 256 * 1024 };

/* Reads the file to its end by way of the chunk and sets what ep_tree_file has but the name; the id only if it is wanted, then
 * of what is EP_LEFT_BINARY too. 0; EP_LEFT_BINARY, EP_LEFT_UNREADABLE, EP_LEFT_SPECIAL or, for a folder,
 * EP_LEFT_REPOSITORY; EP_ECANCELLED after *stop became true. */
int ep_content_measure(ep_tree_file *file, int fd, char chunk[EP_CONTENT_CHUNK], bool id, const atomic_bool *stop);

/* Whether the open file is the one that was measured, with the size and time it had then. */
bool ep_content_same(const ep_tree_file *file, int fd);

#endif
