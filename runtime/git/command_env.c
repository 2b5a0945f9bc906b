/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/command_private.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_STALL_SECONDS = 60 };

/* Commands that enter the repositories within a repository are stopped at the first, whose git would read its own
 * configuration: git status, which they run there, does not take this word. For status and commit env.c has another way. */
static void add_fuse(ep_git_command *c)
{
	if (!c->o.trust && !c->o.may_enter && strcmp(c->o.argv[1], "status") != 0 && strcmp(c->o.argv[1], "commit") != 0)
		ep_git_env_config(&c->env, "status.showUntrackedFiles", "nested");
}

/* SECTION.SUBSECTION.KEY = value */
static void set(ep_git_env *env, const char *section, const char *subsection, const char *key, const char *value)
{
	ep_buf name = {0};
	ep_buf_printf(&name, "%s.%s.%s", section, subsection, key);
	if (ep_buf_failed(&name))
		env->failed = true;
	else
		ep_git_env_config(env, name.data, value);
	ep_buf_fini(&name);
}

static void set_variable(ep_git_env *env, const char *name, const char *value)
{
	ep_buf variable = {0};
	ep_buf_printf(&variable, "%s=%s", name, value);
	if (ep_buf_failed(&variable))
		env->failed = true;
	else
		ep_git_env_add(env, variable.data);
	ep_buf_fini(&variable);
}

/* A driver without a command changes nothing. */
static void disarm_filters(ep_git_env *env, const ep_buf *names)
{
	for (size_t at = 0; at < names->len; at += strlen(names->data + at) + 1) {
		set(env, "filter", names->data + at, "clean", "");
		set(env, "filter", names->data + at, "smudge", "");
		set(env, "filter", names->data + at, "process", "");
		set(env, "filter", names->data + at, "required", "false");
	}
}

/* A branch that several remotes have is that of origin, unless the repository says otherwise. */
static void prefer_origin(ep_git_command *c)
{
	if (!ep_git_repository_get(&c->repository, "checkout.defaultremote", true))
		ep_git_env_config(&c->env, "checkout.defaultRemote", "origin");
}

void ep_git_command_configure(ep_git_command *c, const char *global)
{
	char seconds[32];
	ep_git_env *env = &c->env;
	ep_buf protocols = {0};
	uint64_t stall = c->o.stall ? c->o.stall : DEFAULT_STALL_SECONDS * EP_SECOND;
	snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)((stall + EP_SECOND - 1) / EP_SECOND));
	ep_buf_printf(&protocols, "http:https%s%s", c->o.protocols ? ":" : "", c->o.protocols ? c->o.protocols : "");
	for (const char *const *v = c->o.env; v && *v; v++) ep_git_env_add(env, *v);
	if (c->repository.git_dir) set_variable(env, "GIT_DIR", c->repository.git_dir);
	if (c->repository.work_tree) set_variable(env, "GIT_WORK_TREE", c->repository.work_tree);
	ep_git_env_start(env, &(ep_git_env_options){ep_buf_text(&protocols), global, c->o.ca_file, c->o.trust});
	ep_buf_fini(&protocols);
	ep_git_env_config(env, "http.lowSpeedLimit", "1");
	ep_git_env_config(env, "http.lowSpeedTime", seconds);
	/* Else git asks the repositories that this one borrows from, with what their own configuration says. A clone by a
	 * reference, which has no repository yet, lives from the answer. */
	if (!c->o.trust && c->repository.git_dir) ep_git_env_config(env, "core.alternateRefsCommand", ":");
	add_fuse(c);
	prefer_origin(c);
	disarm_filters(env, &c->repository.filters);
	for (const char *const *pair = c->o.config; pair && *pair; pair += 2) ep_git_env_config(env, pair[0], pair[1]);
	if (ep_git_command_has_credential(c)) set(env, "credential", c->url.scope, "helper", ep_git_credential_helper);
	/* To this machine there is no proxy in between, which over http would read the credential. */
	if (c->loopback) set(env, "http", c->loopback, "proxy", "");
}
