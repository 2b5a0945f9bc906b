/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_FS_REMOVE_H
#define EP_FS_REMOVE_H

/* Removing a folder and all that is in it, on a thread that may block.
 *
 * Life: the call. Thread: any. Owner: nothing is kept. */

#include <stdatomic.h>

#include "runtime/base/err.h"

/* As ep_fs_remove_tree of fs.h; ends with EP_ECANCELLED soon after *stop (may be NULL) became true. */
int ep_fs_remove_tree_until(const char *path, const atomic_bool *stop, ep_err *err);

#endif
