/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_TREE_H
#define EP_RELACE_TREE_H

/* The files of a folder that an overwrite or a create sends: listed, checked and measured, not read into memory.
 *
 * In a git work tree they are what git would commit: tracked or not ignored, and there. Elsewhere all files below the
 * folder. Never what is in a `.git`. Content is UTF-8 text without NUL; what is not, and what no text stands for, a link
 * for example, fails the op with EP_EINVAL and a list, or is left out and reported.
 *
 * Life: from ep_tree_start to the release of the op; a body of it holds a count. Thread: the loop's; the work is done on the
 * pool. Owner: the consumer of the op. Memory: some 100 bytes and the name for each file, one chunk of 256 KiB.
 * Errors: of the op: invalid_argument, not_found, permission, no_git, exists no more. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/loop/op.h"
#include "runtime/proc/proc.h"

/* Why something that is there is not among the files. */
enum {
	EP_LEFT_BINARY = 1, /* not UTF-8, or with a NUL */
	EP_LEFT_UNREADABLE,
	EP_LEFT_SYMLINK,
	EP_LEFT_SPECIAL,   /* a pipe, socket or device */
	EP_LEFT_NAME,      /* a name that no repository takes */
	EP_LEFT_REPOSITORY /* a submodule or another repository in a work tree: left out always, as git does */
};

typedef struct ep_tree_file {
	const char *name;     /* below the folder; UTF-8 */
	uint64_t size;        /* bytes */
	uint64_t json_length; /* bytes of its content in a JSON string, without the quotes */
	int64_t mtime;        /* nanoseconds; with size, device and inode: what it was when it was measured */
	dev_t device;
	ino_t inode;
	unsigned char id[20]; /* git's of the content, where it was wanted */
} ep_tree_file;

typedef struct ep_tree_left {
	const char *name; /* exact bytes */
	int reason;       /* EP_LEFT_... */
	uint64_t size;    /* of what is EP_LEFT_BINARY */
	unsigned char id[20];
} ep_tree_left;

typedef struct ep_tree_options {
	bool skip_binary; /* leave out what can't be sent, instead of failing */
	bool ids;         /* git's ids of the contents are wanted */
} ep_tree_options;

typedef struct ep_tree {
	ep_op op; /* consumer: ep_op_wait, ep_op_cancel, ep_op_release */
	ep_err err;
	/* Results, once the op has ended with 0. */
	char *path;          /* absolute, without links */
	int folder;          /* a descriptor of it */
	bool work_tree;      /* git said what is in it */
	ep_tree_file *files; /* sorted by the bytes of the name */
	size_t count;
	ep_tree_left *left; /* sorted too */
	size_t left_count;
	uint64_t bytes; /* of all files */
	struct ep_tree_plan *plan;
} ep_tree;

/* Starts to list a folder; procs runs git. options may be NULL. NULL: no memory. */
ep_tree *ep_tree_start(ep_procs *procs, const char *folder, const ep_tree_options *options);

/* The word of a reason: "binary", "unreadable", "symlink", "special", "name", "repository". */
const char *ep_tree_reason(int reason);

#endif
