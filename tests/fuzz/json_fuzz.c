/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: the tree and the events of one text are the same, and what is written of them is read as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition) abort();
}

/* Writes the next value of the events. */
static void put_events(ep_buf *b, ep_json_reader *r)
{
	ep_json_event e;
	ep_json_reader_next(r, &e);
	switch (e.kind) {
	case EP_JSON_BOOL: ep_buf_puts(b, e.as.flag ? "true" : "false"); break;
	case EP_JSON_INTEGER: ep_json_integer(b, e.as.integer); break;
	case EP_JSON_NUMBER: ep_json_number(b, e.as.number); break;
	case EP_JSON_STRING: ep_json_string(b, e.as.string.data, e.as.string.len); break;
	case EP_JSON_ARRAY:
	case EP_JSON_OBJECT: {
		bool object = e.kind == EP_JSON_OBJECT;
		size_t count = e.as.count;
		ep_buf_putc(b, object ? '{' : '[');
		for (size_t i = 0; i < count; i++) {
			if (i) ep_buf_putc(b, ',');
			if (object) put_events(b, r);
			if (object) ep_buf_putc(b, ':');
			put_events(b, r);
		}
		ep_buf_putc(b, object ? '}' : ']');
		break;
	}
	default: ep_buf_puts(b, "null"); break;
	}
}

/* Writes a value of the tree. */
static void put_tree(ep_buf *b, const ep_json_value *v)
{
	ep_json_kind kind = ep_json_type(v);
	int64_t integer = 0;
	double number = 0;
	size_t len = 0;
	bool flag = false;
	const char *text = ep_json_get_string(v, &len);
	if (text) ep_json_string(b, text, len);
	if (ep_json_get_bool(v, &flag)) ep_buf_puts(b, flag ? "true" : "false");
	if (ep_json_get_integer(v, &integer)) ep_json_integer(b, integer);
	if (kind == EP_JSON_NUMBER && ep_json_get_number(v, &number)) ep_json_number(b, number);
	if (kind == EP_JSON_NULL) ep_buf_puts(b, "null");
	if (kind != EP_JSON_ARRAY && kind != EP_JSON_OBJECT) return;
	ep_buf_putc(b, kind == EP_JSON_OBJECT ? '{' : '[');
	const ep_json_value *child = ep_json_first(v);
	for (size_t i = 0; child; child = ep_json_next(child), i++) {
		if (i) ep_buf_putc(b, ',');
		if ((text = ep_json_key(child, &len))) ep_json_string(b, text, len);
		if (text) ep_buf_putc(b, ':');
		put_tree(b, child);
	}
	ep_buf_putc(b, kind == EP_JSON_OBJECT ? '}' : ']');
}

/* Adds what both readings write of the text; false when it is refused, which both must do. */
static bool written(ep_buf *b, const char *text, size_t len)
{
	ep_err err = {0}, again = {0};
	ep_json *doc = NULL;
	ep_json_reader *r = NULL;
	ep_buf tree = {0};
	int rc = ep_json_parse(&doc, text, len, NULL, &err);
	require(rc == ep_json_reader_new(&r, text, len, NULL, &again));
	if (!rc) {
		put_tree(&tree, ep_json_root(doc));
		put_events(b, r);
		require(!tree.failed && !b->failed && tree.len == b->len && !memcmp(tree.data, b->data, b->len));
	}
	ep_buf_fini(&tree);
	ep_json_free(doc);
	ep_json_reader_free(r);
	ep_err_fini(&err);
	ep_err_fini(&again);
	return !rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ep_buf once = {0}, twice = {0};
	if (written(&once, (const char *)data, size)) {
		require(written(&twice, once.data, once.len));
		require(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
	}
	ep_buf_fini(&once);
	ep_buf_fini(&twice);
	return 0;
}
