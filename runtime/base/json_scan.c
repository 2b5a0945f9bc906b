/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json_scan.h"

#include <math.h>
#include <string.h>

#include "runtime/base/json_number.h"
#include "runtime/base/json_text.h"
#include "runtime/base/utf8.h"

typedef ep_byte byte;

/* One run over a text. */
typedef struct run {
	ep_json_scan *out;
	const byte *text, *p, *end;
	const byte *at;      /* where the failure is */
	const char *problem; /* what it is; NULL: out of memory */
	size_t depth, max_depth, max_nodes;
	size_t strings; /* and keys, so far */
	struct {
		size_t place; /* of its count among the counts */
		uint32_t count;
		bool object;
	} open[EP_JSON_MAX_DEPTH]; /* the containers around */
} run;

static bool refuse(run *r, const byte *at, const char *problem)
{
	r->at = at;
	r->problem = problem;
	return false;
}

/* Adds a note. */
static bool keep(run *r, ep_buf *notes, const void *note, size_t size)
{
	return ep_buf_add(notes, note, size) == 0 || refuse(r, r->p, NULL);
}

static bool note_number(run *r, ep_json_note n) { return keep(r, &r->out->numbers, &n, sizeof n); }

/* The next byte, or -1 at the end. */
static inline int peek(const run *r) { return r->p < r->end ? *r->p : -1; }

static inline void skip_space(run *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')) r->p++;
}

/* Passes \uXXXX, or two of them that make one character; adds to *shrink by how much it gets shorter. */
static bool pass_unicode(run *r, size_t *shrink, bool *nul)
{
	long unit = ep_json_unit(r->p, r->end);
	if (unit < 0) return refuse(r, r->p, "\\u needs four hexadecimal digits");
	if (unit >= 0xdc00 && unit < 0xe000) return refuse(r, r->p, "a low surrogate without its high one");
	if (unit >= 0xd800 && unit < 0xdc00) {
		long low = ep_json_unit(r->p + 6, r->end);
		if (low < 0xdc00 || low > 0xdfff) return refuse(r, r->p, "a high surrogate without its low one");
		r->p += 12;
		*shrink += 8;
		return true;
	}
	if (unit == 0) *nul = true;
	*shrink += unit < 0x80 ? 5 : unit < 0x800 ? 4 : 3;
	r->p += 6;
	return true;
}

static bool pass_escape(run *r, size_t *shrink, bool *nul)
{
	int c = r->end - r->p > 1 ? r->p[1] : -1;
	switch (c) {
	case 'u': return pass_unicode(r, shrink, nul);
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		r->p += 2;
		*shrink += 1;
		return true;
	default: return refuse(r, r->p, "no such escape in a string");
	}
}

static bool pass_utf8(run *r)
{
	while (r->p < r->end && *r->p >= 0x80) {
		unsigned n = ep_utf8_sequence(r->p, (size_t)(r->end - r->p));
		if (!n) return refuse(r, r->p, "invalid UTF-8 in a string");
		r->p += n;
	}
	return true;
}

/* Notes what is to be noted of a string of len bytes, decoded `shrink` fewer. */
static bool end_string(run *r, size_t len, size_t shrink, bool nul)
{
	ep_json_nul n = {r->strings++, len - shrink};
	if (shrink && len > r->out->longest_escaped) r->out->longest_escaped = len;
	return !nul || keep(r, &r->out->nuls, &n, sizeof n);
}

static bool pass_string(run *r)
{
	const byte *start = r->p++;
	size_t shrink = 0;
	bool nul = false;
	for (;;) {
		r->p = ep_json_skip_plain(r->p, r->end);
		int c = peek(r);
		if (c == '"') break;
		if (c < 0) return refuse(r, start, "a string that does not end");
		if (c < ' ') return refuse(r, r->p, "a control character in a string must be escaped");
		if (!(c == '\\' ? pass_escape(r, &shrink, &nul) : pass_utf8(r))) return false;
	}
	r->p++;
	return end_string(r, (size_t)(r->p - start) - 2, shrink, nul);
}

/* Passes digits and returns how many there were. */
static size_t pass_digits(run *r)
{
	const byte *from = r->p;
	while (r->p < r->end && (byte)(*r->p - '0') < 10) r->p++;
	return (size_t)(r->p - from);
}

