/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_UPLOAD_H
#define EP_RELACE_UPLOAD_H

/* Calls that send many files, of a folder or a list: a repo made of them, and overwrite. One op: it lists the folder, then
 * makes the call, whose body is produced while it is sent.
 *
 * Life: the op's. Thread: the loop's. Owner: the consumer of the op. Arguments are only read during the call of the
 * function, but for the names and contents of a list, which stay valid until the op has ended.
 * Errors: as of ep_tree_start and ep_relace_start; a file that changes while it is sent is `conflict`. */

#include "runtime/proc/proc.h"
#include "runtime/relace/call.h"
#include "runtime/relace/files_body.h"
#include "runtime/relace/tree.h"

typedef struct ep_relace_files {
	const char *folder;        /* NULL: the list */
	const ep_files_item *list; /* of several with one name the last counts */
	size_t count;
	bool skip_binary;       /* leave out, and report, what cannot be sent; else it is an error that lists them */
	const ep_buf *metadata; /* as in repo.h; NULL: not given */
	int auto_index;         /* create: 1, 0, -1: not given */
} ep_relace_files;

typedef struct ep_relace_upload {
	ep_op op; /* consumer: ep_op_wait, ep_op_cancel, ep_op_release */
	ep_err err;
	ep_tree *tree;        /* of a folder; its `left` says what was left out */
	ep_relace_call *call; /* its body is the answer */
} ep_relace_upload;

/* POST /repo with the files. Never repeated when it may have been carried out. */
int ep_relace_create_of_files(ep_relace_upload **out, ep_relace_client *client, ep_procs *procs,
	const ep_relace_files *files, const ep_relace_options *options, ep_err *err);

/* POST /repo/{id}/update: the files are all that the repo holds afterwards. May be repeated: it states the whole. */
int ep_relace_overwrite(ep_relace_upload **out, ep_relace_client *client, ep_procs *procs, ep_relace_text repo_id,
	const ep_relace_files *files, const ep_relace_options *options, ep_err *err);

#endif
