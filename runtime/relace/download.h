/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_DOWNLOAD_H
#define EP_RELACE_DOWNLOAD_H

/* A file of a repo into a file on disk: written on the pool of threads while it comes, in place at once when it is whole.
 * A transfer that breaks off is begun again, as often as a call may be.
 *
 * Life: the op's. Thread: the loop's. Owner: the consumer of the op. Arguments are only read during the call of the function.
 * Errors: as of file.h, and what writing a file meets (permission, no_space, not_found, io). Nothing of the file is left then,
 * and what was at its place before still is. */

#include "runtime/relace/call.h"

typedef struct ep_relace_download {
	ep_op op; /* consumer: ep_op_wait, ep_op_cancel, ep_op_release */
	ep_err err;
	ep_relace_call *call; /* the last one, for its headers */
	uint64_t bytes;
} ep_relace_download;

/* options: the timeout of an attempt ends with its headers, the deadline is for all. */
int ep_relace_download_start(ep_relace_download **out, ep_relace_client *client, ep_relace_text repo_id,
	ep_relace_text path, const char *to, uint64_t stall, const ep_relace_options *options, ep_err *err);

#endif
