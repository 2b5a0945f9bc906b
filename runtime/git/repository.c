/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/repository.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/git/config.h"

/* DIR/NAME in out; false when it is too long. */
static bool join(char out[PATH_MAX], const char *folder, const char *name)
{
	size_t a = strlen(folder), b = strlen(name);
	if (a + b + 2 > PATH_MAX) return false;
	memcpy(out, folder, a);
	out[a] = '/';
	memcpy(out + a + 1, name, b + 1);
	return true;
}

static bool exists(const char *folder, const char *name, struct stat *st)
{
	char path[PATH_MAX];
	return join(path, folder, name) && lstat(path, st) == 0;
}

/* The path in a small file, behind `prefix`, as a real one; relative to `folder`. */
static bool read_link(char out[PATH_MAX], const char *path, const char *prefix, const char *folder)
{
	char text[PATH_MAX + 16], full[PATH_MAX];
	size_t skip = strlen(prefix);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0) close(fd);
	if (n < 0 || n == (ssize_t)sizeof text - 1) return false; /* it could go on */
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
	text[n] = '\0';
	if (strncmp(text, prefix, skip) != 0 || !text[skip]) return false;
	if (text[skip] == '/') return realpath(text + skip, out) != NULL;
	return join(full, folder, text + skip) && realpath(full, out);
}

static int copy(char **to, const char *text)
{
	ep_free(*to);
	*to = ep_strdup(text);
	return *to ? 0 : EP_ENOMEM;
}

/* A linked work tree: its git directory names the .git file that leads to it. */
static bool is_linked_back(const char *git_dir, const char *dot_git)
{
	char back[PATH_MAX], file[PATH_MAX], real[PATH_MAX];
	return join(file, git_dir, "gitdir") && read_link(back, file, "", git_dir) && realpath(dot_git, real) &&
		!strcmp(back, real);
}

/* Whether the git directory of a linked work tree is where git makes one: in the repository that it names as its own. */
static bool is_within(const char *git_dir, const char *common)
{
	static const char between[] = "/worktrees/";
	size_t len = strlen(common);
	return !strncmp(git_dir, common, len) && !strncmp(git_dir + len, between, sizeof between - 1) &&
		!strchr(git_dir + len + sizeof between - 1, '/');
}

static int not_here(ep_err *err, const char *directory)
{
	return ep_err_set(err, EP_ENOENT,
		"'%s' is not the top folder of a git repository (folders above it are not looked at)", directory);
}

static int leads_away(ep_err *err, const char *directory)
{
	return ep_err_set(err, EP_EUNSAFE,
		"'%s/.git' leads to a repository that does not know of this folder; if that is meant, say so with the option "
		"git_dir",
		directory);
}

/* Finds the git directory of the folder, which is a real path. */
static int find(ep_git_repository *r, const char *directory, bool trust, ep_err *err)
{
	struct stat st;
	char dot_git[PATH_MAX], target[PATH_MAX];
	if (!join(dot_git, directory, ".git")) return not_here(err, directory);
	if (lstat(dot_git, &st)) { /* a bare one has its parts in the folder itself */
		bool bare =
			exists(directory, "HEAD", &st) && exists(directory, "objects", &st) && exists(directory, "refs", &st);
		return bare ? copy(&r->git_dir, directory) : not_here(err, directory);
	}
	if (copy(&r->work_tree, directory)) return EP_ENOMEM;
	if (S_ISDIR(st.st_mode)) return copy(&r->git_dir, dot_git);
	if (S_ISLNK(st.st_mode) && !trust) return leads_away(err, directory);
	if (S_ISLNK(st.st_mode)) return realpath(dot_git, target) ? copy(&r->git_dir, target) : not_here(err, directory);
	if (!read_link(target, dot_git, "gitdir: ", directory)) return not_here(err, directory);
	if (!trust && !is_linked_back(target, dot_git)) return leads_away(err, directory);
	return copy(&r->git_dir, target);
}

