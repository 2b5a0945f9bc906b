/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/tree_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/base/path.h"
#include "runtime/base/utf8.h"
#include "runtime/relace/content.h"

enum { NAMES_IN_ERROR = 20, GONE = 100 };

/* A name that was listed, and what is known of it: the tag of git, or the type of the walk. */
struct candidate {
	const char *name;
	char tag;  /* 'S': left out of a sparse checkout; 0: walked */
	int type;  /* EP_FS_...; 0: not known */
	int error; /* of a folder that the walk could not read */
};

struct scan {
	ep_tree *tree;
	struct candidate *candidates;
	size_t count;
	char *chunk;
	size_t sparse; /* files that are in the index, but not here on purpose */
	const char *first_sparse;
	const atomic_bool *stop;
	ep_err *err;
};

static int no_memory(ep_err *err) { return ep_err_set(err, EP_ENOMEM, "not enough memory"); }

/* --- where it is --- */

static int fail_folder(const char *folder, int error, ep_err *err)
{
	ep_buf text = {0};
	ep_buf_printf(&text, "reading the folder %s", folder);
	int code = ep_err_set_errno(err, -error, ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}

/* Whether there is a .git in the folder or above; git then says whether that is one of its own. */
static bool find_git(const char *path)
{
	ep_buf at = {0};
	struct stat st;
	bool found = false;
	ep_buf_puts(&at, path);
	while (!found && !ep_buf_failed(&at)) {
		size_t len = at.len;
		ep_buf_puts(&at, "/.git");
		found = !ep_buf_failed(&at) && !lstat(at.data, &st);
		at.data[len] = '\0';
		char *slash = strrchr(at.data, '/');
		if (!slash) break;
		at.len = (size_t)(slash - at.data);
		at.data[at.len] = '\0';
	}
	ep_buf_fini(&at);
	return found;
}

int ep_tree_locate(ep_tree *tree, ep_err *err)
{
	struct ep_tree_plan *plan = tree->plan;
	char *real = realpath(plan->folder, NULL);
	if (!real) return fail_folder(plan->folder, errno, err);
	tree->path = ep_strdup(real);
	free(real);
	if (!tree->path) return no_memory(err);
	tree->folder = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->folder < 0) return fail_folder(tree->path, errno, err);
	plan->in_work_tree = find_git(tree->path);
	return 0;
}

/* --- what is listed --- */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct candidate *)a)->name, ((const struct candidate *)b)->name);
}

/* One entry for each name: a file in conflict is listed once for each of its versions. */
static void sort(struct scan *s)
{
	size_t kept = 0;
	qsort(s->candidates, s->count, sizeof *s->candidates, compare);
	for (size_t i = 0; i < s->count; i++)
		if (!kept || strcmp(s->candidates[kept - 1].name, s->candidates[i].name))
			s->candidates[kept++] = s->candidates[i];
	s->count = kept;
}

static int take_listed(struct scan *s)
{
	const struct ep_tree_plan *plan = s->tree->plan;
	const char *end = plan->listed + plan->listed_len;
	size_t room = 0;
	for (const char *p = plan->listed; p < end; p += strlen(p) + 1) room++;
	s->candidates = ep_calloc(room + 1, sizeof *s->candidates);
	if (!s->candidates) return no_memory(s->err);
	for (const char *p = plan->listed; p < end; p += strlen(p) + 1) {
		if (!p[0] || p[1] != ' ') return ep_err_set(s->err, EP_EPROTOCOL, "git's list of files is not understood");
		s->candidates[s->count++] = (struct candidate){.name = p + 2, .tag = p[0]};
	}
	sort(s);
	return 0;
}

static bool is_dot_git(const char *name, size_t len) { return len == 4 && !strncasecmp(name, ".git", 4); }

static bool wanted(const char *name, int type)
{
	(void)type; /* a .git may be a file that says where the folder is */
	return !is_dot_git(name, strlen(name));
}

static int take_walked(struct scan *s)
{
	struct ep_tree_plan *plan = s->tree->plan;
	int code = ep_fs_walk_tree(&plan->walked, s->tree->path, wanted, s->stop, s->err);
	if (code) return code;
	s->candidates = ep_calloc(plan->walked.count + 1, sizeof *s->candidates);
	if (!s->candidates) return no_memory(s->err);
	for (size_t i = 0; i < plan->walked.count; i++) {
		const ep_fs_entry *e = &plan->walked.entries[i];
		if (e->type == EP_FS_DIRECTORY && !e->error) continue;
		s->candidates[s->count++] = (struct candidate){.name = e->name, .type = e->type, .error = e->error};
	}
	return 0;
}

/* --- each file --- */

static bool in_dot_git(const char *name)
{
	for (const char *part = name;; part++) {
		const char *slash = strchrnul(part, '/');
		if (is_dot_git(part, (size_t)(slash - part))) return true;
		if (!*slash) return false;
		part = slash;
	}
}

static bool is_link(const struct scan *s, const char *name)
{
	struct stat st;
	return !fstatat(s->tree->folder, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode);
}

/* A link that git tracks is one; a file below a folder that became a link is no longer there. */
static int behind_link(const struct scan *s, const char *name)
{
	char folder[PATH_MAX];
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - name);
		if (len >= sizeof folder) return EP_LEFT_NAME;
		memcpy(folder, name, len);
		folder[len] = '\0';
		if (is_link(s, folder)) return GONE;
	}
	return is_link(s, name) ? EP_LEFT_SYMLINK : GONE;
}

