/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_PROGRESS_H
#define EP_GIT_PROGRESS_H

/* Progress: what git says on its standard error while it works, as numbers.
 *
 * Life: the caller's memory, {0} at first. Thread: the owner's. Owner: the caller. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ep_git_progress {
	const char *phase;    /* static: "enumerating", "counting", "compressing", "receiving", "resolving", "checkout" */
	int percent;          /* 0 .. 100; -1: unknown */
	uint64_t done, total; /* objects or files; total 0: unknown */
	uint64_t bytes;       /* received; 0 outside of "receiving" */
} ep_git_progress;

typedef struct ep_git_progress_reader {
	char line[256];
	size_t len;
} ep_git_progress_reader;

/* Reads further output; true when it held a line of progress, of which the last is in *now. */
bool ep_git_progress_read(ep_git_progress_reader *reader, ep_git_progress *now, const char *bytes, size_t len);

/* Whether a line is one of progress. */
bool ep_git_progress_line(ep_git_progress *now, const char *line);

#endif
