/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/check.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "runtime/base/buf.h"
#include "runtime/base/mem.h"
#include "runtime/base/path.h"

enum { REF_MAX = 250, URL_MAX = 4096 };

/* --- refs and filters --- */

static bool ref_char(unsigned char c) { return c > 32 && c != 127 && !strchr("~^:?*[\\", c); }

/* What is wrong with a part of a ref, between slashes; NULL: nothing. */
static const char *bad_part(const char *part, size_t len)
{
	if (!len) return "has an empty part between slashes";
	if (part[0] == '.') return "has a part that starts with a dot";
	if (len >= 5 && !memcmp(part + len - 5, ".lock", 5)) return "has a part that ends with .lock";
	return NULL;
}

static const char *bad_ref(const char *name, size_t len)
{
	if (!len) return "is empty";
	if (len > REF_MAX) return "is too long";
	if (name[0] == '-') return "starts with '-'";
	if (name[len - 1] == '.') return "ends with a dot";
	if (len == 1 && name[0] == '@') return "is '@'";
	for (size_t i = 0; i < len; i++)
		if (!ref_char((unsigned char)name[i])) return "holds a blank, a control character or one of ~^:?*[\\";
	if (memmem(name, len, "..", 2)) return "holds '..'";
	if (memmem(name, len, "@{", 2)) return "holds '@{'";
	for (size_t from = 0; from <= len;) {
		const char *slash = memchr(name + from, '/', len - from);
		size_t to = slash ? (size_t)(slash - name) : len;
		const char *why = bad_part(name + from, to - from);
		if (why) return why;
		from = to + 1;
	}
	return NULL;
}

int ep_git_ref_check(const char *name, size_t len, ep_err *err)
{
	const char *why = bad_ref(name, len);
	return why ? ep_err_set(err, EP_EINVAL, "the name of a branch or tag %s", why) : 0;
}

static bool is_filter(const char *filter, size_t len)
{
	static const char *const kinds[] = {"blob:none", "blob:limit=", "tree:", "object:type="};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i]), value = n;
		if (len < n || memcmp(filter, kinds[i], n) != 0) continue;
		while (value < len && isalnum((unsigned char)filter[value])) value++;
		return value == len && (i == 0) == (len == n);
	}
	return false;
}

/* Each of the parts, between plus signs. */
static bool are_filters(const char *filters, size_t len)
{
	const char *plus = memchr(filters, '+', len);
	size_t first = plus ? (size_t)(plus - filters) : len;
	return is_filter(filters, first) && (!plus || are_filters(plus + 1, len - first - 1));
}

int ep_git_filter_check(const char *filter, size_t len, ep_err *err)
{
	bool combined = len > 8 && !memcmp(filter, "combine:", 8);
	if (len <= REF_MAX && (combined ? are_filters(filter + 8, len - 8) : is_filter(filter, len))) return 0;
	return ep_err_set(err, EP_EINVAL,
		"the filter must be blob:none, blob:limit=N, tree:N, object:type=T or combine: of these with '+'");
}

int ep_git_password_check(const ep_secret *secret, ep_err *err)
{
	size_t len;
	const char *text = ep_secret_reveal(secret, &len);
	if (!len) return ep_err_set(err, EP_EINVAL, "the credential is empty");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 32 || text[i] == 127)
			return ep_err_set(err, EP_EINVAL, "the credential holds a line end or another control character");
	return 0;
}

/* --- paths --- */

int ep_git_sparse_check(const char *folder, ep_err *err)
{
	size_t len = strlen(folder);
	if (len > 1 && folder[len - 1] == '/') len--;
	if (!len)
		return ep_err_set(err, EP_EINVAL, "a folder in 'sparse' has no name; with no folder at all the top is taken");
	return ep_repo_path_check(folder, len, "sparse", err);
}

static bool has_objects(const char *path, const char *below)
{
	struct stat st;
	ep_buf objects = {0};
	ep_buf_printf(&objects, "%s%s", path, below);
	bool there = !ep_buf_failed(&objects) && !stat(objects.data, &st) && S_ISDIR(st.st_mode);
	ep_buf_fini(&objects);
	return there;
}

int ep_git_reference_check(const char *path, ep_err *err)
{
	if (has_objects(path, "/objects") || has_objects(path, "/.git/objects")) return 0;
	return ep_err_set(err, EP_ENOENT, "the reference '%s' is no repository on this machine", path);
}

/* --- URLs --- */

static bool is_loopback(const char *host)
{
	size_t len = strcspn(host, host[0] == '[' ? "" : ":");
	if (!strncmp(host, "[::1]", 5)) return host[5] == '\0' || host[5] == ':';
	if (len == 9 && !strncasecmp(host, "localhost", 9)) return true;
	/* Digits and dots alone: 127.example.com is another machine. */
	return !strncmp(host, "127.", 4) && strspn(host, "0123456789.") == len;
}

