/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_GIT_ENV_H
#define EP_GIT_ENV_H

/* The environment of a git that we run: made from nothing, with its configuration in it.
 *
 * Life: the caller's memory, {0} at first; ep_git_env_fini. Thread: any. Owner: the struct owns its texts.
 * Errors: remembered; ep_git_env_end tells. */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/err.h"

enum { EP_GIT_ENV_MAX = 128 };

typedef struct ep_git_env {
	char *vars[EP_GIT_ENV_MAX + 1]; /* NULL at the end: what a child is given */
	size_t count;
	unsigned configs;
	bool failed;
} ep_git_env;

/* The variables that a user's git needs (PATH, HOME, proxies, certificates), a quiet git that never asks, no other
 * configuration than ours, and the settings that keep a repository from running code. */
void ep_git_env_start(ep_git_env *env, const char *ca_file);

/* A setting, with precedence over all files. */
void ep_git_env_config(ep_git_env *env, const char *key, const char *value);

/* Adds the number of the settings. 0 or EP_ENOMEM. */
int ep_git_env_end(ep_git_env *env, ep_err *err);

void ep_git_env_fini(ep_git_env *env);

#endif
