/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_UPLOAD_H
#define EP_RELACE_UPLOAD_H

/* Calls that send many files, of a folder, a list or a listed tree: a repo made of them, overwrite, a diff. One op: it lists the
 * folder, then makes the call, whose body is produced while it is sent.
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

/* Part of a listed tree, or all of it, as the change of a repo. */
typedef struct ep_relace_tree_change {
	ep_tree *tree;        /* its op has ended with 0 */
	bool whole;           /* an overwrite: the tree's files are all that the repo holds afterwards; else a diff of: */
	const size_t *writes; /* places in the tree */
	size_t count;
	const ep_buf *others; /* deletes and renames, written by ep_relace_add_*; NULL: none */
} ep_relace_tree_change;

/* The bytes of its body; negative EP_E... with err. */
int64_t ep_relace_tree_change_length(const ep_relace_tree_change *change, ep_err *err);

/* POST /repo/{id}/update with it. The tree is counted until the op is released. A file that is not what was listed any more is
 * `conflict`. An overwrite may be repeated, a diff not when it may have been carried out. */
int ep_relace_send_change(ep_relace_upload **out, ep_relace_client *client, ep_relace_text repo_id,
	const ep_relace_tree_change *change, const ep_relace_options *options, ep_err *err);

#endif
