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

typedef struct ep_git_env {
	char **vars; /* NULL at the end: what a child is given */
	size_t count, room;
	unsigned configs;
	bool failed;
} ep_git_env;

typedef struct ep_git_env_options {
	const char *protocols; /* as of GIT_ALLOW_PROTOCOL; NULL: "http:https" */
	const char *global;    /* the file that is read as the user's configuration; NULL: none */
	const char *ca_file;   /* NULL: as git finds them */
	bool trust;            /* the hooks and programs of the repository may run */
} ep_git_env_options;

/* The variables that git needs of the user's (PATH, TMPDIR, proxies, certificates), a quiet git that never asks, a HOME
 * that is not there, no other configuration than ours, and, without trust, the settings that keep a repository from
 * running code. */
void ep_git_env_start(ep_git_env *env, const ep_git_env_options *options);

/* A variable "NAME=value"; of two with one name the first counts. */
void ep_git_env_add(ep_git_env *env, const char *variable);

/* A setting, with precedence over all files and over those before it. */
void ep_git_env_config(ep_git_env *env, const char *key, const char *value);

/* Adds the number of the settings. 0 or EP_ENOMEM. */
int ep_git_env_end(ep_git_env *env, ep_err *err);

void ep_git_env_fini(ep_git_env *env);

#endif
