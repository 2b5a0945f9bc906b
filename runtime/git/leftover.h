/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_LEFTOVER_H
#define EP_GIT_LEFTOVER_H

/* Leftover: the lock files that a killed git left behind in a repository. They are told from those of others by their
 * time, and by whether a process has them open.
 *
 * Life: nothing is kept. Thread: one that may block. Owner: the caller. */

#include <time.h>

/* The time before git starts, by the clock of files. */
void ep_git_leftover_start(struct timespec *since);

/* Removes the locks that came since then and that nobody has open. Returns how many. */
unsigned ep_git_leftover_remove(const struct timespec *since, const char *git_dir, const char *common);

#endif
