/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json_split.h"

#include <string.h>

#include "runtime/base/json.h"

enum { REST_MAX = 1 << 20 };

/* Before the document, in it but outside of the array, in the array, behind the document. */
enum { BEFORE, OUTSIDE, WITHIN, BEHIND };

void ep_json_split_init(ep_json_split *s, const char *name, size_t max)
{
	*s = (ep_json_split){.name = name, .max = max, .rest = {.limit = REST_MAX}};
}

void ep_json_split_fini(ep_json_split *s)
{
	ep_buf_fini(&s->element);
	ep_buf_fini(&s->rest);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static int fail(ep_json_split *s, int code, ep_err *err, const char *why)
{
	return s->failed = ep_err_set(err, code, "%s", why);
}

static int fail_misplaced(ep_json_split *s, ep_err *err)
{
	return fail(s, EP_EJSON, err, "it is no JSON: a bracket is missing or misplaced");
}

/* Reads over what cannot end a string or hide its end. Moves *at to the byte behind the string's end, or to end. */
static void skip_string(ep_json_split *s, const char **at, const char *end)
{
	const char *p = *at;
	while (p < end && s->string) {
		if (s->escaped) {
			s->escaped = false;
			p++;
			continue;
		}
		while (p < end && *p != '"' && *p != '\\') p++;
		if (p == end) break;
		s->escaped = *p == '\\';
		s->string = s->escaped;
		p++;
	}
	*at = p;
}

/* --- outside of the array --- */

/* Whether the key that has just ended is the name, however it is spelt. */
static bool is_name(const ep_json_split *s)
{
	const char *text = s->rest.data + s->key_at;
	size_t len = s->rest.len - s->key_at, n = strlen(s->name), key_len;
	ep_json *doc = NULL;
	if (!memchr(text, '\\', len)) return len == n + 2 && !memcmp(text + 1, s->name, n);
	if (ep_json_parse(&doc, text, len, NULL, NULL)) return false;
	const char *key = ep_json_get_string(ep_json_root(doc), &key_len);
	bool same = key && key_len == n && !memcmp(key, s->name, n);
	ep_json_free(doc);
	return same;
}

static int add_rest(ep_json_split *s, const char *bytes, size_t len, ep_err *err)
{
	int rc = ep_buf_add(&s->rest, bytes, len);
	if (!rc) return 0;
	return fail(s, rc, err,
		rc == EP_ETOOLARGE ? "what stands in the answer beside its items is larger than 1 MiB" : "not enough memory");
}

/* The rest of a string; at its end a key is looked at. */
static int take_string(ep_json_split *s, const char **at, const char *end, ep_err *err)
{
	const char *from = *at;
	skip_string(s, at, end);
	int rc = add_rest(s, from, (size_t)(*at - from), err);
	if (rc || s->string || !s->key) return rc;
	s->key = false;
	s->named = is_name(s);
	return 0;
}

/* Opens the array whose elements are wanted. */
static int enter(ep_json_split *s, ep_err *err)
{
	if (s->found) return fail(s, EP_EJSON, err, "the list stands in it twice");
	s->found = true;
	s->state = WITHIN;
	s->depth = 0;
	s->comma = false;
	return 0;
}

static int take_outside(ep_json_split *s, const char **at, const char *end, ep_err *err)
{
	if (s->string) return take_string(s, at, end, err);
	const char c = *(*at)++;
	bool outermost = s->depth == 1;
	if (is_blank(c)) return s->rest.data[s->rest.len - 1] == ' ' ? 0 : add_rest(s, " ", 1, err);
	if (c == '"') {
		s->string = true;
		s->key = outermost && s->key_next;
		s->key_at = s->rest.len;
	} else if (c == '{' || c == '[') {
		int rc = add_rest(s, &c, 1, err);
		if (rc) return rc;
		if (c == '[' && outermost && s->named && !s->key_next) return enter(s, err);
		s->depth++;
		return 0;
	} else if (c == '}' || c == ']') {
		if (--s->depth == 0) s->state = BEHIND;
	} else if (outermost && (c == ',' || c == ':')) {
		s->key_next = c == ',';
	}
	return add_rest(s, &c, 1, err);
}

static int take_before(ep_json_split *s, const char **at, ep_err *err)
{
	const char c = *(*at)++;
	if (is_blank(c)) return 0;
	if (c != '{') return fail(s, EP_EJSON, err, "it is no object");
	s->state = OUTSIDE;
	s->depth = 1;
	s->key_next = true;
	return add_rest(s, &c, 1, err);
}

static int take_behind(ep_json_split *s, const char **at, ep_err *err)
{
	return is_blank(*(*at)++) ? 0 : fail(s, EP_EJSON, err, "more follows behind its end");
}

/* --- in the array --- */

/* Moves *at behind the byte that ends the element, ',' or ']', which is returned; 0 when it is not there yet. */
static char skip_element(ep_json_split *s, const char **at, const char *end)
{
	while (*at < end) {
		if (s->string) {
			skip_string(s, at, end);
			continue;
		}
		const char c = *(*at)++;
		switch (c) {
		case '"': s->string = true; break;
		case '{':
		case '[': s->depth++; break;
		case ',':
			if (!s->depth) return c;
			break;
		case '}':
		case ']':
			if (!s->depth) return c;
			s->depth--;
			break;
		default: break;
		}
	}
	return 0;
}

static int add_element(ep_json_split *s, const char *bytes, size_t len, ep_err *err)
{
	if (s->max && (len > s->max || s->element.len > s->max - len)) {
		ep_err_set(err, EP_ETOOLARGE, "an item of the answer is larger than %zu bytes", s->max);
		return s->failed = EP_ETOOLARGE;
	}
	return ep_buf_add(&s->element, bytes, len) ? fail(s, EP_ENOMEM, err, "not enough memory") : 0;
}

static bool all_blank(const char *text, size_t len)
{
	while (len && is_blank(*text)) text++, len--;
	return !len;
}

/* The element ends here: 1, or 0 for the nothing in an empty array. */
static int end_element(ep_json_split *s, char stop, const char *text, size_t len, ep_err *err)
{
	bool first = !s->comma;
	if (stop == '}') return fail_misplaced(s, err);
	s->comma = stop == ',';
	if (stop == ']') {
		s->state = OUTSIDE;
		s->depth = 1;
		s->named = false;
		int rc = add_rest(s, "]", 1, err);
		if (rc) return rc;
		if (first && all_blank(text, len)) return 0;
	}
	return 1;
}

static int take_within(ep_json_split *s, const char **at, const char *end, const char **text, size_t *len, ep_err *err)
{
	const char *from = *at;
	char stop = skip_element(s, at, end);
	size_t n = (size_t)(*at - from) - (stop != 0);
	int rc = 0;
	if (!stop || s->element.len || (s->max && n > s->max)) rc = add_element(s, from, n, err);
	if (rc || !stop) return rc;
	*text = s->element.len ? s->element.data : from;
	*len = s->element.len ? s->element.len : n;
	rc = end_element(s, stop, *text, *len, err);
	s->given = true;
	return rc;
}

int ep_json_split_next(ep_json_split *s, const char **at, const char *end, const char **text, size_t *len, ep_err *err)
{
	int rc = s->failed;
	while (!rc && *at < end) {
		if (s->given) ep_buf_reset(&s->element);
		s->given = false;
		switch (s->state) {
		case BEFORE: rc = take_before(s, at, err); break;
		case OUTSIDE: rc = take_outside(s, at, end, err); break;
		case WITHIN: rc = take_within(s, at, end, text, len, err); break;
		default: rc = take_behind(s, at, err);
		}
	}
	return rc;
}

/* --- the end --- */

/* Reads what is left without the elements; of a list that is none something is left. */
static int check_rest(ep_json_split *s, ep_err *err)
{
	ep_json *doc = NULL;
	ep_err why = {0};
	int rc = ep_json_parse(&doc, ep_buf_text(&s->rest), s->rest.len, NULL, &why);
	if (rc)
		ep_err_set(err, rc, "beside its items it is no JSON");
	else {
		const ep_json_value *list = ep_json_object_get(ep_json_root(doc), s->name);
		ep_json_kind kind = ep_json_type(list);
		if (kind != EP_JSON_NONE && kind != EP_JSON_NULL && (kind != EP_JSON_ARRAY || ep_json_count(list)))
			rc = ep_err_set(err, EP_EJSON, "'%s' is no array in it", s->name);
	}
	ep_json_free(doc);
	ep_err_fini(&why);
	return s->failed = rc;
}

int ep_json_split_end(ep_json_split *s, ep_err *err)
{
	if (s->failed) return s->failed;
	if (s->state == BEFORE) return fail(s, EP_EJSON, err, "it is empty");
	return s->state == BEHIND ? check_rest(s, err) : fail(s, EP_EJSON, err, "it ends before its end");
}
