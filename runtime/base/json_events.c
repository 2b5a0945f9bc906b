/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/json_number.h"
#include "runtime/base/json_scan.h"
#include "runtime/base/json_text.h"
#include "runtime/base/mem.h"

struct ep_json_reader {
	const ep_byte *p, *end;
	ep_json_scan scan;
	const ep_json_note *number; /* the next number's note */
	const uint32_t *count;      /* the next container's */
	char *unescaped;            /* room for any string that has escapes */
};

int ep_json_reader_new(ep_json_reader **r, const char *text, size_t len, const ep_json_limits *limits, ep_err *err)
{
	ep_json_reader *made = ep_calloc(1, sizeof *made);
	int rc = made ? ep_json_scan_run(&made->scan, text, len, limits, err) : EP_ENOMEM;
	if (!rc && made->scan.longest_escaped) {
		made->unescaped = ep_alloc(made->scan.longest_escaped);
		if (!made->unescaped) rc = EP_ENOMEM;
	}
	if (rc) {
		ep_json_reader_free(made);
		return ep_err_set(err, rc, "not enough memory to read JSON");
	}
	made->p = (const ep_byte *)text;
	made->end = made->p + len;
	made->number = (const void *)made->scan.numbers.data;
	made->count = (const void *)made->scan.counts.data;
	*r = made;
	return 0;
}

void ep_json_reader_free(ep_json_reader *r)
{
	if (!r) return;
	ep_json_scan_fini(&r->scan);
	ep_free(r->unescaped);
	ep_free(r);
}

size_t ep_json_reader_depth(const ep_json_reader *r) { return r->scan.deepest; }

/* The text is known to be valid: what stands between two events is only passed. */
static ep_byte pass_between(ep_json_reader *r)
{
	for (;; r->p++) {
		switch (*r->p) {
		case ' ':
		case '\t':
		case '\n':
		case '\r':
		case ',':
		case ':':
		case ']':
		case '}': continue;
		default: return *r->p;
		}
	}
}

static void read_string(ep_json_reader *r, ep_json_event *event)
{
	const ep_byte *begin = ++r->p, *p = ep_json_skip_valid(begin, r->end);
	event->kind = EP_JSON_STRING;
	event->as.string.data = (const char *)begin;
	if (*p == '\\') {
		do p = ep_json_skip_valid(p + 2, r->end);
		while (*p == '\\');
		event->as.string.data = r->unescaped;
		event->as.string.len = (size_t)(ep_json_unescape(r->unescaped, begin, p) - r->unescaped);
	} else {
		event->as.string.len = (size_t)(p - begin);
	}
	r->p = p + 1;
}

static bool in_number(ep_byte c)
{
	return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || (c | 0x20) == 'e';
}

static void read_number(ep_json_reader *r, ep_json_event *event)
{
	const ep_json_note *note = r->number++;
	const ep_byte *begin = r->p;
	while (r->p < r->end && in_number(*r->p)) r->p++;
	event->kind = EP_JSON_NUMBER;
	if (note->kind == EP_JSON_NOTE_INTEGER) {
		event->kind = EP_JSON_INTEGER;
		event->as.integer = note->as.integer;
	} else if (note->kind == EP_JSON_NOTE_NUMBER) {
		event->as.number = note->as.number;
	} else {
		event->as.number = ep_json_short_double((const char *)begin, (size_t)(r->p - begin));
	}
}

static void read_word(ep_json_reader *r, ep_json_event *event, ep_json_kind kind, size_t len)
{
	event->kind = kind;
	event->as.flag = len == 4;
	r->p += len;
}

static void read_container(ep_json_reader *r, ep_json_event *event, ep_json_kind kind)
{
	event->kind = kind;
	event->as.count = *r->count++;
	r->p++;
}

void ep_json_reader_next(ep_json_reader *r, ep_json_event *event)
{
	switch (pass_between(r)) {
	case '"': read_string(r, event); break;
	case '{': read_container(r, event, EP_JSON_OBJECT); break;
	case '[': read_container(r, event, EP_JSON_ARRAY); break;
	case 't': read_word(r, event, EP_JSON_BOOL, 4); break;
	case 'f': read_word(r, event, EP_JSON_BOOL, 5); break;
	case 'n': read_word(r, event, EP_JSON_NULL, 4); break;
	default: read_number(r, event); break;
	}
}
