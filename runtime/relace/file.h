/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_FILE_H
#define EP_RELACE_FILE_H

/* Single files of a repo (section 8 of the API), of any bytes.
 *
 * Life: arguments are only read during the call of the function. Thread: the loop's. Owner: the caller.
 * Errors: EP_EINVAL that names the argument, before anything is sent; else as of ep_relace_start. Paths are checked by
 * ep_repo_path_check. */

#include "runtime/relace/call.h"

/* PUT /repo/{id}/file/{path}: the whole content, so that it may be repeated when the source can be rewound. The source is taken,
 * also on failure. */
int ep_relace_file_upload(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text path,
	ep_relace_source *source, const ep_relace_options *options, ep_err *err);

/* GET. stream: as in call.h, with `stall` ns without a byte (0: the client's); else the bytes are the call's body. */
int ep_relace_file_download(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text path,
	bool stream, uint64_t stall, const ep_relace_options *options, ep_err *err);

/* DELETE. One that is not there is success, with status 404. */
int ep_relace_file_delete(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text path,
	const ep_relace_options *options, ep_err *err);

#endif
