/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "runtime/http/private.h"

/* What stands at the end of each list. libcurl would write the first one too, but takes longer for it; it shall
 * not invent a Content-Type, nor wait a second for "100 Continue". */
static const char *const closing[] = {"Accept-Encoding: gzip, deflate", "Content-Type:", "Expect:"};

enum {
	CLOSING = sizeof closing / sizeof *closing,
	HEADERS_MAX = 768 * 1024, /* bytes; libcurl, whose requests end at 1 MiB, would say that memory is short */
};

static bool name_byte(char c) { return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c)); }

static bool same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && !strncasecmp(a, b, a_len);
}

static bool is_one_of(const char *name, size_t len, const char *const *names)
{
	for (; *names; names++)
		if (same_name(name, len, *names, strlen(*names))) return true;
	return false;
}

static int check_name(const ep_http_header *h, ep_err *err)
{
	static const char *const framing[] = {"Content-Length", "Transfer-Encoding", "Expect", "Upgrade", NULL};
	if (h->name_len == 0) return ep_err_set(err, EP_EINVAL, "a header has an empty name");
	for (size_t i = 0; i < h->name_len; i++) {
		if (name_byte(h->name[i])) continue;
		return ep_err_set(err, EP_EINVAL, "the header name \"%.*s\" holds the byte %02X, which no name may", (int)i,
			h->name, (unsigned char)h->name[i]);
	}
	if (is_one_of(h->name, h->name_len, framing)) {
		return ep_err_set(
			err, EP_EINVAL, "the header %.*s can't be given: it follows from the body", (int)h->name_len, h->name);
	}
	return 0;
}

static int check_value(const ep_http_header *h, const char *value, size_t len, ep_err *err)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		if ((c >= ' ' && c != 0x7f) || c == '\t') continue;
		return ep_err_set(err, EP_EINVAL, "the value of the header %.*s holds the byte %02X, which no value may",
			(int)h->name_len, h->name, c);
	}
	return 0;
}

static const char *secret_of(const ep_http_header *h, size_t *len)
{
	*len = 0;
	return h->secret ? ep_secret_reveal(h->secret, len) : "";
}

/* Checks a header and adds what its line takes, with its NUL, to *size. */
static int measure(const ep_http_header *h, size_t *size, ep_err *err)
{
	size_t len;
	const char *secret = secret_of(h, &len);
	int rc = check_name(h, err);
	if (!rc) rc = check_value(h, h->value, h->value_len, err);
	if (!rc) rc = check_value(h, secret, len, err);
	*size += h->name_len + 2 + h->value_len + len + 1;
	return rc;
}

static char *add(char *to, const char *bytes, size_t len)
{
	if (len) memcpy(to, bytes, len);
	return to + len;
}

/* Writes "Name: value"; libcurl wants "Name;" for a header without value. */
static char *write_line(char *to, const ep_http_header *h)
{
	size_t len;
	const char *secret = secret_of(h, &len);
	to = add(to, h->name, h->name_len);
	if (h->value_len + len == 0) {
		to = add(to, ";", 1);
	} else {
		to = add(to, ": ", 2);
		to = add(to, h->value, h->value_len);
		to = add(to, secret, len);
	}
	*to++ = '\0';
	return to;
}

static size_t line_name(const char *line) { return strcspn(line, ":;"); }

static bool is_replaced(const char *line, const ep_http_header *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (same_name(line, line_name(line), list[i].name, list[i].name_len)) return true;
	return false;
}

static size_t closing_size(void)
{
	size_t size = 0;
	for (size_t i = 0; i < CLOSING; i++) size += strlen(closing[i]) + 1;
	return size;
}

/* A list with room for `lines` lines and the closing ones, and `size` bytes of text at *text. */
static ep_http_headers *new_list(size_t lines, size_t size, char **text)
{
	size_t nodes = (lines + CLOSING) * sizeof(struct curl_slist);
	size_t all = sizeof(ep_http_headers) + nodes + closing_size() + size;
	ep_http_headers *h = ep_alloc(all);
	if (!h) return NULL;
	*h = (ep_http_headers){.count = 1, .size = all};
	h->first = (struct curl_slist *)(void *)(h + 1);
	*text = (char *)h->first + nodes;
	return h;
}

