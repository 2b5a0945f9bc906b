/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_CLONE_H
#define EP_RELACE_CLONE_H

/* The text files of a repo, one by one (section 9 of the API): a repo may be larger than memory.
 *
 * Life: arguments are only read during the call of the function. Thread: the loop's. Owner: the caller.
 * Errors: EP_EINVAL that names the argument, before anything is sent; else as of ep_relace_start and items.h. */

#include "runtime/relace/items.h"

enum { EP_RELACE_FILE_MAX = 256 << 20 };

/* GET /repo/{id}/clone, a streamed call. commit: NULL data for the head. stall: ns without a byte; 0: the client's. */
int ep_relace_clone(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text commit,
	uint64_t stall, const ep_relace_options *options, ep_err *err);

/* The files of a streamed call that has ended with 0, {"filename":...,"content":...} each. max: bytes of one, as JSON; 0:
 * EP_RELACE_FILE_MAX. */
int ep_relace_clone_files(ep_relace_items **out, ep_relace_call *call, size_t max, ep_err *err);

#endif