/* Passes the part of a number from its '.' or 'e' on. */
static bool pass_fraction(run *r, bool *exponent)
{
	if (peek(r) == '.') {
		r->p++;
		if (!pass_digits(r)) return refuse(r, r->p, "a digit must follow the decimal point");
	}
	if (peek(r) != 'e' && peek(r) != 'E') return true;
	*exponent = true;
	r->p++;
	if (peek(r) == '+' || peek(r) == '-') r->p++;
	return pass_digits(r) > 0 || refuse(r, r->p, "an exponent needs a digit");
}

/* Notes a number by its own double: when its text is beyond cJSON, or may be beyond a double. */
static bool note_double(run *r, const byte *start, bool integer)
{
	double value;
	size_t len = (size_t)(r->p - start);
	if (!ep_json_read_double((const char *)start, len, &value)) return refuse(r, start, NULL);
	if (!isfinite(value)) return refuse(r, start, "a number too large for a double");
	if (integer && !ep_json_double_is(value, (const char *)start, len))
		return refuse(r, start, "an integer outside 64 bits that no double holds exactly");
	ep_json_long l = {(size_t)(start - r->text), len};
	if (len > EP_JSON_TREE_NUMBER && !keep(r, &r->out->longs, &l, sizeof l)) return false;
	return note_number(r, (ep_json_note){EP_JSON_NOTE_NUMBER, {.number = value}});
}

/* Notes the integer whose digits begin at `digits`. */
static bool note_integer(run *r, const byte *start, const byte *digits)
{
	bool negative = digits > start;
	uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
	if (negative && *digits == '0') return note_number(r, (ep_json_note){EP_JSON_NOTE_NUMBER, {.number = -0.0}});
	if (r->p - digits > 19) return note_double(r, start, true);
	for (const byte *d = digits; d < r->p; d++) value = value * 10 + (uint64_t)(*d - '0');
	if (value > most) return note_double(r, start, true);
	return note_number(r, (ep_json_note){EP_JSON_NOTE_INTEGER, {.integer = (int64_t)(negative ? 0 - value : value)}});
}

static bool pass_number(run *r)
{
	const byte *start = r->p;
	bool exponent = false;
	if (*r->p == '-') r->p++;
	const byte *digits = r->p;
	size_t n = pass_digits(r);
	if (!n) return refuse(r, start, digits > start ? "a digit must follow the minus sign" : "a value was expected");
	if (n > 1 && *digits == '0') return refuse(r, start, "a number may not begin with 0");
	int c = peek(r);
	if (c != '.' && c != 'e' && c != 'E') return note_integer(r, start, digits);
	if (!pass_fraction(r, &exponent)) return false;
	if (exponent || r->p - start > EP_JSON_TREE_NUMBER) return note_double(r, start, false);
	return note_number(r, (ep_json_note){.kind = EP_JSON_NOTE_TEXT});
}

static bool pass_word(run *r, const char *word, size_t len)
{
	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0) return refuse(r, r->p, "a value was expected");
	r->p += len;
	return true;
}

/* Passes a value that is no container. */
static bool pass_scalar(run *r)
{
	switch (peek(r)) {
	case '"': return pass_string(r);
	case 't': return pass_word(r, "true", 4);
	case 'f': return pass_word(r, "false", 5);
	case 'n': return pass_word(r, "null", 4);
	case -1: return refuse(r, r->p, "the text ends where a value was expected");
	default: return pass_number(r);
	}
}

/* Passes `"key" :` and the space around. */
static bool pass_key(run *r)
{
	skip_space(r);
	if (peek(r) != '"') return refuse(r, r->p, "a key in quotes was expected");
	if (!pass_string(r)) return false;
	skip_space(r);
	if (peek(r) != ':') return refuse(r, r->p, "':' was expected behind a key");
	r->p++;
	skip_space(r);
	return true;
}