static int locate(ep_git_repository *r, const char *directory, const char *git_dir, bool trust, ep_err *err)
{
	char real[PATH_MAX], path[PATH_MAX];
	if (!realpath(directory, real)) {
		int code = ep_err_of_errno(-errno);
		return ep_err_set(err, code, "the folder '%s': %s", directory, strerror(errno));
	}
	int rc = 0;
	if (!git_dir)
		rc = find(r, real, trust, err);
	else if (!realpath(git_dir, path))
		rc = ep_err_set(err, EP_ENOENT, "the git directory '%s': %s", git_dir, strerror(errno));
	else if (copy(&r->work_tree, real) || copy(&r->git_dir, path))
		rc = EP_ENOMEM;
	if (rc) return rc;
	struct stat st;
	if (!exists(r->git_dir, "commondir", &st)) return copy(&r->common, r->git_dir);
	/* git follows it, however it is written: what cannot be read the same way here is not followed at all. */
	if (!join(path, r->git_dir, "commondir") || !read_link(real, path, "", r->git_dir))
		return leads_away(err, directory);
	if (!trust && !git_dir && !is_within(r->git_dir, real)) return leads_away(err, directory);
	return copy(&r->common, real);
}

/* --- links --- */

static bool has_link(int folder, bool deep, int levels);

static bool enters_link(int folder, const char *name, int levels)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && has_link(fd, true, levels - 1);
}

static unsigned char type_of(DIR *dir, const struct dirent *e)
{
	struct stat st;
	if (e->d_type != DT_UNKNOWN) return e->d_type; /* some file systems do not tell */
	return fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ? DT_UNKNOWN : IFTODT(st.st_mode);
}

static bool is_link(DIR *dir, const struct dirent *e, bool deep, int levels)
{
	unsigned char type = type_of(dir, e);
	if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) return false;
	if (type == DT_LNK) return strcmp(e->d_name, "hooks") != 0; /* where git writes nothing, and runs nothing of ours */
	return deep && type == DT_DIR && enters_link(dirfd(dir), e->d_name, levels);
}

/* Whether the folder, which is closed, holds a symbolic link; deep: or a folder below it does. */
static bool has_link(int folder, bool deep, int levels)
{
	DIR *dir = levels > 0 ? fdopendir(folder) : NULL;
	bool found = !dir; /* what cannot be looked at */
	if (!dir) close(folder);
	for (struct dirent *e; dir && !found && (e = readdir(dir));) found = is_link(dir, e, deep, levels);
	if (dir) closedir(dir);
	return found;
}

/* git writes through a link, wherever it leads: at the top, and in these folders. */
static int refuse_links(const char *git_dir, const char *directory, ep_err *err)
{
	static const struct {
		const char *name;
		bool deep;
	} written[] = {{"", false}, {"logs", true}, {"refs", true}, {"info", false}, {"objects", false},
		{"objects/pack", false}, {"objects/info", false}, {"worktrees", false}, {"rebase-merge", false},
		{"rebase-apply", false}, {"sequencer", false}};
	enum { LEVELS = 64 };
	for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
		char path[PATH_MAX];
		int fd = join(path, git_dir, written[i].name) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		if (fd >= 0 && has_link(fd, written[i].deep, LEVELS))
			return ep_err_set(err, EP_EUNSAFE,
				"the git directory of '%s' has a symbolic link%s%s, and git would write where it leads: remove it, or "
				"open the repository with trust = true",
				directory, *written[i].name ? " in " : "", written[i].name);
	}
	return 0;
}

/* --- settings --- */

typedef struct reading {
	ep_git_repository *r;
	const char *command;
	bool trust;
	ep_err *err;
} reading;

static bool is_false(const char *value)
{
	static const char *const words[] = {"", "false", "no", "off", "0"};
	for (size_t i = 0; value && i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(value, words[i])) return true;
	return false;
}

enum { FILTERS_MAX = 100 }; /* each is five settings in the environment of git */

/* Notes the name of filter.NAME.key; an error when there are too many. */
static int add_filter(ep_git_repository *r, const char *key)
{
	const char *name = key + strlen("filter.");
	size_t len = (size_t)(strrchr(key, '.') - name);
	int count = 0;
	for (size_t at = 0; at < r->filters.len; at += strlen(r->filters.data + at) + 1, count++)
		if (strlen(r->filters.data + at) == len && !memcmp(r->filters.data + at, name, len)) return 0;
	ep_buf_add(&r->filters, name, len);
	ep_buf_putc(&r->filters, '\0');
	return count < FILTERS_MAX ? 0 : EP_ETOOLARGE;
}

static int refuse_unknown(const reading *w, const char *key)
{
	return ep_err_set(w->err, EP_EUNSAFE,
		"the configuration of '%s' sets '%s', which epact does not know and so cannot tell to be harmless: remove it, "
		"or "
		"open the repository with trust = true",
		w->r->work_tree ? w->r->work_tree : w->r->git_dir, key);
}

