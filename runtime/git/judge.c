/* SPDX-License-Identifier: Apache-2.0 */
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/mem.h"
#include "runtime/git/config.h"

/* The first that matches decides; '*' between dots is any subsection. What is not here could be anything, in a git that
 * is newer than this list. Those that name programs and are safe all the same are overridden by env.c, or serve a
 * transport that is never allowed. */
static const struct {
	const char *pattern;
	int verdict;
} known[] = {
	{"core.alternaterefscommand", EP_GIT_UNSAFE},
	{"core.gitproxy", EP_GIT_UNSAFE},
	{"core.*.*", EP_GIT_UNSAFE},
	{"core.*", EP_GIT_SAFE},
	{"extensions.*", EP_GIT_SAFE},
	{"remote.*.url", EP_GIT_SAFE},
	{"remote.*.pushurl", EP_GIT_SAFE},
	{"remote.*.fetch", EP_GIT_SAFE},
	{"remote.*.push", EP_GIT_SAFE},
	{"remote.*.tagopt", EP_GIT_SAFE},
	{"remote.*.prune", EP_GIT_SAFE},
	{"remote.*.prunetags", EP_GIT_SAFE},
	{"remote.*.promisor", EP_GIT_SAFE},
	{"remote.*.partialclonefilter", EP_GIT_SAFE},
	{"remote.*.mirror", EP_GIT_SAFE},
	{"remote.*.skipdefaultupdate", EP_GIT_SAFE},
	{"remote.*.skipfetchall", EP_GIT_SAFE},
	{"remote.*.followremotehead", EP_GIT_SAFE},
	{"remote.*.gh-resolved", EP_GIT_SAFE},
	{"remote.pushdefault", EP_GIT_SAFE},
	{"remote.*", EP_GIT_UNSAFE},
	{"branch.*.mergeoptions", EP_GIT_UNSAFE},
	{"branch.*", EP_GIT_SAFE},
	{"filter.*.*", EP_GIT_FILTER},
	{"merge.*.name", EP_GIT_SAFE},
	{"merge.*.recursive", EP_GIT_SAFE},
	{"merge.*.*", EP_GIT_UNSAFE},
	{"merge.tool", EP_GIT_UNSAFE},
	{"merge.guitool", EP_GIT_UNSAFE},
	{"merge.*", EP_GIT_SAFE},
	{"diff.external", EP_GIT_UNSAFE},
	{"diff.tool", EP_GIT_UNSAFE},
	{"diff.guitool", EP_GIT_UNSAFE},
	{"diff.*.command", EP_GIT_UNSAFE},
	{"diff.*.textconv", EP_GIT_UNSAFE},
	{"diff.*", EP_GIT_SAFE},
	{"submodule.*.update", EP_GIT_UNSAFE},
	{"submodule.*", EP_GIT_SAFE},
	{"http.postbuffer", EP_GIT_SAFE},
	{"http.version", EP_GIT_SAFE},
	{"http.maxrequests", EP_GIT_SAFE},
	{"http.*", EP_GIT_UNSAFE},
	{"include.*", EP_GIT_UNSAFE},
	{"includeif.*", EP_GIT_UNSAFE},
	{"url.*", EP_GIT_UNSAFE},
	{"gpg.*", EP_GIT_UNSAFE},
	{"trailer.*", EP_GIT_UNSAFE},
	{"ssh.*", EP_GIT_UNSAFE},
	{"tar.*", EP_GIT_UNSAFE},
	{"difftool.*", EP_GIT_UNSAFE},
	{"mergetool.*", EP_GIT_UNSAFE},
	{"interactive.*", EP_GIT_UNSAFE},
	{"sendemail.*", EP_GIT_UNSAFE},
	{"credential.*", EP_GIT_SAFE},
	{"user.*", EP_GIT_SAFE},
	{"author.*", EP_GIT_SAFE},
	{"committer.*", EP_GIT_SAFE},
	{"commit.*", EP_GIT_SAFE},
	{"tag.*", EP_GIT_SAFE},
	{"push.*", EP_GIT_SAFE},
	{"pull.*", EP_GIT_SAFE},
	{"fetch.bundleuri", EP_GIT_UNSAFE},
	{"fetch.fsck.*", EP_GIT_UNSAFE},
	{"fetch.*", EP_GIT_SAFE},
	{"transfer.*", EP_GIT_SAFE},
	{"receive.fsck.*", EP_GIT_UNSAFE},
	{"receive.*", EP_GIT_SAFE},
	{"uploadpack.*", EP_GIT_SAFE},
	{"rebase.instructionformat", EP_GIT_UNSAFE}, /* a line feed in it begins a line "exec" */
	{"rebase.abbreviatecommands", EP_GIT_SAFE},
	{"rebase.autosquash", EP_GIT_SAFE},
	{"rebase.autostash", EP_GIT_SAFE},
	{"rebase.backend", EP_GIT_SAFE},
	{"rebase.forkpoint", EP_GIT_SAFE},
	{"rebase.missingcommitscheck", EP_GIT_SAFE},
	{"rebase.rebasemerges", EP_GIT_SAFE},
	{"rebase.reschedulefailedexec", EP_GIT_SAFE},
	{"rebase.stat", EP_GIT_SAFE},
	{"rebase.updaterefs", EP_GIT_SAFE},
	{"rerere.*", EP_GIT_SAFE},
	{"revert.*", EP_GIT_SAFE},
	{"add.*", EP_GIT_SAFE},
	{"am.*", EP_GIT_SAFE},
	{"mailinfo.*", EP_GIT_SAFE},
	{"stash.*", EP_GIT_SAFE},
	{"status.*", EP_GIT_SAFE},
	{"log.*", EP_GIT_SAFE},
	{"format.*", EP_GIT_SAFE},
	{"notes.*", EP_GIT_SAFE},
	{"blame.*", EP_GIT_SAFE},
	{"grep.*", EP_GIT_SAFE},
	{"clean.*", EP_GIT_SAFE},
	{"checkout.*", EP_GIT_SAFE},
	{"apply.*", EP_GIT_SAFE},
	{"color.*", EP_GIT_SAFE},
	{"column.*", EP_GIT_SAFE},
	{"advice.*", EP_GIT_SAFE},
	{"help.autocorrect", EP_GIT_SAFE},
	{"gui.*", EP_GIT_SAFE},
	{"init.*", EP_GIT_SAFE},
	{"i18n.*", EP_GIT_SAFE},
	{"index.*", EP_GIT_SAFE},
	{"feature.*", EP_GIT_SAFE},
	{"pack.*", EP_GIT_SAFE},
	{"repack.*", EP_GIT_SAFE},
	{"gc.recentobjectshook", EP_GIT_UNSAFE},
	{"gc.*", EP_GIT_SAFE},
	{"maintenance.*", EP_GIT_SAFE},
	{"fsck.*", EP_GIT_UNSAFE}, /* it reads files that are named here, and says what is in them */
	{"protocol.*", EP_GIT_SAFE},
	{"pager.*", EP_GIT_SAFE},
	{"sequence.editor", EP_GIT_SAFE},
	{"worktree.*", EP_GIT_SAFE},
	{"sparse.*", EP_GIT_SAFE},
	{"splitindex.*", EP_GIT_SAFE},
	{"versionsort.*", EP_GIT_SAFE},
	{"lfs.repositoryformatversion", EP_GIT_SAFE},
	{"lfs.*.access", EP_GIT_SAFE},
	{"lfs.*.locksverify", EP_GIT_SAFE},
	{"lfs.*", EP_GIT_UNSAFE}, /* git-lfs runs what it names */
	{"alias.*", EP_GIT_SAFE},
};