static int of_open_error(struct scan *s, const char *name, int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR: return GONE;
	case ELOOP: return behind_link(s, name);
	case ENXIO:
	case ENODEV: return EP_LEFT_SPECIAL;
	case EMFILE:
	case ENFILE:
	case ENOMEM: return fail_folder(s->tree->path, error, s->err);
	default: return EP_LEFT_UNREADABLE;
	}
}

/* 0 when it can be sent, EP_LEFT_..., GONE, or an error. */
static int look_at(struct scan *s, const struct candidate *c, ep_tree_file *file)
{
	size_t len = strlen(c->name);
	if (in_dot_git(c->name)) return GONE;
	if (c->type == EP_FS_SYMLINK) return EP_LEFT_SYMLINK;
	if (c->type == EP_FS_OTHER) return EP_LEFT_SPECIAL;
	if (c->error) return EP_LEFT_UNREADABLE;
	if (len && c->name[len - 1] == '/') return EP_LEFT_REPOSITORY;
	int fd = ep_fs_open_below(s->tree->folder, c->name);
	if (fd < 0) return of_open_error(s, c->name, -fd);
	int code = ep_repo_path_check(c->name, len, NULL, NULL) ? EP_LEFT_NAME : 0;
	if (!code) code = ep_content_measure(file, fd, s->chunk, s->tree->plan->ids, s->stop);
	close(fd);
	return code;
}

static void leave(ep_tree *tree, const char *name, int reason, const ep_tree_file *file)
{
	ep_tree_left *left = &tree->left[tree->left_count++];
	*left = (ep_tree_left){.name = name, .reason = reason};
	if (reason != EP_LEFT_BINARY) return;
	left->size = file->size;
	memcpy(left->id, file->id, sizeof left->id);
}

static int look_at_all(struct scan *s)
{
	ep_tree *tree = s->tree;
	int code = 0;
	for (size_t i = 0; i < s->count && code >= 0; i++) {
		const struct candidate *c = &s->candidates[i];
		ep_tree_file *file = &tree->files[tree->count];
		file->name = c->name;
		code = look_at(s, c, file);
		if (code == 0) {
			tree->count++;
			tree->bytes += file->size;
		} else if (code == GONE) {
			if (c->tag == 'S' && !s->sparse++) s->first_sparse = c->name;
		} else if (code > 0)
			leave(tree, c->name, code, file);
	}
	return code < 0 ? code : 0;
}

/* --- the end --- */

/* Adds a name that may be any bytes, so that a terminal and a log can show it. */
static void add_name(ep_buf *text, const char *name)
{
	const unsigned char *p = (const unsigned char *)name;
	for (size_t left = strlen(name), n; left; p += n, left -= n) {
		n = ep_utf8_sequence(p, left);
		if (n && *p >= ' ' && *p != 0x7f) {
			ep_buf_add(text, p, n);
			continue;
		}
		n = 1;
		ep_buf_printf(text, "\\x%02x", *p);
	}
}

static int fail_left(struct scan *s, size_t count)
{
	const ep_tree *tree = s->tree;
	ep_buf text = {0};
	size_t named = 0;
	ep_buf_printf(&text, "%zu of the files in %s cannot be sent as text: ", count, tree->path);
	for (size_t i = 0; i < tree->left_count && named < NAMES_IN_ERROR; i++) {
		if (tree->left[i].reason == EP_LEFT_REPOSITORY) continue;
		if (named++) ep_buf_puts(&text, ", ");
		add_name(&text, tree->left[i].name);
		ep_buf_printf(&text, " (%s)", ep_tree_reason(tree->left[i].reason));
	}
	if (named < count) ep_buf_printf(&text, ", and %zu more", count - named);
	ep_buf_puts(&text, "; remove them, have git ignore them, or leave them out with skip_binary = true");
	int code = ep_err_set(s->err, EP_EINVAL, "%s", ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}

/* What must not be lost silently is an error: an overwrite deletes what it does not list. */
static int judge(struct scan *s)
{
	size_t count = 0;
	if (s->sparse)
		return ep_err_set(s->err, EP_EINVAL,
			"%s is a sparse checkout: %zu files, such as %s, are not there and would be deleted; "
			"check them out first (git sparse-checkout disable)",
			s->tree->path, s->sparse, s->first_sparse);
	for (size_t i = 0; i < s->tree->left_count; i++)
		if (s->tree->left[i].reason != EP_LEFT_REPOSITORY) count++;
	return count && !s->tree->plan->skip_binary ? fail_left(s, count) : 0;
}

int ep_tree_scan(ep_tree *tree, const atomic_bool *stop, ep_err *err)
{
	struct scan s = {.tree = tree, .stop = stop, .err = err};
	int code = tree->plan->listed ? take_listed(&s) : take_walked(&s);
	if (code) goto end;
	s.chunk = ep_alloc(EP_CONTENT_CHUNK);
	tree->files = ep_calloc(s.count + 1, sizeof *tree->files);
	tree->left = ep_calloc(s.count + 1, sizeof *tree->left);
	if (!s.chunk || !tree->files || !tree->left) code = no_memory(err);
	if (!code) code = look_at_all(&s);
	if (!code) code = judge(&s);
end:
	ep_free(s.chunk);
	ep_free(s.candidates);
	return code;
}
