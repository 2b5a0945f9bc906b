/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/path.h"

#include <string.h>
#include <strings.h>

#include "runtime/base/buf.h"
#include "runtime/base/utf8.h"

enum { SHOWN_MAX = 60 };

/* What is wrong with a segment; NULL: nothing. */
static const char *wrong_segment(const char *s, size_t len)
{
	if (!len) return "has an empty segment";
	if (len > EP_REPO_NAME_MAX) return "has a segment of more than 255 bytes";
	if (s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'))) return "has a segment '.' or '..'";
	return len == 4 && !strncasecmp(s, ".git", 4) ? "leads into .git" : NULL;
}

static const char *wrong(const char *path, size_t len)
{
	if (!len) return "is empty";
	if (len > EP_REPO_PATH_MAX) return "is longer than 4096 bytes";
	if (*path == '/') return "is absolute";
	if (ep_utf8_check(path, len) != len) return "is not UTF-8";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] < ' ' || path[i] == 0x7f) return "has a control byte";
	if (memchr(path, '\\', len)) return "has a backslash";
	for (const char *at = path, *end = path + len; at <= end;) {
		const char *slash = memchr(at, '/', (size_t)(end - at)), *stop = slash ? slash : end;
		const char *reason = wrong_segment(at, (size_t)(stop - at));
		if (reason) return reason;
		at = stop + 1;
	}
	return NULL;
}

/* Adds the name as far as a terminal can show it, and at most 60 bytes of it. */
static void add_shown(ep_buf *text, const char *path, size_t len)
{
	size_t at = ep_utf8_show(text, path, len, SHOWN_MAX);
	if (at < len) ep_buf_puts(text, "...");
}

int ep_repo_path_check(const char *path, size_t len, const char *argument, ep_err *err)
{
	const char *reason = wrong(path, len);
	ep_buf shown = {0};
	if (!reason) return 0;
	if (!err) return EP_EINVAL;
	add_shown(&shown, path, len);
	ep_err_set(err, EP_EINVAL, "%s '%s' %s", argument, ep_buf_text(&shown), reason);
	ep_buf_fini(&shown);
	return EP_EINVAL;
}