static bool open_container(run *r, bool object)
{
	ep_buf *counts = &r->out->counts;
	if (r->depth == r->max_depth) return refuse(r, r->p, "nested too deep");
	r->open[r->depth].place = counts->len;
	r->open[r->depth].count = 0;
	r->open[r->depth].object = object;
	if (++r->depth > r->out->deepest) r->out->deepest = r->depth;
	r->p++;
	skip_space(r);
	return keep(r, counts, &(uint32_t){0}, sizeof(uint32_t));
}

/* Behind a value: closes what ends here. *more: a comma came, another value follows. */
static bool pass_ends(run *r, bool *more)
{
	for (*more = false; r->depth; r->depth--) {
		bool object = r->open[r->depth - 1].object;
		skip_space(r);
		int c = peek(r);
		if (c == ',') {
			r->p++;
			*more = true;
			if (object) return pass_key(r);
			skip_space(r);
			return true;
		}
		if (c < 0) return refuse(r, r->p, object ? "an object that does not end" : "an array that does not end");
		if (c != (object ? '}' : ']'))
			return refuse(r, r->p, object ? "',' or '}' was expected" : "',' or ']' was expected");
		memcpy(r->out->counts.data + r->open[r->depth - 1].place, &r->open[r->depth - 1].count, sizeof(uint32_t));
		r->p++;
	}
	return true;
}

/* Passes one value, or the beginning of a container up to its first value: *opened. */
static bool pass_value(run *r, bool *opened)
{
	int c = peek(r);
	*opened = false;
	if (r->depth) r->open[r->depth - 1].count++;
	if (++r->out->nodes > r->max_nodes) return refuse(r, r->p, "too many values");
	if (c != '{' && c != '[') return pass_scalar(r);
	if (!open_container(r, c == '{')) return false;
	if (peek(r) == (c == '{' ? '}' : ']')) return true; /* pass_ends closes it */
	*opened = true;
	return c == '[' || pass_key(r);
}

static bool pass_document(run *r)
{
	bool opened, more = true;
	skip_space(r);
	while (more) {
		if (!pass_value(r, &opened)) return false;
		if (!opened && !pass_ends(r, &more)) return false;
	}
	skip_space(r);
	return r->p == r->end || refuse(r, r->p, "more text behind the value");
}

/* Says where the failure is: lines and columns count from 1, columns in bytes. */
static int report(const run *r, ep_err *err)
{
	size_t line = 1;
	const byte *begin = r->text;
	if (!r->problem) return ep_err_set(err, EP_ENOMEM, "not enough memory to read JSON");
	for (const byte *p = r->text; p < r->at; p++) {
		if (*p != '\n') continue;
		line++;
		begin = p + 1;
	}
	return ep_err_set(err, EP_EJSON, "not the JSON it should be, line %zu, column %zu (byte %zu): %s", line,
		(size_t)(r->at - begin) + 1, (size_t)(r->at - r->text), r->problem);
}

static size_t or_default(size_t given, size_t otherwise) { return given ? given : otherwise; }

int ep_json_scan_run(ep_json_scan *s, const char *text, size_t len, const ep_json_limits *limits, ep_err *err)
{
	static const ep_json_limits none;
	if (!limits) limits = &none;
	size_t max_bytes = or_default(limits->max_bytes, EP_JSON_MAX_BYTES);
	if (len > max_bytes)
		return ep_err_set(err, EP_ETOOLARGE, "%zu bytes of JSON, at most %zu are allowed", len, max_bytes);
	run r;
	memset(&r, 0, offsetof(run, open));
	r.out = s;
	r.text = (const byte *)text;
	r.p = r.text;
	r.end = r.text + len;
	r.max_nodes = or_default(limits->max_nodes, EP_JSON_MAX_NODES);
	if (r.max_nodes > UINT32_MAX) r.max_nodes = UINT32_MAX;
	r.max_depth = or_default(limits->max_depth, EP_JSON_MAX_DEPTH);
	if (r.max_depth > EP_JSON_MAX_DEPTH) r.max_depth = EP_JSON_MAX_DEPTH;
	return pass_document(&r) ? 0 : report(&r, err);
}

void ep_json_scan_fini(ep_json_scan *s)
{
	ep_buf_fini(&s->numbers);
	ep_buf_fini(&s->nuls);
	ep_buf_fini(&s->longs);
	ep_buf_fini(&s->counts);
}
