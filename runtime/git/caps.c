/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/caps.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fs/fs.h"

enum { LINE_MAX_BYTES = 64 * 1024 };

/* --- a listing --- */

bool ep_git_in_cone(const char *const *folders, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash ? (size_t)(slash - path) : 0;
	if (!dir) return true;
	for (; *folders; folders++) {
		size_t len = strlen(*folders), common = len < dir ? len : dir;
		const char *longer = len < dir ? path : *folders;
		if (memcmp(path, *folders, common) != 0) continue;
		/* The folder is above the file, or the file's own folder is above it. */
		if (len == 0 || len == dir || longer[common] == '/') return true;
	}
	return false;
}

/* "100644 blob ID    SIZE<TAB>PATH"; without -l there is no size, and a submodule has "-". */
static void count(ep_git_listing *l, const char *line)
{
	const char *tab = strchr(line, '\t'), *last = tab;
	if (!tab || (l->folders && !ep_git_in_cone(l->folders, tab + 1))) return;
	while (last > line && last[-1] != ' ') last--;
	l->files++;
	/* An id has at least forty digits: the word before the path is a size only when it is shorter. */
	if (tab - last < 24) l->bytes += strtoull(last, NULL, 10);
}

void ep_git_listing_read(ep_git_listing *l, const char *bytes, size_t len)
{
	l->line.limit = LINE_MAX_BYTES;
	for (size_t from = 0; from < len;) {
		const char *end = memchr(bytes + from, '\0', len - from);
		size_t n = end ? (size_t)(end - bytes) - from : len - from;
		if (ep_buf_add(&l->line, bytes + from, n)) l->lost = true;
		from += n + 1;
		if (!end) break;
		count(l, ep_buf_text(&l->line));
		ep_buf_reset(&l->line);
	}
}

void ep_git_listing_fini(ep_git_listing *l) { ep_buf_fini(&l->line); }

/* --- the disk --- */

static bool in_git_folder(const char *name)
{
	for (const char *at = name; (at = strstr(at, ".git")); at++)
		if ((at == name || at[-1] == '/') && (at[4] == '/' || !at[4])) return true;
	return false;
}

int ep_git_measure(ep_git_caps *now, const char *folder, const atomic_bool *stop)
{
	ep_fs_list list = {0};
	ep_err err = {0};
	*now = (ep_git_caps){0};
	int rc = ep_fs_walk_tree(&list, folder, NULL, stop, &err);
	ep_err_fini(&err);
	if (rc) return rc == EP_ENOMEM || rc == EP_ECANCELLED ? rc : 0; /* it is being made, or removed */
	for (size_t i = 0; i < list.count; i++) {
		const ep_fs_entry *e = &list.entries[i];
		if (e->type == EP_FS_DIRECTORY) continue;
		now->bytes += e->size;
		if (!in_git_folder(e->name)) now->files++;
	}
	ep_fs_list_fini(&list);
	return 0;
}

int ep_git_caps_check(const ep_git_caps *caps, const ep_git_caps *now, const char *what, ep_err *err)
{
	if (caps->files && now->files > caps->files)
		return ep_err_set(err, EP_ETOOLARGE, "%s: more files than max_files (%llu) allows; it was stopped and removed",
			what, (unsigned long long)caps->files);
	if (caps->bytes && now->bytes > caps->bytes)
		return ep_err_set(err, EP_ETOOLARGE, "%s: more bytes than max_bytes (%llu) allows; it was stopped and removed",
			what, (unsigned long long)caps->bytes);
	return 0;
}
