/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/sse.h"

#include <string.h>

#include "runtime/base/err.h"

void ep_sse_init(ep_sse *s, size_t max) { *s = (ep_sse){.max = max}; }

void ep_sse_fini(ep_sse *s)
{
	ep_buf_fini(&s->line);
	ep_buf_fini(&s->name);
	ep_buf_fini(&s->data);
}

static void begin_event(ep_sse *s)
{
	ep_buf_reset(&s->name);
	ep_buf_reset(&s->data);
	s->has_data = s->given = false;
}

/* Adds to one of the buffers, within the limit of all three. */
static void add(ep_sse *s, ep_buf *to, const char *bytes, size_t len)
{
	size_t held = s->line.len + s->name.len + s->data.len;
	if (s->failed) return;
	if (s->max && (held > s->max || len > s->max - held))
		s->failed = EP_ETOOLARGE;
	else
		s->failed = ep_buf_add(to, bytes, len);
}

/* --- lines --- */

static bool is_field(const char *line, size_t len, const char *name)
{
	return len == strlen(name) && !memcmp(line, name, len);
}

static void take_field(ep_sse *s, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *value = colon ? colon + 1 : line + len;
	size_t field = colon ? (size_t)(colon - line) : len, value_len = (size_t)(line + len - value);
	if (value_len && *value == ' ') value++, value_len--;
	if (is_field(line, field, "data")) {
		if (s->has_data) add(s, &s->data, "\n", 1);
		add(s, &s->data, value, value_len);
		s->has_data = true;
	} else if (is_field(line, field, "event")) {
		ep_buf_reset(&s->name);
		add(s, &s->name, value, value_len);
	}
}

/* A whole line without its end; true when it ends an event. */
static bool take_line(ep_sse *s, const char *line, size_t len)
{
	if (!s->begun && len >= 3 && !memcmp(line, "\xef\xbb\xbf", 3)) line += 3, len -= 3;
	s->begun = true;
	if (len) take_field(s, line, len); /* a comment has a field without a name */
	return !len && (s->name.len || s->has_data);
}

/* The same, when its first bytes may have come before. */
static bool end_line(ep_sse *s, const char *rest, size_t len)
{
	if (s->comment) {
		s->comment = false;
		return false;
	}
	if (!s->line.len) return take_line(s, rest, len);
	add(s, &s->line, rest, len);
	ep_buf whole = s->line;
	s->line = (ep_buf){0};
	bool done = !s->failed && take_line(s, whole.data, whole.len);
	ep_buf_reset(&whole);
	s->line = whole;
	return done;
}

/* Bytes of a line whose end is still to come. Those of a comment need not be kept. */
static void keep(ep_sse *s, const char *bytes, size_t len)
{
	if (!s->line.len && len && *bytes == ':') s->begun = s->comment = true;
	if (!s->comment) add(s, &s->line, bytes, len);
}

/* The first end of a line, NULL if there is none: by windows, since there may be many of one kind and none of the other. */
static const char *line_end(const char *at, const char *end)
{
	for (size_t n; at < end; at += n) {
		n = end - at < 256 ? (size_t)(end - at) : 256;
		const char *lf = memchr(at, '\n', n), *cr = memchr(at, '\r', lf ? (size_t)(lf - at) : n);
		if (cr || lf) return cr ? cr : lf;
	}
	return NULL;
}

/* --- events --- */

static void give(ep_sse *s, ep_sse_event *event)
{
	s->given = true;
	*event = (ep_sse_event){.name = s->name.len ? s->name.data : NULL,
		.name_len = s->name.len,
		.data = s->has_data ? ep_buf_text(&s->data) : NULL,
		.data_len = s->data.len};
}

int ep_sse_next(ep_sse *s, const char **at, const char *end, ep_sse_event *event)
{
	if (s->given) begin_event(s);
	while (*at < end && !s->failed) {
		if (s->after_cr && **at == '\n') ++*at;
		s->after_cr = false;
		const char *from = *at, *stop = line_end(from, end);
		*at = stop ? stop + 1 : end;
		if (!stop) {
			keep(s, from, (size_t)(end - from));
			continue;
		}
		s->after_cr = *stop == '\r';
		if (!end_line(s, from, (size_t)(stop - from)) || s->failed) continue;
		give(s, event);
		return 1;
	}
	return s->failed;
}

bool ep_sse_within(const ep_sse *s) { return s->line.len || (!s->given && (s->name.len || s->has_data)); }
