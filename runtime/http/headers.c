/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "runtime/http/private.h"

/* A line as libcurl wants it. Two more stand at the end of each list: one that keeps libcurl from inventing a
 * Content-Type, one that keeps it from waiting a second for "100 Continue". */
enum { CLOSING_LINES = 2 };

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

/* A list with room for `lines` lines and the closing ones, and `size` bytes of text. */
static ep_http_headers *new_list(size_t lines, size_t size, char **text)
{
	static const char no_type[] = "Content-Type:", no_expect[] = "Expect:";
	size_t nodes = (lines + CLOSING_LINES) * sizeof(struct curl_slist);
	size_t all = sizeof(ep_http_headers) + nodes + size + sizeof no_type + sizeof no_expect;
	ep_http_headers *h = ep_alloc(all);
	if (!h) return NULL;
	*h = (ep_http_headers){.count = 1, .size = all, .lines = lines};
	h->first = (struct curl_slist *)(void *)(h + 1);
	char *at = (char *)h->first + nodes;
	h->first[lines] = (struct curl_slist){.data = at, .next = &h->first[lines + 1]};
	at = add(at, no_type, sizeof no_type);
	h->first[lines + 1] = (struct curl_slist){.data = at};
	*text = add(at, no_expect, sizeof no_expect);
	return h;
}

static void put_line(ep_http_headers *h, size_t i, char *line)
{
	h->first[i] = (struct curl_slist){.data = line, .next = &h->first[i + 1]};
}

/* Takes the last lines, which are unused, out of the list. */
static void close_list(ep_http_headers *h, size_t used)
{
	if (used == h->lines) return;
	h->first[used] = h->first[h->lines];
	h->first[used + 1] = (struct curl_slist){.data = h->first[h->lines + 1].data};
	h->first[used].next = &h->first[used + 1];
	h->lines = used;
}

/* A list of the given headers and those of `base` that they do not replace. Its lines of `base` are borrowed. */
static int build(
	ep_http_headers **out, const ep_http_header *list, size_t count, const ep_http_headers *base, ep_err *err)
{
	size_t size = 0, used = 0;
	for (size_t i = 0; i < count; i++) {
		int rc = measure(&list[i], &size, err);
		if (rc) return rc;
	}
	char *text;
	ep_http_headers *h = new_list(count + (base ? base->lines : 0), size, &text);
	if (!h) return ep_err_set(err, EP_ENOMEM, "no memory for the headers");
	for (; used < count; used++) {
		put_line(h, used, text);
		text = write_line(text, &list[used]);
	}
	for (size_t i = 0; base && i < base->lines; i++)
		if (!is_replaced(base->first[i].data, list, count)) put_line(h, used++, base->first[i].data);
	close_list(h, used);
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

int ep_headers_join(ep_call *call, const ep_http_header *extra, size_t count, ep_err *err)
{
	if (count || !call->prepared) {
		int rc = build(&call->own, extra, count, call->prepared, err);
		if (rc) return rc;
	}
	call->lines = call->own ? call->own->first : call->prepared->first;
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
	size_t size = 0, used = 0;
	for (size_t i = 0; i < all->lines; i++) size += strlen(all->first[i].data) + 1;
	char *text;
	ep_http_headers *h = new_list(all->lines, size, &text);
	if (!h) return EP_ENOMEM;
	for (size_t i = 0; i < all->lines; i++) {
		const char *line = all->first[i].data;
		if (!may_cross(line)) continue;
		put_line(h, used++, text);
		text = add(text, line, strlen(line) + 1);
	}
	close_list(h, used);
	ep_http_headers_release(call->own);
	call->own = h;
	call->lines = h->first;
	return 0;
}
