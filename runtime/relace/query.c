/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/query.h"

#include <string.h>

#include "runtime/base/json.h"

/* --- pairs of a path --- */

static void add_pair(ep_buf *path, const char *name, const char *value, size_t len)
{
	ep_buf_putc(path, path->len && memchr(path->data, '?', path->len) ? '&' : '?');
	ep_buf_puts(path, name);
	ep_buf_putc(path, '=');
	ep_http_url_escape(path, value, len);
}

void ep_query_add_text(ep_buf *path, const char *name, ep_relace_text value)
{
	if (value.data) add_pair(path, name, value.data, value.len);
}

void ep_query_add_integer(ep_buf *path, const char *name, int64_t value)
{
	ep_buf digits = {0};
	if (value < 0) return;
	ep_json_integer(&digits, value);
	add_pair(path, name, ep_buf_text(&digits), digits.len);
	ep_buf_fini(&digits);
}

void ep_query_add_flag(ep_buf *path, const char *name, int flag)
{
	if (flag >= 0) add_pair(path, name, flag ? "true" : "false", flag ? 4 : 5);
}

/* --- merging --- */

/* Takes the next pair, which may be empty, from the front of the query; false at its end. */
static bool next_pair(ep_relace_text *query, ep_relace_text *pair)
{
	if (!query->len) return false;
	const char *end = memchr(query->data, '&', query->len);
	pair->data = query->data;
	pair->len = end ? (size_t)(end - query->data) : query->len;
	size_t taken = end ? pair->len + 1 : pair->len;
	query->data += taken;
	query->len -= taken;
	return true;
}

static size_t name_len(ep_relace_text pair)
{
	const char *end = memchr(pair.data, '=', pair.len);
	return end ? (size_t)(end - pair.data) : pair.len;
}

static bool has_name(ep_relace_text query, ep_relace_text pair)
{
	size_t len = name_len(pair);
	for (ep_relace_text other; next_pair(&query, &other);)
		if (name_len(other) == len && !memcmp(other.data, pair.data, len)) return true;
	return false;
}

void ep_query_merge(ep_buf *url, const ep_relace_text *queries, size_t count)
{
	char before = '?';
	for (size_t i = 0; i < count; i++) {
		ep_relace_text rest = queries[i], pair;
		while (next_pair(&rest, &pair)) {
			bool replaced = !pair.len;
			for (size_t j = i + 1; j < count && !replaced; j++) replaced = has_name(queries[j], pair);
			if (replaced) continue;
			ep_buf_putc(url, before);
			ep_buf_add(url, pair.data, pair.len);
			before = '&';
		}
	}
}
