/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_FS_REPLACE_H
#define EP_FS_REPLACE_H

/* A file that is written beside another and takes its place when it is whole: a reader has the old bytes or the new ones.
 *
 * Life: from ep_replace_open to ep_replace_commit or ep_replace_discard. Thread: any that may block, one at a time.
 * Owner: the caller. Errors: a negated errno. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct ep_replace ep_replace;

/* Makes the new file. mode: permission bits before the umask when there is no old one, whose mode and owner it else takes. A link
 * stays one: what it points to is replaced. -EISDIR; -EINVAL: there is something that is no file. */
int ep_replace_open(ep_replace **out, const char *path, unsigned mode);

/* Adds bytes to it; *stop, set meanwhile, ends that with -ECANCELED. */
int ep_replace_write(ep_replace *r, const void *bytes, size_t len, const atomic_bool *stop);

/* Empties it, to be written anew. */
int ep_replace_empty(ep_replace *r);

/* Puts it in place and frees r. sync: its bytes are on the disk before; folder: its name is on the disk behind it. When it
 * fails, the new file is gone. */
int ep_replace_commit(ep_replace *r, bool sync, bool folder);

/* Removes the new file and frees r; NULL is fine. */
void ep_replace_discard(ep_replace *r);

#endif
