/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/address.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { ID_MAX = 128 };

typedef struct span {
	const char *at;
	size_t len;
} span;

/* --- base URL --- */

static span trimmed(const char *text, size_t len)
{
	while (len && isspace((unsigned char)text[0])) text++, len--;
	while (len && isspace((unsigned char)text[len - 1])) len--;
	return (span){text, len};
}

static bool starts(span s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.len >= n && !strncasecmp(s.at, prefix, n);
}

static bool is_ipv4_loopback(const char *host, size_t len)
{
	int dots = 0;
	if (len < 9 || memcmp(host, "127.", 4)) return false;
	for (size_t i = 0; i < len; i++) {
		if (host[i] == '.')
			dots++;
		else if (!isdigit((unsigned char)host[i]))
			return false;
	}
	return dots == 3;
}

bool ep_relace_loopback(const char *host, size_t len)
{
	if (len == 9 && !strncasecmp(host, "localhost", 9)) return true;
	if ((len == 3 && !memcmp(host, "::1", 3)) || (len == 5 && !memcmp(host, "[::1]", 5))) return true;
	return is_ipv4_loopback(host, len);
}

/* Splits host[:port]; the port is checked, the host has its brackets. */
static int split_authority(span authority, span *host, ep_err *err)
{
	const char *end = authority.at + authority.len, *p = authority.at;
	if (authority.len && *p == '[') {
		p = memchr(p, ']', authority.len);
		if (!p) return ep_err_set(err, EP_EINVAL, "base_url has an IPv6 host without its ']'");
		p++;
	} else {
		while (p < end && *p != ':') p++;
	}
	*host = (span){authority.at, (size_t)(p - authority.at)};
	if (!host->len) return ep_err_set(err, EP_EINVAL, "base_url names no host");
	if (p == end) return 0;
	long port = 0;
	const char *digits = ++p;
	for (; p < end && isdigit((unsigned char)*p) && port <= 65535; p++) port = port * 10 + (*p - '0');
	if (p != end || p == digits || port < 1 || port > 65535)
		return ep_err_set(err, EP_EINVAL, "base_url has a port that is not a number from 1 to 65535");
	return 0;
}

static int check_characters(span url, ep_err *err)
{
	for (size_t i = 0; i < url.len; i++) {
		unsigned char c = (unsigned char)url.at[i];
		if (c <= ' ' || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>')
			return ep_err_set(err, EP_EINVAL, "base_url holds a byte that no URL may hold (0x%02x)", c);
		if (c == '?' || c == '#') return ep_err_set(err, EP_EINVAL, "base_url may have no query or fragment ('%c')", c);
	}
	return 0;
}

int ep_relace_base_url(ep_buf *out, const char *text, size_t len, bool allow_http, ep_err *err)
{
	span url = trimmed(text, len), host = {0};
	int rc = check_characters(url, err);
	if (rc) return rc;
	bool https = starts(url, "https://");
	if (!https && !starts(url, "http://"))
		return ep_err_set(
			err, EP_EINVAL, "base_url must start with https:// (or http:// for a server on this machine)");
	size_t scheme = https ? 8 : 7;
	const char *rest = url.at + scheme, *slash = memchr(rest, '/', url.len - scheme);
	span authority = {rest, slash ? (size_t)(slash - rest) : url.len - scheme};
	if (memchr(authority.at, '@', authority.len))
		return ep_err_set(err, EP_EINVAL, "base_url may hold no credentials: give them as api_key");
	if ((rc = split_authority(authority, &host, err))) return rc;
	if (!https && !allow_http && !ep_relace_loopback(host.at, host.len))
		return ep_err_set(err, EP_EINVAL,
			"base_url is http:// to another machine (%.*s), where the credential could be read on the way: "
			"use https://, or say allow_http",
			(int)host.len, host.at);
	if (slash && (rc = ep_relace_check_path(slash, (size_t)(url.at + url.len - slash), "base_url", err))) return rc;
	if (url.at[url.len - 1] == '/') url.len--;
	ep_buf_puts(out, https ? "https://" : "http://");
	ep_buf_add(out, rest, url.len - scheme);
	return ep_buf_failed(out) ? ep_err_set(err, ep_buf_failed(out), "no memory for base_url") : 0;
}

/* --- ids, paths, credentials --- */

int ep_relace_check_id(const char *id, size_t len, const char *argument, ep_err *err)
{
	if (!len) return ep_err_set(err, EP_EINVAL, "%s is empty", argument);
	if (len > ID_MAX) return ep_err_set(err, EP_EINVAL, "%s is longer than %d characters", argument, ID_MAX);
	if (id[0] == '-') return ep_err_set(err, EP_EINVAL, "%s starts with '-'", argument);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)id[i];
		if (isascii(c) && (isalnum(c) || c == '-' || c == '_')) continue;
		if (c > ' ' && c < 0x7f)
			return ep_err_set(
				err, EP_EINVAL, "%s holds '%c': only letters, digits, '-' and '_' may stand in an id", argument, c);
		return ep_err_set(err, EP_EINVAL,
			"%s holds the byte 0x%02x: only letters, digits, '-' and '_' may stand in an id", argument, c);
	}
	return 0;
}

