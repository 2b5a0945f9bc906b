/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: the splitter and the reader of whole documents agree on what is JSON and what the elements are, however the
 * bytes are split. The first byte says the pieces. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/json_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What one reading found. */
typedef struct found {
	int code;     /* of the splitter */
	bool strict;  /* every element is JSON */
	size_t count; /* of elements */
	ep_buf text;  /* the elements, a line each */
} found;

static void require(bool condition)
{
	if (!condition) abort();
}

static void add_element(found *f, const char *text, size_t len)
{
	ep_json *doc = NULL;
	if (ep_json_parse(&doc, text, len, NULL, NULL)) f->strict = false;
	ep_json_free(doc);
	ep_buf_add(&f->text, text, len);
	ep_buf_putc(&f->text, '\n');
	f->count++;
}

static found split(const uint8_t *data, size_t size, size_t n)
{
	found f = {.strict = true};
	ep_json_split s;
	ep_err err = {0};
	ep_json_split_init(&s, "f", 0);
	for (size_t from = 0; from < size && f.code >= 0; from += n) {
		size_t len = size - from < n ? size - from : n, element_len;
		char *piece = malloc(len);
		require(piece);
		memcpy(piece, data + from, len);
		const char *at = piece, *element;
		while ((f.code = ep_json_split_next(&s, &at, piece + len, &element, &element_len, &err)) > 0)
			add_element(&f, element, element_len);
		require(f.code < 0 || at == piece + len);
		free(piece);
	}
	if (!f.code) f.code = ep_json_split_end(&s, &err);
	require(f.code == 0 || err.code == f.code);
	ep_err_fini(&err);
	ep_json_split_fini(&s);
	return f;
}

/* Whether the members of that name are one list at most, or null. */
static bool plain(const ep_json_value *root)
{
	size_t lists = 0, others = 0, len;
	for (const ep_json_value *v = ep_json_first(root); v; v = ep_json_next(v)) {
		const char *key = ep_json_key(v, &len);
		if (len != 1 || *key != 'f') continue;
		lists += ep_json_type(v) == EP_JSON_ARRAY;
		others += ep_json_type(v) != EP_JSON_ARRAY && ep_json_type(v) != EP_JSON_NULL;
	}
	return lists <= 1 && !others;
}

/* The reader of whole documents must say the same. Larger texts meet its limit of depth, which only elements have here. */
static void compare(const found *f, const uint8_t *data, size_t size)
{
	ep_json *doc = NULL;
	int rc = ep_json_parse(&doc, (const char *)data, size, NULL, NULL);
	const ep_json_value *root = rc ? NULL : ep_json_root(doc), *list = ep_json_object_get(root, "f");
	if (!rc && ep_json_type(root) == EP_JSON_OBJECT) {
		require(f->strict);
		if (plain(root)) require(!f->code);
		if (!f->code && ep_json_type(list) == EP_JSON_ARRAY) require(f->count == ep_json_count(list));
	}
	if (rc && size < EP_JSON_MAX_DEPTH) require(f->code || !f->strict);
	ep_json_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size) return 0;
	found whole = split(data + 1, size - 1, size), pieces = split(data + 1, size - 1, (*data & 0x1f) + 1u);
	require(whole.code == pieces.code && whole.count == pieces.count && whole.text.len == pieces.text.len);
	require(!whole.text.len || !memcmp(whole.text.data, pieces.text.data, whole.text.len));
	compare(&whole, data + 1, size - 1);
	ep_buf_fini(&whole.text);
	ep_buf_fini(&pieces.text);
	return 0;
}
