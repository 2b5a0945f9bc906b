/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_COMMAND_PRIVATE_H
#define EP_GIT_COMMAND_PRIVATE_H

/* What the files of a command share.
 *
 * Life, Thread, Owner: as in command.h, but where a function says otherwise. */

#include "runtime/git/command.h"

/* Copies what outlives the start. 0 or EP_ENOMEM. */
int ep_git_command_copy(ep_git_command *c, const ep_git_command_options *options);

/* Finds the URL that the credential is for, and whether it may go there. Thread: one that may block. */
int ep_git_command_find_remote(ep_git_command *c);

/* A credential goes to its address alone. */
static inline bool ep_git_command_has_credential(const ep_git_command *c) { return c->o.credential && c->url.text; }

/* Fills c->env; global is the file that git reads as the user's configuration. */
void ep_git_command_configure(ep_git_command *c, const char *global);

#endif
