/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_PLACE_H
#define EP_GIT_PLACE_H

/* Place: the folder that a clone fills, made before it and, when the clone fails, removed exactly as far as made.
 *
 * Life: the caller's memory. Thread: one that may block. Owner: the caller. */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/err.h"
#include "runtime/base/secret.h"

typedef struct ep_git_place {
	char *path;  /* the caller's */
	bool taken;  /* it is ours to undo */
	char at[32]; /* the folder itself, by an open descriptor, whatever is put at its path meanwhile; "": not open */
	int fd;
	size_t made; /* the length of the first part of path that was made; 0: it was there, and empty */
} ep_git_place;

/* Makes the folder and those above it, or takes an empty one. EP_EDESTINATION when something is there. */
int ep_git_place_take(ep_git_place *place, ep_err *err);

/* Removes what was made, and all that is in it; not what somebody else put in its place. */
int ep_git_place_undo(ep_git_place *place, ep_err *err);

/* Whether its path still leads to the folder that was taken. */
bool ep_git_place_is_there(const ep_git_place *place);

/* Closes the descriptor. */
void ep_git_place_close(ep_git_place *place);

/* Whether its disk has less than a block left for another file or so. */
bool ep_git_place_full(const ep_git_place *place);

/* Reads what a finished clone has checked out: the id of the commit ("" in an empty repository) and the branch (NULL: none;
 * to be freed). */
int ep_git_place_read(char head[65], char **branch, const char *path, ep_err *err);

/* EP_EIO when the clone's configuration holds the secret. */
int ep_git_place_check_config(const char *path, const ep_secret *secret, ep_err *err);

#endif