static int on_setting(void *arg, const char *key, const char *value)
{
	reading *w = arg;
	ep_git_repository *r = w->r;
	int verdict = w->trust ? EP_GIT_SAFE : ep_git_config_judge(key, w->command);
	if (verdict == EP_GIT_UNKNOWN) return refuse_unknown(w, key);
	if (!strcmp(key, "core.worktree") && !r->work_tree && !w->trust) verdict = EP_GIT_UNSAFE;
	if (verdict == EP_GIT_UNSAFE)
		return ep_err_set(w->err, EP_EUNSAFE,
			"the configuration of '%s' sets '%s', which could run a program or lead elsewhere: remove it, or open the "
			"repository with trust = true",
			r->work_tree ? r->work_tree : r->git_dir, key);
	if (verdict == EP_GIT_FILTER && add_filter(r, key))
		return ep_err_set(w->err, EP_EUNSAFE, "the configuration of '%s' names more than %d filters",
			r->work_tree ? r->work_tree : r->git_dir, FILTERS_MAX);
	if (!strcmp(key, "extensions.worktreeconfig")) r->own_worktree_config = !is_false(value);
	ep_buf_add(&r->settings, key, strlen(key) + 1);
	ep_buf_add(&r->settings, value ? value : "true", strlen(value ? value : "true") + 1);
	return ep_buf_failed(&r->settings) || ep_buf_failed(&r->filters) ? EP_ENOMEM : 0;
}

/* Else git would take the git directory for the top of its work tree. */
static bool is_bare(const ep_git_repository *r)
{
	const char *value = ep_git_repository_get(r, "core.bare", false);
	return value && !is_false(value);
}

int ep_git_repository_read(
	ep_git_repository *r, const char *directory, const char *git_dir, bool trust, const char *command, ep_err *err)
{
	reading w = {r, command, trust, err};
	char path[PATH_MAX];
	int rc = locate(r, directory, git_dir, trust, err);
	if (!rc && !trust) rc = refuse_links(r->git_dir, directory, err);
	if (!rc && !trust && strcmp(r->git_dir, r->common) != 0) rc = refuse_links(r->common, directory, err);
	if (!rc && join(path, r->common, "config")) rc = ep_git_config_file(path, on_setting, &w, err);
	/* One that nobody reads now may be read once the extension is on: git would then be asked again, and so are we. */
	if (!rc && r->own_worktree_config && join(path, r->git_dir, "config.worktree"))
		rc = ep_git_config_file(path, on_setting, &w, err);
	if (!rc && !r->work_tree && !is_bare(r))
		rc = ep_err_set(err, EP_ENOENT,
			"'%s' is the git directory of a work tree: open the folder that holds it, or that with git_dir", directory);
	if (rc == EP_ENOMEM) ep_err_set(err, rc, "no memory for the configuration of '%s'", directory);
	return rc;
}

const char *ep_git_repository_get(const ep_git_repository *r, const char *key, bool first)
{
	const char *found = NULL;
	for (size_t at = 0; at < r->settings.len;) {
		const char *name = r->settings.data + at, *value = name + strlen(name) + 1;
		if (!strcmp(name, key)) found = value;
		if (found && first) break;
		at = (size_t)(value - r->settings.data) + strlen(value) + 1;
	}
	return found;
}

const char *ep_git_repository_promisor(const ep_git_repository *r, size_t *len)
{
	static const char before[] = "remote.", behind[] = ".promisor";
	for (size_t at = 0; at < r->settings.len;) {
		const char *name = r->settings.data + at, *value = name + strlen(name) + 1;
		size_t size = strlen(name);
		at = (size_t)(value - r->settings.data) + strlen(value) + 1;
		if (size < sizeof before + sizeof behind - 1 || strncmp(name, before, sizeof before - 1) != 0) continue;
		*len = size - (sizeof before - 1) - (sizeof behind - 1);
		if (!strcmp(name + size - (sizeof behind - 1), behind) && !is_false(value)) return name + sizeof before - 1;
	}
	return NULL;
}

void ep_git_repository_fini(ep_git_repository *r)
{
	ep_free(r->work_tree);
	ep_free(r->git_dir);
	ep_free(r->common);
	ep_buf_fini(&r->filters);
	ep_buf_fini(&r->settings);
	*r = (ep_git_repository){0};
}
