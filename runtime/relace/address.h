/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_ADDRESS_H
#define EP_RELACE_ADDRESS_H

/* Where calls go: the base URL, checked once, and paths below it, made of checked ids.
 *
 * Life: texts are copied into the caller's buffers. Thread: any. Owner: the caller.
 * Errors: EP_EINVAL with a message that names the argument and repeats no value that could hold a secret. */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"

#define EP_RELACE_BASE_URL "https://api.relace.run/v1"

/* Adds the base URL to out: trimmed, scheme in lower case, without one trailing slash. Refused: other schemes than
 * https, and http to another host than a loopback one unless allow_http; credentials, query or fragment; blanks and
 * control bytes; a missing host; a port out of range. */
int ep_relace_base_url(ep_buf *out, const char *url, size_t len, bool allow_http, ep_err *err);

/* Whether a host (brackets of an IPv6 address may be there) can only be this machine. */
bool ep_relace_loopback(const char *host, size_t len);

/* Checks an id that becomes a segment of a path and a git URL: 1 to 128 of A-Z a-z 0-9 _ -, not starting with '-'. */
int ep_relace_check_id(const char *id, size_t len, const char *argument, ep_err *err);

/* Checks a path of a request: starts with one '/', is printable ASCII without blank, '?', '#' or '\\', and no segment
 * of it is "." or "..", encoded or not. */
int ep_relace_check_path(const char *path, size_t len, const char *argument, ep_err *err);

/* Checks a query: printable ASCII without blank, '#' or '\\'. */
int ep_relace_check_query(const char *query, size_t len, const char *argument, ep_err *err);

/* Checks a path with or without a query behind a '?'. */
int ep_relace_check_target(const char *target, size_t len, const char *argument, ep_err *err);

/* Checks a credential or a key: not empty, no blank, no byte that a header cannot carry. */
int ep_relace_check_credential(const char *value, size_t len, const char *argument, ep_err *err);

/* Adds the path as it may be shown: what follows /repo_token/ is hidden, a query is left out. */
void ep_relace_show_path(ep_buf *out, const char *path, size_t len);

#endif
