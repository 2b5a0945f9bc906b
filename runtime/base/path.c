/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/path.h"

#include <string.h>
#include <strings.h>

#include "runtime/base/utf8.h"

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

/* The name is shown as far as it is plain. */
int ep_repo_path_check(const char *path, size_t len, ep_err *err)
{
	char shown[61];
	size_t n = 0;
	const char *reason = wrong(path, len);
	if (!reason) return 0;
	for (; n < len && n < sizeof shown - 1; n++) shown[n] = path[n] < ' ' || path[n] == 0x7f ? '?' : path[n];
	shown[n] = '\0';
	return ep_err_set(err, EP_EINVAL, "the path '%s%s' of a file %s", shown, n < len ? "..." : "", reason);
}
