/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_QUERY_H
#define EP_RELACE_QUERY_H

/* The query of a URL: pairs "name=value", both sides escaped, with '&' between them.
 *
 * Life, Owner: the caller's buffers. Thread: any. Errors: what the buffer says. */

#include "runtime/base/buf.h"
#include "runtime/relace/options.h"

/* Add a pair to a path, behind '?' or '&'; nothing for a text of NULL, an integer or a flag below 0. */
void ep_query_add_text(ep_buf *path, const char *name, ep_relace_text value);
void ep_query_add_integer(ep_buf *path, const char *name, int64_t value);
void ep_query_add_flag(ep_buf *path, const char *name, int flag);

/* Adds the pairs of all queries to a URL that has none yet. A later query wins: of an earlier one the pairs whose name
 * stands in a later one are left out. */
void ep_query_merge(ep_buf *url, const ep_relace_text *queries, size_t count);

#endif
