/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/buf.h"
#include "runtime/base/mem.h"

static const char *const kept[] = {"PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
	"ALL_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"};

/* No configuration of the system or the user, no prompt, no other transport, errors in English, which classify.c reads. */
static const char *const fixed[] = {"LC_ALL=C", "LANG=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
	"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "GIT_ALLOW_PROTOCOL=http:https", "GIT_DEFAULT_REF_FORMAT=files"};

static const char *const settings[][2] = {{"core.hooksPath", "/dev/null"}, {"core.fsmonitor", "false"},
	{"core.askPass", ""}, {"submodule.recurse", "false"}, {"protocol.version", "2"}, {"gc.auto", "0"},
	{"maintenance.auto", "false"}, {"transfer.fsckObjects", "true"}, {"http.followRedirects", "false"},
	{"credential.helper", ""}, {"credential.useHttpPath", "true"}, {"init.defaultBranch", "main"},
	{"advice.detachedHead", "false"}};

/* What comes is checked, but for faults that old history really has and that harm nobody. */
static const char *const forgiven[] = {"zeroPaddedFilemode", "badTimezone", "missingSpaceBeforeDate",
	"missingNameBeforeEmail", "missingSpaceBeforeEmail", "badFilemode", "missingTaggerEntry", "badDate"};

static void add(ep_git_env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(ep_git_env *env, const char *format, ...)
{
	ep_buf text = {0};
	va_list args;
	va_start(args, format);
	ep_buf_vprintf(&text, format, args);
	va_end(args);
	char *var = env->count < EP_GIT_ENV_MAX ? ep_buf_take(&text) : NULL;
	if (var)
		env->vars[env->count++] = var;
	else
		env->failed = true;
	ep_buf_fini(&text);
}

void ep_git_env_config(ep_git_env *env, const char *key, const char *value)
{
	add(env, "GIT_CONFIG_KEY_%u=%s", env->configs, key);
	add(env, "GIT_CONFIG_VALUE_%u=%s", env->configs, value);
	env->configs++;
}

void ep_git_env_start(ep_git_env *env, const char *ca_file)
{
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const char *value = getenv(kept[i]);
		if (value) add(env, "%s=%s", kept[i], value);
	}
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) add(env, "%s", fixed[i]);
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		ep_git_env_config(env, settings[i][0], settings[i][1]);
	for (size_t i = 0; i < sizeof forgiven / sizeof *forgiven; i++) {
		char key[64];
		snprintf(key, sizeof key, "fetch.fsck.%s", forgiven[i]);
		ep_git_env_config(env, key, "ignore");
	}
	if (ca_file) ep_git_env_config(env, "http.sslCAInfo", ca_file);
}

int ep_git_env_end(ep_git_env *env, ep_err *err)
{
	add(env, "GIT_CONFIG_COUNT=%u", env->configs);
	return env->failed ? ep_err_set(err, EP_ENOMEM, "no memory for the environment of git") : 0;
}

void ep_git_env_fini(ep_git_env *env)
{
	for (size_t i = 0; i < env->count; i++) ep_free(env->vars[i]);
	*env = (ep_git_env){0};
}