static void put_line(ep_http_headers *h, char *line)
{
	h->first[h->lines] = (struct curl_slist){.data = line, .next = &h->first[h->lines + 1]};
	h->lines++;
	if (same_name(line, line_name(line), "User-Agent", 10)) h->has_agent = true;
}

static bool has_line(const ep_http_headers *h, const char *name, size_t len)
{
	for (size_t i = 0; i < h->lines; i++)
		if (same_name(h->first[i].data, line_name(h->first[i].data), name, len)) return true;
	return false;
}

/* Puts the closing lines behind the others, which h->lines goes on to count alone. */
static void close_list(ep_http_headers *h, char *text)
{
	struct curl_slist *last = NULL;
	size_t at = h->lines;
	for (size_t i = 0; i < CLOSING; i++) {
		if (has_line(h, closing[i], line_name(closing[i]))) continue;
		last = &h->first[at++];
		*last = (struct curl_slist){.data = text, .next = last + 1};
		text = add(text, closing[i], strlen(closing[i]) + 1);
	}
	last->next = NULL; /* there is one: nobody can give an Expect */
}

/* A list of the given headers and those of `base` that they do not replace. Its lines of `base` are borrowed. */
static int build(
	ep_http_headers **out, const ep_http_header *list, size_t count, const ep_http_headers *base, ep_err *err)
{
	size_t size = 0;
	for (size_t i = 0; i < count; i++) {
		int rc = measure(&list[i], &size, err);
		if (rc) return rc;
	}
	size_t all = size + (base ? base->size : 0);
	if (all > HEADERS_MAX)
		return ep_err_set(
			err, EP_EINVAL, "the headers have about %zu bytes, more than can be sent (%d)", all, HEADERS_MAX);
	char *text;
	ep_http_headers *h = new_list(count + (base ? base->lines : 0), size, &text);
	if (!h) return ep_err_set(err, EP_ENOMEM, "no memory for the headers");
	for (size_t i = 0; i < count; i++) {
		char *line = text;
		text = write_line(text, &list[i]);
		put_line(h, line);
	}
	for (size_t i = 0; base && i < base->lines; i++)
		if (!is_replaced(base->first[i].data, list, count)) put_line(h, base->first[i].data);
	close_list(h, text);
	*out = h;
	return 0;
}

int ep_http_headers_new(ep_http_headers **out, const ep_http_header *list, size_t count, ep_err *err)
{
	return build(out, list, count, NULL, err);
}

ep_http_headers *ep_http_headers_retain(ep_http_headers *headers)
{
	headers->count++;
	return headers;
}

void ep_http_headers_release(ep_http_headers *h)
{
	if (!h || --h->count) return;
	explicit_bzero(h, h->size);
	ep_free(h);
}

static void use_list(ep_call *call, const ep_http_headers *h)
{
	call->lines = h->first;
	if (h->has_agent) return;
	call->agent = (struct curl_slist){.data = call->profile->agent_line, .next = h->first};
	call->lines = &call->agent;
}

int ep_headers_join(ep_call *call, const ep_http_header *extra, size_t count, ep_err *err)
{
	if (count || !call->prepared) {
		int rc = build(&call->own, extra, count, call->prepared, err);
		if (rc) return rc;
	}
	use_list(call, call->own ? call->own : call->prepared);
	return 0;
}

/* What another origin may see: no credential is among these, whatever a script names its own headers. */
static bool may_cross(const char *line)
{
	static const char *const names[] = {
		"Accept", "Accept-Language", "Content-Type", "Range", "User-Agent", "If-Modified-Since", "If-None-Match", NULL};
	return is_one_of(line, line_name(line), names);
}

int ep_headers_cross_origin(ep_call *call)
{
	const ep_http_headers *all = call->own ? call->own : call->prepared;
	size_t size = 0;
	for (size_t i = 0; i < all->lines; i++) size += strlen(all->first[i].data) + 1;
	char *text;
	ep_http_headers *h = new_list(all->lines, size, &text);
	if (!h) return EP_ENOMEM;
	for (size_t i = 0; i < all->lines; i++) {
		const char *line = all->first[i].data;
		if (!may_cross(line)) continue;
		char *copy = text;
		text = add(text, line, strlen(line) + 1);
		put_line(h, copy);
	}
	close_list(h, text);
	ep_http_headers_release(call->own);
	call->own = h;
	use_list(call, h);
	return 0;
}
