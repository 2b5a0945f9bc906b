/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_CAPS_H
#define EP_GIT_CAPS_H

/* Caps: how large a clone may become, in files and in bytes: counted in what git lists before anything is checked out,
 * and measured on the disk while it grows.
 *
 * Life: the caller's memory, {0} with its limits at first; ep_git_listing_fini. Thread: one at a time. Owner: the caller. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"

typedef struct ep_git_caps {
	uint64_t files, bytes; /* the most there may be; 0: any number */
} ep_git_caps;

/* What a tree holds, read from the output of `git ls-tree -r -z [-l]`, as far as it will be checked out. */
typedef struct ep_git_listing {
	const char *const *folders; /* of a sparse clone, "" for the top; NULL: all of the tree */
	uint64_t files, bytes;
	ep_buf line;
	bool lost; /* no memory: the numbers are too small */
} ep_git_listing;

void ep_git_listing_read(ep_git_listing *listing, const char *bytes, size_t len);

void ep_git_listing_fini(ep_git_listing *listing);

/* Whether a sparse checkout of these folders, in cone mode, has the file: all below them, and what lies beside the way. */
bool ep_git_in_cone(const char *const *folders, const char *path);

/* Adds up what is in a folder: the bytes of all files, and those files that are not in a .git of it. What vanishes meanwhile
 * is left out. For a thread that may block; ends early when *stop became true. 0, EP_ENOMEM or EP_ECANCELLED. */
int ep_git_measure(ep_git_caps *now, const char *folder, const atomic_bool *stop);

/* 0, or EP_ETOOLARGE, which says of what. */
int ep_git_caps_check(const ep_git_caps *caps, const ep_git_caps *now, const char *what, ep_err *err);

#endif
