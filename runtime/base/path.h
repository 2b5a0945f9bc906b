/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_PATH_H
#define EP_BASE_PATH_H

/* The path of a file in a repository, as the API takes it.
 *
 * Life: the call. Thread: any. Owner: nothing is kept. */

#include <stddef.h>

#include "runtime/base/err.h"

enum { EP_REPO_PATH_MAX = 4096, EP_REPO_NAME_MAX = 255 };

/* 0, or EP_EINVAL with the reason: empty; absolute; a segment that is empty, ".", ".." or, in any case of its letters, ".git";
 * a control byte or backslash; no UTF-8; over 4096 bytes, or 255 in a segment. The message begins with argument,
 * such as "filename". err may be NULL: then argument is not looked at. */
int ep_repo_path_check(const char *path, size_t len, const char *argument, ep_err *err);

#endif
