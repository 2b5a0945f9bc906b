/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_TREE_SCAN_H
#define EP_RELACE_TREE_SCAN_H

/* The part of a tree that blocks: finding the folder, then looking at each file. Only for tree.c.
 *
 * Life: the call. Thread: a pool's, alone with the tree meanwhile. Owner: the tree owns all of it. */

#include "runtime/fs/fs.h"
#include "runtime/relace/tree.h"

struct ep_tree_plan {
	ep_procs *procs;
	ep_op *inner; /* the step that runs */
	char *folder; /* as given */
	bool skip_binary, ids;
	bool in_work_tree; /* a .git was found in the folder or above it */
	char *listed;      /* what git said, entries "TAG NAME" with a NUL behind each; NULL: walk */
	size_t listed_len;
	ep_fs_list walked;
};

/* Sets path and folder of the tree, and in_work_tree. */
int ep_tree_locate(ep_tree *tree, ep_err *err);

/* Sets files, left and bytes, from what git listed or a walk. */
int ep_tree_scan(ep_tree *tree, const atomic_bool *stop, ep_err *err);

#endif