static bool dot_segment(const char *segment, size_t len)
{
	size_t dots = 0;
	for (size_t i = 0; i < len; dots++) {
		if (segment[i] == '.')
			i++;
		else if (len - i >= 3 && !strncasecmp(segment + i, "%2e", 3))
			i += 3;
		else
			return false;
	}
	return dots == 1 || dots == 2;
}

int ep_relace_check_path(const char *path, size_t len, const char *argument, ep_err *err)
{
	if (!len || path[0] != '/' || (len > 1 && path[1] == '/'))
		return ep_err_set(err, EP_EINVAL, "%s must start with one '/'", argument);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)path[i];
		if (c <= ' ' || c >= 0x7f || c == '?' || c == '#' || c == '\\')
			return ep_err_set(err, EP_EINVAL, "%s holds the byte 0x%02x, which must be percent-encoded", argument, c);
	}
	for (size_t from = 1, i = 1; i <= len; i++) {
		if (i < len && path[i] != '/') continue;
		if (dot_segment(path + from, i - from))
			return ep_err_set(err, EP_EINVAL, "%s has a segment '.' or '..'", argument);
		from = i + 1;
	}
	return 0;
}

int ep_relace_check_query(const char *query, size_t len, const char *argument, ep_err *err)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)query[i];
		if (c <= ' ' || c >= 0x7f || c == '#' || c == '\\')
			return ep_err_set(
				err, EP_EINVAL, "%s holds the byte 0x%02x in its query, which must be percent-encoded", argument, c);
	}
	return 0;
}

int ep_relace_check_target(const char *target, size_t len, const char *argument, ep_err *err)
{
	const char *query = memchr(target, '?', len);
	size_t path = query ? (size_t)(query - target) : len;
	int rc = ep_relace_check_path(target, path, argument, err);
	return rc || !query ? rc : ep_relace_check_query(query, len - path, argument, err);
}

int ep_relace_check_credential(const char *value, size_t len, const char *argument, ep_err *err)
{
	if (!len) return ep_err_set(err, EP_EINVAL, "%s is empty", argument);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		if (c <= ' ' || c >= 0x7f)
			return ep_err_set(err, EP_EINVAL, "%s holds a byte that a header cannot carry (0x%02x)", argument, c);
	}
	return 0;
}

void ep_relace_show_path(ep_buf *out, const char *path, size_t len)
{
	static const char tokens[] = "/repo_token/";
	const char *query = memchr(path, '?', len);
	if (query) len = (size_t)(query - path);
	const char *hide = memmem(path, len, tokens, sizeof tokens - 1);
	if (!hide || hide + sizeof tokens - 1 == path + len) {
		ep_buf_add(out, path, len);
		return;
	}
	ep_buf_add(out, path, (size_t)(hide - path) + sizeof tokens - 1);
	ep_buf_puts(out, "****");
}