static bool host_ok(const char *host)
{
	const char *port = host;
	if (host[0] == '[') {
		size_t n = strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (!n || host[n + 1] != ']') return false;
		port = host + n + 2;
	} else {
		port += strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
		if (port == host || host[0] == '-') return false;
	}
	if (!*port) return true;
	size_t digits = strspn(port + 1, "0123456789");
	return *port == ':' && digits >= 1 && digits <= 5 && !port[1 + digits];
}

static int hex(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the path in place; false for a code that is none, or a control character. */
static bool decode(char *path)
{
	char *to = path;
	for (const char *from = path; *from; from++, to++) {
		*to = *from;
		if (*from == '%') {
			int high = hex(from[1]), low = high < 0 ? -1 : hex(from[2]);
			if (low < 0) return false;
			*to = (char)(high * 16 + low);
			from += 2;
		}
		if ((unsigned char)*to < 32 || *to == 127) return false;
	}
	while (to > path && to[-1] == '/') to--;
	*to = '\0';
	return true;
}

static bool printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 32 || text[i] == 127 || strchr("\"'\\<>`", text[i])) return false;
	return true;
}

static int bad_url(ep_err *err, const char *why)
{
	return ep_err_set(err, EP_EINVAL, "the URL of the repository %s", why);
}

static int split(ep_git_url *url, const char *text, size_t scheme, ep_err *err)
{
	const char *host = text + scheme + 3;
	size_t len = strcspn(host, "/");
	if (memchr(host, '@', len)) return bad_url(err, "holds a credential: give it apart");
	url->text = ep_strdup(text);
	url->scheme = ep_strndup(text, scheme);
	url->host = ep_strndup(host, len);
	url->path = ep_strdup(host + len + strspn(host + len, "/"));
	url->scope = ep_strndup(text, scheme + 3 + len);
	if (!url->text || !url->scheme || !url->host || !url->path || !url->scope)
		return ep_err_set(err, EP_ENOMEM, "no memory for a URL");
	if (!host_ok(url->host)) return bad_url(err, "has no proper host");
	if (!decode(url->path) || !*url->path) return bad_url(err, "has no proper path");
	return 0;
}

int ep_git_url_read(ep_git_url *url, const char *text, size_t len, bool allow_http, ep_err *err)
{
	*url = (ep_git_url){0};
	size_t scheme = len > 8 && !memcmp(text, "https://", 8) ? 5 : len > 7 && !memcmp(text, "http://", 7) ? 4 : 0;
	if (!scheme) return bad_url(err, "must start with https://");
	if (len > URL_MAX || !printable(text, len))
		return bad_url(err, "is too long, or holds a character that has no place in it");
	if (memchr(text, '?', len) || memchr(text, '#', len)) return bad_url(err, "must have no query and no fragment");
	int rc = split(url, text, scheme, err);
	if (!rc) url->loopback = is_loopback(url->host);
	if (!rc && scheme == 4 && !allow_http && !url->loopback)
		rc = bad_url(err, "must start with https://: http would show the credential to the network");
	if (rc) ep_git_url_fini(url);
	return rc;
}

void ep_git_url_fini(ep_git_url *url)
{
	ep_free(url->text);
	ep_free(url->scheme);
	ep_free(url->host);
	ep_free(url->path);
	ep_free(url->scope);
	*url = (ep_git_url){0};
}

/* --- other transports --- */

static bool is_allowed(const char *protocols, const char *scheme, size_t len)
{
	for (const char *at = protocols; at && *at; at += strcspn(at, ":"), at += *at == ':')
		if (strcspn(at, ":") == len && !strncmp(at, scheme, len)) return true;
	return false;
}

bool ep_git_url_covers(const char *scope, const char *url)
{
	size_t len = scope ? strlen(scope) : 0;
	while (len && scope[len - 1] == '/') len--;
	return len && !strncmp(url, scope, len) && (!url[len] || url[len] == '/');
}

bool ep_git_is_other_transport(const char *url, const char *protocols)
{
	const char *scheme = strstr(url, "://"), *colon = strchr(url, ':');
	if (*url == '-') return false;
	if (scheme) return is_allowed(protocols, url, (size_t)(scheme - url));
	if (*url == '/' || *url == '.') return is_allowed(protocols, "file", 4);
	return colon && colon[1] != ':' && is_allowed(protocols, "ssh", 3);
}

int ep_git_remote_read(ep_git_url *url, const char *text, bool allow_http, ep_err *err)
{
	if (!ep_git_is_other_transport(text, "file:ssh:git"))
		return ep_git_url_read(url, text, strlen(text), allow_http, err);
	*url = (ep_git_url){0};
	return bad_url(err,
		"must start with https://; other transports are allowed by the option protocols of git.open, such as "
		"protocols = { \"ssh\" }");
}

int ep_git_remote_check(const char *url, const char *protocols, bool allow_http, ep_err *err)
{
	ep_git_url parts;
	if (ep_git_is_other_transport(url, protocols)) return 0;
	int rc = ep_git_remote_read(&parts, url, allow_http, err);
	if (!rc) ep_git_url_fini(&parts);
	return rc;
}