/* An alias counts when the command would run it; git's own commands go before aliases. */
static bool is_alias_of(const char *key, const char *command)
{
	size_t len = strlen(command);
	return !strncmp(key, "alias.", 6) && !strncasecmp(key + 6, command, len) && (!key[6 + len] || key[6 + len] == '.');
}

int ep_git_config_judge(const char *key, const char *command)
{
	if (is_alias_of(key, command)) return EP_GIT_UNSAFE;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!fnmatch(known[i].pattern, key, 0)) return known[i].verdict;
	return EP_GIT_UNKNOWN;
}

bool ep_git_config_is_passive(const char *key)
{
	static const char *const passive[] = {"core.repositoryformatversion", "core.filemode", "core.bare",
		"core.logallrefupdates", "core.worktree", "core.ignorecase", "core.precomposeunicode", "core.symlinks",
		"core.autocrlf", "core.eol", "extensions.objectformat", "extensions.partialclone", "index.version",
		"remote.*.url", "remote.*.pushurl", "remote.*.fetch", "remote.*.tagopt", "remote.*.promisor",
		"remote.*.partialclonefilter", "branch.*.remote", "branch.*.merge", "branch.*.rebase", "submodule.*.url",
		"submodule.*.active", "submodule.active", "user.name", "user.email", "lfs.repositoryformatversion"};
	for (size_t i = 0; i < sizeof passive / sizeof *passive; i++)
		if (!fnmatch(passive[i], key, 0)) return true;
	return false;
}

static int on_setting(void *arg, const char *key, const char *value)
{
	char **active = arg;
	(void)value;
	if (!ep_git_config_is_passive(key) && !*active) *active = ep_strdup(key);
	return !ep_git_config_is_passive(key) && !*active ? EP_ENOMEM : 0;
}

int ep_git_config_find_active(char **key, const char *git_dir)
{
	static const char *const files[] = {"config", "config.worktree"};
	int rc = 0;
	*key = NULL;
	for (size_t i = 0; i < sizeof files / sizeof *files && !rc; i++) {
		ep_buf path = {0};
		ep_buf_printf(&path, "%s/%s", git_dir, files[i]);
		rc = ep_buf_failed(&path) ? EP_ENOMEM : ep_git_config_file(path.data, on_setting, key, NULL);
		ep_buf_fini(&path);
	}
	if (rc && rc != EP_ENOMEM && !*key) *key = ep_strdup("config");
	return rc == EP_ENOMEM || (rc && !*key) ? EP_ENOMEM : 0;
}
