/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a URL, a base URL, a path: what is accepted, libcurl understands as we do, and where plain http is refused it leads to
 * this machine. The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/http/private.h"
#include "runtime/relace/address.h"
#include "runtime/relace/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition) abort();
}

static CURLU *parsed(const char *url)
{
	CURLU *u = curl_url();
	require(u != NULL);
	if (!curl_url_set(u, CURLUPART_URL, url, 0)) return u;
	curl_url_cleanup(u);
	return NULL;
}

static char *part(CURLU *u, CURLUPart what)
{
	char *text = NULL;
	return curl_url_get(u, what, &text, CURLU_DEFAULT_PORT) ? NULL : text;
}

static bool has_user(const char *url)
{
	CURLU *u = parsed(url);
	char *user = u ? part(u, CURLUPART_USER) : NULL;
	bool has = user != NULL;
	curl_free(user);
	curl_url_cleanup(u);
	return has;
}

/* The origin of an accepted URL is the one that libcurl would connect to. What libcurl refuses fails later. */
static void check_origin(const char *url, const char *origin)
{
	CURLU *u = parsed(url), *o = parsed(origin);
	require(!u || o);
	for (int i = 0; u && i < 3; i++) {
		static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
		char *a = part(u, parts[i]), *b = part(o, parts[i]);
		require(a && b && !strcasecmp(a, b));
		curl_free(a);
		curl_free(b);
	}
	require(!has_user(url));
	curl_url_cleanup(u);
	curl_url_cleanup(o);
}

static void check_url(const char *text, size_t len)
{
	char origin[ORIGIN_MAX];
	ep_err err = {0};
	int rc = ep_http_url_check(text, len, &err);
	require(rc == err.code);
	ep_err_fini(&err);
	if (rc) return;
	require(ep_origin_text(origin, text) == (int)strlen(origin) && strlen(origin) < ORIGIN_MAX);
	char *copy = malloc(len + 2);
	require(copy != NULL);
	ep_url_copy(copy, text);
	require(strlen(copy) <= len + 1);
	const char *target = ep_url_target(copy);
	require(*target == '/' && !strchr(target, '#'));
	check_origin(copy, origin);
	free(copy);
}

static bool host_is_here(const char *url)
{
	CURLU *u = parsed(url);
	char *host = u ? part(u, CURLUPART_HOST) : NULL;
	bool here = !host || ep_relace_loopback(host, strlen(host));
	curl_free(host);
	curl_url_cleanup(u);
	return here;
}

static void check_base(const char *text, size_t len)
{
	ep_buf url = {0};
	ep_err err = {0};
	int rc = ep_relace_base_url(&url, text, len, false, &err);
	require(rc == err.code);
	if (!rc) {
		const char *base = ep_buf_text(&url);
		require(!strncmp(base, "https://", 8) || (!strncmp(base, "http://", 7) && host_is_here(base)));
		require(!strpbrk(base, "?# \\") && !has_user(base));
		if (base[url.len - 1] == '/')
			require(strstr(text, "//") != strrchr(text, '/') - 1); /* one of two was taken off */
	}
	ep_err_fini(&err);
	ep_buf_fini(&url);
}

static bool hides(const char *shown, size_t len)
{
	static const char tokens[] = "/repo_token/";
	const char *at = memmem(shown, len, tokens, sizeof tokens - 1);
	return !at || !strcmp(at + sizeof tokens - 1, "****") || !at[sizeof tokens - 1];
}

static void check_paths(const char *text, size_t len)
{
	ep_buf shown = {0};
	bool path = !ep_relace_check_path(text, len, "path", NULL),
		 target = !ep_relace_check_target(text, len, "path", NULL);
	require(!path || target);
	require(!path || (*text == '/' && !memmem(text, len, "/../", 4) && !memchr(text, '?', len)));
	require(!target || !memchr(text, '#', len));
	ep_relace_check_id(text, len, "id", NULL);
	ep_relace_show_path(&shown, text, len);
	require(!memchr(ep_buf_text(&shown), '?', shown.len) && (!target || hides(ep_buf_text(&shown), shown.len)));
	ep_buf_fini(&shown);
}

static int digit(char c) { return c <= '9' ? c - '0' : c - 'A' + 10; }

/* What is escaped is one word of letters, and comes back. */
static void check_escape(const char *text, size_t len)
{
	ep_buf out = {0};
	size_t n = 0;
	require(!ep_http_url_escape(&out, text, len));
	for (const char *p = ep_buf_text(&out); *p; p++, n++) {
		char c = *p;
		require(c == '%' || c == '-' || c == '.' || c == '_' || c == '~' || (c >= '0' && c <= 'z'));
		if (c == '%') {
			c = (char)(digit(p[1]) * 16 + digit(p[2]));
			p += 2;
		}
		require(n < len && c == text[n]);
	}
	require(n == len);
	ep_buf_fini(&out);
}

/* Two queries, one in place of parameters of the other: what is merged of what may stand in a URL may stand there too. */
static void check_query(const char *text, size_t len)
{
	const char *cut = memchr(text, '\n', len);
	size_t first = cut ? (size_t)(cut - text) : len / 2, skip = first + (cut != NULL);
	const ep_relace_text queries[] = {{text, first}, {text + skip, len - skip}};
	ep_buf url = {0};
	for (int i = 0; i < 2; i++)
		if (ep_relace_check_query(queries[i].data, queries[i].len, "query", NULL)) return;
	ep_buf_puts(&url, "/x");
	ep_query_merge(&url, queries, 2);
	require(!url.failed && !ep_relace_check_target(ep_buf_text(&url), url.len, "path", NULL));
	ep_buf_fini(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size) return 0;
	char *text = malloc(size);
	require(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	size_t len = strlen(text); /* texts with a NUL are refused by the callers, or have a length */
	switch (*data % 5) {
	case 0: check_url(text, len); break;
	case 1: check_base(text, size - 1); break;
	case 2: check_paths(text, size - 1); break;
	case 3: check_escape(text, size - 1); break;
	default: check_query(text, size - 1);
	}
	free(text);
	return 0;
}
