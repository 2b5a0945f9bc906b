/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_MACHINE_H
#define EP_GIT_MACHINE_H

/* Machine: what this machine's git needs to reach the network, out of the user's configuration, and nothing else of it.
 *
 * Life: the caller's memory. Thread: ep_git_machine_find the loop's, ep_git_machine_open one that may block.
 * Owner: the caller. */

#include "runtime/base/err.h"

enum { EP_GIT_MACHINE_FILES = 3 };

typedef struct ep_git_machine {
	char *files[EP_GIT_MACHINE_FILES]; /* system, then user; NULL: none */
	char *home;                        /* NULL: none */
} ep_git_machine;

/* Where the configuration is, by this process's environment. 0 or EP_ENOMEM. */
int ep_git_machine_find(ep_git_machine *m);

/* Opens a file in memory that git reads as the user's configuration: proxies and certificates of the real one, and
 * "Relace <noreply@relace.ai>" as the author when a repository names no other. A file that cannot be read has
 * nothing. *out is close-on-exec, and the caller's. */
int ep_git_machine_open(int *out, const ep_git_machine *m, ep_err *err);

void ep_git_machine_fini(ep_git_machine *m);

#endif
