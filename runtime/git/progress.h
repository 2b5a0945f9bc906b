/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_PROGRESS_H
#define EP_GIT_PROGRESS_H

/* Progress: what git says on its standard error while it works, as numbers.
 *
 * Life: the caller's memory, {0} at first. Thread: the owner's. Owner: the caller. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The phases of a clone, fetch or push, in their order. */
enum {
	EP_GIT_ENUMERATING,
	EP_GIT_COUNTING,
	EP_GIT_COMPRESSING,
	EP_GIT_WRITING,
	EP_GIT_RECEIVING,
	EP_GIT_RESOLVING,
	EP_GIT_CHECKOUT,
	EP_GIT_PHASES
};

typedef struct ep_git_progress {
	int phase;
	int percent;          /* 0 .. 100; -1: unknown */
	uint64_t done, total; /* objects or files; total 0: unknown */
	uint64_t bytes;       /* received or sent; 0 outside of "receiving" and "writing" */
	uint64_t rate;        /* bytes a second; 0: not told */
} ep_git_progress;

typedef struct ep_git_progress_reader {
	char line[256];
	size_t len;
} ep_git_progress_reader;

/* Reads further output, and tells of each line of progress in it. */
void ep_git_progress_read(ep_git_progress_reader *reader, const char *bytes, size_t len,
	void (*on_progress)(void *arg, const ep_git_progress *now), void *arg);

/* "receiving" and so on. Static. */
const char *ep_git_phase_name(int phase);

/* Whether a line is one of progress. */
bool ep_git_progress_line(ep_git_progress *now, const char *line);

#endif
