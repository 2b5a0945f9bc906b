/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/buf.h"
#include "runtime/base/mem.h"

/* HOME is not among them: libcurl would look into its .netrc, and git into its attributes and ignored names. */
static const char *const kept[] = {"PATH", "TMPDIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
	"ALL_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"};

/* No configuration of the system, no prompt, errors in English, which classify.c reads; and what only reads takes no lock,
 * which another task's commit would run into. */
static const char *const fixed[] = {"HOME=/nonexistent", "LC_ALL=C", "LANG=C", "GIT_CONFIG_NOSYSTEM=1",
	"GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
	"GIT_ASKPASS=", "GIT_EDITOR=:", "GIT_SEQUENCE_EDITOR=:", "GIT_PAGER=cat", "GIT_SSH_COMMAND=ssh",
	"GIT_MERGE_AUTOEDIT=no", "GIT_DEFAULT_REF_FORMAT=files"};

/* Commits are written and shown in UTF-8, as scripts have them, whatever the repository prefers. */
static const char *const settings[][2] = {{"i18n.commitEncoding", "UTF-8"}, {"i18n.logOutputEncoding", "UTF-8"},
	{"core.askPass", ""}, {"submodule.recurse", "false"}, {"protocol.version", "2"}, {"gc.auto", "0"},
	{"maintenance.auto", "false"}, {"transfer.fsckObjects", "true"}, {"fetch.fsckObjects", "true"},
	{"http.followRedirects", "false"}, {"credential.helper", ""}, {"credential.useHttpPath", "true"},
	{"init.defaultBranch", "main"}, {"advice.detachedHead", "false"}, {"color.ui", "false"}};

/* What a repository could name to have it run; and nothing that enters a repository within it, whose own configuration
 * counts there. */
static const char *const inert[][2] = {{"core.hooksPath", "/dev/null"}, {"core.fsmonitor", "false"},
	{"commit.gpgSign", "false"}, {"tag.gpgSign", "false"}, {"tag.forceSignAnnotated", "false"},
	{"push.gpgSign", "false"}, {"log.showSignature", "false"}, {"merge.verifySignatures", "false"},
	{"diff.submodule", "short"}, {"diff.ignoreSubmodules", "dirty"}, {"fetch.recurseSubmodules", "false"},
	{"push.recurseSubmodules", "no"}, {"status.submoduleSummary", "false"}, {"help.autocorrect", "0"}};

/* What comes is checked, but for faults that old history really has and that harm nobody. */
static const char *const forgiven[] = {"zeroPaddedFilemode", "badTimezone", "missingSpaceBeforeDate",
	"missingNameBeforeEmail", "missingSpaceBeforeEmail", "badFilemode", "missingTaggerEntry", "badDate"};

static bool grow(ep_git_env *env)
{
	size_t room = env->room ? env->room * 2 : 128;
	char **vars = ep_realloc(env->vars, room * sizeof *vars);
	if (!vars) return false;
	env->vars = vars;
	env->room = room;
	return true;
}

static void add(ep_git_env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(ep_git_env *env, const char *format, ...)
{
	ep_buf text = {0};
	va_list args;
	va_start(args, format);
	ep_buf_vprintf(&text, format, args);
	va_end(args);
	char *var = env->count + 1 < env->room || grow(env) ? ep_buf_take(&text) : NULL;
	if (var) {
		env->vars[env->count++] = var;
		env->vars[env->count] = NULL;
	} else {
		env->failed = true;
	}
	ep_buf_fini(&text);
}

void ep_git_env_add(ep_git_env *env, const char *variable) { add(env, "%s", variable); }

void ep_git_env_config(ep_git_env *env, const char *key, const char *value)
{
	add(env, "GIT_CONFIG_KEY_%u=%s", env->configs, key);
	add(env, "GIT_CONFIG_VALUE_%u=%s", env->configs, value);
	env->configs++;
}

void ep_git_env_start(ep_git_env *env, const ep_git_env_options *o)
{
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const char *value = getenv(kept[i]);
		if (value) add(env, "%s=%s", kept[i], value);
	}
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) add(env, "%s", fixed[i]);
	add(env, "GIT_ALLOW_PROTOCOL=%s", o->protocols ? o->protocols : "http:https");
	add(env, "GIT_CONFIG_GLOBAL=%s", o->global ? o->global : "/dev/null");
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		ep_git_env_config(env, settings[i][0], settings[i][1]);
	for (size_t i = 0; i < sizeof inert / sizeof *inert && !o->trust; i++)
		ep_git_env_config(env, inert[i][0], inert[i][1]);
	for (size_t i = 0; i < sizeof forgiven / sizeof *forgiven; i++) {
		char key[64];
		snprintf(key, sizeof key, "fetch.fsck.%s", forgiven[i]);
		ep_git_env_config(env, key, "ignore");
	}
	if (o->ca_file) ep_git_env_config(env, "http.sslCAInfo", o->ca_file);
}

int ep_git_env_end(ep_git_env *env, ep_err *err)
{
	add(env, "GIT_CONFIG_COUNT=%u", env->configs);
	return env->failed ? ep_err_set(err, EP_ENOMEM, "no memory for the environment of git") : 0;
}

void ep_git_env_fini(ep_git_env *env)
{
	for (size_t i = 0; i < env->count; i++) ep_free(env->vars[i]);
	ep_free(env->vars);
	*env = (ep_git_env){0};
}
