/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_REPOSITORY_H
#define EP_GIT_REPOSITORY_H

/* Repository: a folder as git will see it, looked at before git is: where its git directory is, and whether its
 * configuration could run a program. A script that wrote into it could have put one there.
 *
 * Life: the caller's memory, {0} at first; ep_git_repository_fini. Thread: one that may block. Owner: the struct owns its
 * texts. Errors: EP_ENOENT, EP_EUNSAFE, EP_ECORRUPT, EP_ENOMEM, those of the file system. */

#include <stdbool.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"

typedef struct ep_git_repository {
	char *work_tree; /* absolute; NULL: bare */
	char *git_dir;   /* absolute */
	char *common;    /* that of the main work tree; the same but in a linked one */
	ep_buf filters;  /* the names of its filters, each with a NUL behind it: to be overridden */
	ep_buf settings; /* pairs of key and value, each with a NUL behind it, in their order */
	bool own_worktree_config;
} ep_git_repository;

/* Reads the repository whose top folder, or which as a bare one, is directory: no folder above it is looked at. git_dir, when
 * not NULL, is where its git directory is. Without trust it is refused when its configuration has a setting that could
 * run a program while git runs `command`, or when its .git leads to a place that does not know of it. */
int ep_git_repository_read(
	ep_git_repository *r, const char *directory, const char *git_dir, bool trust, const char *command, ep_err *err);

/* The last value of a key, the first with `first`; NULL: there is none. */
const char *ep_git_repository_get(const ep_git_repository *r, const char *key, bool first);

/* The remote from which git fetches what is missing in a partial clone; its length in *len, NULL in any other. */
const char *ep_git_repository_promisor(const ep_git_repository *r, size_t *len);

void ep_git_repository_fini(ep_git_repository *r);

#endif
