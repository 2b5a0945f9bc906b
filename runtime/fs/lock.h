/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_FS_LOCK_H
#define EP_FS_LOCK_H

/* Locks between processes: a file that is held by many, or by one alone. Whoever dies lets go.
 *
 * Life: ep_fs_lock_try .. close of the descriptor. Thread: any; no call waits. Owner: the caller of the descriptor. */

#include <stdbool.h>

#include "runtime/base/err.h"

/* Opens the file, which is made when it is missing, and takes it. *fd is close-on-exec; -1: another has it, or has removed it
 * meanwhile, which only who holds it alone may do. 0 or an error. */
int ep_fs_lock_try(int *fd, const char *path, bool alone, ep_err *err);

/* Makes a folder that others may not write to, or checks one that is there: a folder, ours, of mode go-w. 0,
 * EP_EPERMISSION or another error. */
int ep_fs_private_folder(const char *path, ep_err *err);

#endif
