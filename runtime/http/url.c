/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "runtime/http/private.h"

enum { URL_MAX = 64 * 1024 };

/* Where the authority begins and how long it is; 0 when the scheme is none of ours. */
static size_t authority(const char *url, size_t len, size_t *size)
{
	size_t begin = 0;
	if (len >= 8 && !strncasecmp(url, "https://", 8)) begin = 8;
	if (len >= 7 && !strncasecmp(url, "http://", 7)) begin = 7;
	*size = begin ? strcspn(url + begin, "/?#") : 0;
	return begin;
}

static int check_bytes(const char *url, size_t len, ep_err *err)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)url[i];
		if (c <= ' ' || c == 0x7f) {
			return ep_err_set(err, EP_EINVAL, "the URL holds %s at byte %zu; write it as %%%02X",
				c == ' ' ? "a space" : "a control character", i + 1, c);
		}
		if (c > 0x7f || c == '\\') {
			return ep_err_set(err, EP_EINVAL,
				"the URL holds the byte %02X at byte %zu; in a URL it is written as %%%02X", c, i + 1, c);
		}
	}
	return 0;
}

static int check_port(const char *text, size_t len, ep_err *err)
{
	unsigned long port = 0;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]) || (port = port * 10 + (unsigned long)(text[i] - '0')) > 65535)
			port = 65536;
	}
	if (port == 0 || port > 65535) return ep_err_set(err, EP_EINVAL, "the URL's port is not a number from 1 to 65535");
	return 0;
}

int ep_http_url_check(const char *url, size_t len, ep_err *err)
{
	size_t size;
	if (len > URL_MAX) return ep_err_set(err, EP_EINVAL, "the URL is longer than %d bytes", URL_MAX);
	int rc = check_bytes(url, len, err);
	if (rc) return rc;
	size_t begin = authority(url, len, &size);
	if (!begin) return ep_err_set(err, EP_EINVAL, "the URL must begin with http:// or https://");
	const char *host = url + begin;
	if (memchr(host, '@', size)) {
		return ep_err_set(err, EP_EINVAL, "the URL holds credentials; give them as a header, not in the URL");
	}
	const char *end = host[0] == '[' ? memchr(host, ']', size) : host;
	const char *colon = end ? memchr(end, ':', size - (size_t)(end - host)) : NULL;
	size_t name = colon ? (size_t)(colon - host) : size;
	if (size > ORIGIN_MAX - 16) return ep_err_set(err, EP_EINVAL, "the host of the URL is too long");
	if (name == 0 || !end) return ep_err_set(err, EP_EINVAL, "the URL has no valid host");
	return colon && name + 1 < size ? check_port(colon + 1, size - name - 1, err) : 0;
}

int ep_origin_text(char to[ORIGIN_MAX], const char *url)
{
	size_t size, n = 0;
	size_t begin = authority(url, strlen(url), &size);
	for (; n < begin + size && n < ORIGIN_MAX - 5; n++) to[n] = (char)tolower((unsigned char)url[n]);
	to[n] = '\0';
	char *colon = strrchr(to + begin, ':');
	if (colon && !strchr(colon, ']')) {
		if (colon[1]) return (int)n;
		n--; /* "host:" is "host" */
	}
	strcpy(to + n, begin == 8 ? ":443" : ":80");
	return (int)strlen(to);
}

void ep_url_copy(char *to, const char *url)
{
	size_t size;
	size_t begin = authority(url, strlen(url), &size), rest = begin + size;
	memcpy(to, url, rest);
	if (url[rest] != '/') to[rest++] = '/';
	const char *path = url + begin + size;
	size_t len = strcspn(path, "#");
	memcpy(to + rest, path, len);
	to[rest + len] = '\0';
}

const char *ep_url_target(const char *url)
{
	size_t size;
	size_t begin = authority(url, strlen(url), &size);
	return url + begin + size;
}

int ep_http_url_escape(ep_buf *b, const char *text, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	char *to = len <= SIZE_MAX / 3 ? ep_buf_reserve(b, len * 3) : NULL;
	if (!to) return b->failed ? b->failed : EP_ENOMEM;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x80 && (isalnum(c) || strchr("-._~", c)) && c) {
			*to++ = (char)c;
		} else {
			*to++ = '%';
			*to++ = hex[c >> 4];
			*to++ = hex[c & 15];
		}
	}
	*to = '\0';
	b->len = (size_t)(to - b->data);
	return 0;
}
