/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_CONFIG_H
#define EP_GIT_CONFIG_H

/* Config: git's configuration files, read by git's rules, and what a setting could do.
 *
 * The reader is strict: a text that it takes has the same settings for git, and what it is not sure of it refuses.
 *
 * Life: texts are borrowed for the call. Thread: any. Owner: the caller. */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"

/* Told of each setting: "section.key" or "section.Sub section.key"; value is NULL for a key alone, which means true.
 * A result other than 0 ends the reading. */
typedef int ep_git_config_entry(void *arg, const char *key, const char *value);

/* Reads a text. 0, EP_ECORRUPT with the line that is not understood, EP_ENOMEM, or what entry returned. */
int ep_git_config_parse(const char *text, size_t len, ep_git_config_entry *entry, void *arg, ep_err *err);

/* Reads a file; a missing one has no settings. Other than a regular file of at most 1 MiB is EP_ECORRUPT. */
int ep_git_config_file(const char *path, ep_git_config_entry *entry, void *arg, ep_err *err);

/* Adds the setting to a text, as git would write it. */
void ep_git_config_write(ep_buf *text, const char *key, const char *value);

enum {
	EP_GIT_SAFE,   /* can neither run a program nor lead elsewhere, under the environment of env.c */
	EP_GIT_FILTER, /* names a program that changes content, and can be overridden: filter.NAME.* */
	EP_GIT_UNSAFE, /* could */
	EP_GIT_UNKNOWN /* could be anything */
};

/* Whether the setting does nothing by itself, in a repository within another one: what env.c says does not count there. */
bool ep_git_config_is_passive(const char *key);

/* The first setting of a git directory that is not passive, in *key, which is the caller's to free; NULL: there is none. What
 * cannot be read is told as a setting "config". 0 or EP_ENOMEM. */
int ep_git_config_find_active(char **key, const char *git_dir);

/* What the setting of a repository could do, when git runs `command`. */
int ep_git_config_judge(const char *key, const char *command);

#endif
