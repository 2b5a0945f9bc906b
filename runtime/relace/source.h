/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_SOURCE_H
#define EP_RELACE_SOURCE_H

/* Sources of bodies.
 *
 * Life: until the call that was given the source closes it. Thread: the loop's. Owner: the call. */

#include "runtime/fs/body.h"
#include "runtime/relace/call.h"

/* Lets a source whose read blocks be read on the pool of threads, ahead of what is sent. block: as of
 * ep_ahead_new. EP_ENOMEM: the source is closed. */
int ep_relace_source_ahead(ep_relace_source *source, ep_loop *loop, size_t block, ep_err *err);

/* Makes a source of an open file, which is taken, also on failure: read on the pool. */
int ep_relace_source_file(ep_relace_source *source, ep_loop *loop, ep_file_body *file, ep_err *err);

/* Makes a source of bytes, borrowed until it is closed. */
int ep_relace_source_bytes(ep_relace_source *source, const char *bytes, size_t len, ep_err *err);

#endif
