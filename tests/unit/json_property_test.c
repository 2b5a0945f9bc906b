/* SPDX-License-Identifier: Apache-2.0 */
/* Random documents are written and read back, as a tree and as events. A document is a row of draws from a generator of
 * numbers: writer and readers draw the same ones again, so that nothing is kept to compare with.
 * EPACT_PROPERTY_COUNT is how many documents (a million when not set), EPACT_PROPERTY_SEED where to begin. */
#include <math.h>
#include <time.h>

#include "runtime/base/json.h"
#include "test.h"

enum { LONGEST = 4 * 40 };

typedef struct draws {
	uint64_t state;
} draws;

typedef struct drawn {
	ep_json_kind kind;
	bool flag;
	int64_t integer;
	double number;
	size_t count, len;
	char string[LONGEST];
} drawn;

static uint64_t draw(draws *d)
{
	d->state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = d->state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t below(draws *d, uint64_t n) { return draw(d) % n; }

static int64_t draw_integer(draws *d)
{
	static const int64_t edges[] = {0, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1,
		INT64_C(9007199254740991), INT64_C(9007199254740992), INT64_C(9007199254740993), -INT64_C(9007199254740993),
		INT32_MAX, INT32_MIN};
	switch (below(d, 4)) {
	case 0: return edges[below(d, sizeof edges / sizeof *edges)];
	case 1: return (int64_t)below(d, 2000) - 1000;
	default: return (int64_t)(draw(d) >> below(d, 64));
	}
}

static double draw_number(draws *d)
{
	static const double edges[] = {0.0, -0.0, 0.1, 1e15, 1e16, 1e17, 1e21, 1e-5, 1e-6, 5e-324, 2.2250738585072014e-308,
		2.2250738585072009e-308, 1.7976931348623157e308, 9007199254740993.0, 9223372036854775808.0};
	double number;
	switch (below(d, 4)) {
	case 0: return edges[below(d, sizeof edges / sizeof *edges)];
	case 1: return (double)((int64_t)below(d, 2000000) - 1000000) / 1000;
	case 2: return ldexp((double)draw(d), -(int)below(d, 120));
	default: break;
	}
	uint64_t bits = draw(d);
	memcpy(&number, &bits, sizeof number);
	return isfinite(number) ? number : 0.5;
}

/* A character of any plane, NUL included, no surrogate. */
static uint32_t draw_character(draws *d)
{
	uint32_t c;
	switch (below(d, 6)) {
	case 0: return (uint32_t)below(d, 0x20);
	case 1: return 0x80 + (uint32_t)below(d, 0x780);
	case 2: c = 0x800 + (uint32_t)below(d, 0xf800); return c >= 0xd800 && c < 0xe000 ? 0xffff : c;
	case 3: return ((uint32_t)(1 + below(d, 16)) << 16) + (uint32_t)below(d, 0x10000);
	default: return 0x20 + (uint32_t)below(d, 0x60);
	}
}

static size_t encode_utf8(char *to, uint32_t c)
{
	static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i > 1; i--, c >>= 6) to[i - 1] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(n == 1 ? c : marks[n] | c);
	return n;
}

static void draw_string(draws *d, drawn *v)
{
	uint64_t characters = below(d, 3) ? below(d, 8) : below(d, 40);
	v->len = 0;
	while (characters--) v->len += encode_utf8(v->string + v->len, draw_character(d));
}

static void draw_value(draws *d, drawn *v, size_t depth)
{
	static const ep_json_kind kinds[] = {EP_JSON_NULL, EP_JSON_BOOL, EP_JSON_INTEGER, EP_JSON_INTEGER, EP_JSON_NUMBER,
		EP_JSON_NUMBER, EP_JSON_STRING, EP_JSON_STRING, EP_JSON_ARRAY, EP_JSON_OBJECT, EP_JSON_ARRAY, EP_JSON_OBJECT};
	v->kind = kinds[below(d, depth ? sizeof kinds / sizeof *kinds : 8)];
	switch (v->kind) {
	case EP_JSON_BOOL: v->flag = below(d, 2); break;
	case EP_JSON_INTEGER: v->integer = draw_integer(d); break;
	case EP_JSON_NUMBER: v->number = draw_number(d); break;
	case EP_JSON_STRING: draw_string(d, v); break;
	case EP_JSON_ARRAY:
	case EP_JSON_OBJECT: v->count = below(d, 5); break;
	default: break;
	}
}

/* --- writing; how things are written comes from other draws --- */

static void put_space(ep_buf *b, draws *style)
{
	static const char spaces[] = " \n\t\r";
	if (below(style, 8) == 0) ep_buf_putc(b, spaces[below(style, 4)]);
}

/* One character as \uXXXX, or as two of them. */
static void put_escaped(ep_buf *b, uint32_t c, draws *style)
{
	const char *format = below(style, 2) ? "\\u%04x" : "\\u%04X";
	char text[8];
	if (c >= 0x10000) {
		snprintf(text, sizeof text, format, (unsigned)(0xd800 + ((c - 0x10000) >> 10)));
		ep_buf_puts(b, text);
		c = 0xdc00 + ((c - 0x10000) & 0x3ff);
	}
	snprintf(text, sizeof text, format, (unsigned)c);
	ep_buf_puts(b, text);
}

static uint32_t character_at(const char *s, size_t *i)
{
	unsigned char first = (unsigned char)s[(*i)++];
	uint32_t c = first < 0x80 ? first : first < 0xe0 ? first & 0x1f : first < 0xf0 ? first & 0x0f : first & 0x07;
	for (size_t n = first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3; n; n--)
		c = c << 6 | ((unsigned char)s[(*i)++] & 0x3f);
	return c;
}

static void put_string(ep_buf *b, const drawn *v, draws *style)
{
	if (below(style, 4)) {
		CHECK_INT_EQ(ep_json_string(b, v->string, v->len), 0);
		return;
	}
	ep_buf_putc(b, '"');
	for (size_t i = 0; i < v->len;) put_escaped(b, character_at(v->string, &i), style);
	ep_buf_putc(b, '"');
}

static void put_value(ep_buf *b, draws *d, draws *style, size_t depth)
{
	drawn v, key;
	draw_value(d, &v, depth);
	put_space(b, style);
	switch (v.kind) {
	case EP_JSON_BOOL: ep_buf_puts(b, v.flag ? "true" : "false"); break;
	case EP_JSON_INTEGER: ep_json_integer(b, v.integer); break;
	case EP_JSON_NUMBER: ep_json_number(b, v.number); break;
	case EP_JSON_STRING: put_string(b, &v, style); break;
	case EP_JSON_ARRAY:
	case EP_JSON_OBJECT:
		ep_buf_putc(b, v.kind == EP_JSON_ARRAY ? '[' : '{');
		for (size_t i = 0; i < v.count; i++) {
			if (i) ep_buf_putc(b, ',');
			if (v.kind == EP_JSON_OBJECT) {
				put_space(b, style);
				draw_string(d, &key);
				put_string(b, &key, style);
				put_space(b, style);
				ep_buf_putc(b, ':');
			}
			put_value(b, d, style, depth - 1);
		}
		put_space(b, style);
		ep_buf_putc(b, v.kind == EP_JSON_ARRAY ? ']' : '}');
		break;
	default: ep_buf_puts(b, "null"); break;
	}
	put_space(b, style);
}

/* --- reading --- */

static bool same_string(const drawn *v, const char *data, size_t len)
{
	return v->len == len && !memcmp(v->string, data, len);
}

static bool same_number(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

static bool check_tree(const ep_json_value *got, draws *d, size_t depth)
{
	drawn v, key;
	int64_t integer = 0;
	double number = 0;
	size_t len = 0;
	bool flag = false;
	const char *name;
	draw_value(d, &v, depth);
	if (ep_json_type(got) != v.kind) return false;
	switch (v.kind) {
	case EP_JSON_BOOL: return ep_json_get_bool(got, &flag) && flag == v.flag;
	case EP_JSON_INTEGER: return ep_json_get_integer(got, &integer) && integer == v.integer;
	case EP_JSON_NUMBER: return ep_json_get_number(got, &number) && same_number(number, v.number);
	case EP_JSON_STRING: name = ep_json_get_string(got, &len); return same_string(&v, name, len);
	case EP_JSON_NULL: return true;
	default: break;
	}
	if (ep_json_count(got) != v.count) return false;
	const ep_json_value *child = ep_json_first(got);
	for (size_t i = 0; i < v.count; i++, child = ep_json_next(child)) {
		name = ep_json_key(child, &len);
		if (v.kind == EP_JSON_OBJECT) draw_string(d, &key);
		if (v.kind == EP_JSON_OBJECT ? !name || !same_string(&key, name, len) : name != NULL) return false;
		if (!check_tree(child, d, depth - 1)) return false;
	}
	return child == NULL;
}

static bool check_events(ep_json_reader *r, draws *d, size_t depth)
{
	ep_json_event e;
	drawn v, key;
	draw_value(d, &v, depth);
	ep_json_reader_next(r, &e);
	if (e.kind != v.kind) return false;
	switch (v.kind) {
	case EP_JSON_BOOL: return e.as.flag == v.flag;
	case EP_JSON_INTEGER: return e.as.integer == v.integer;
	case EP_JSON_NUMBER: return same_number(e.as.number, v.number);
	case EP_JSON_STRING: return same_string(&v, e.as.string.data, e.as.string.len);
	case EP_JSON_NULL: return true;
	default: break;
	}
	if (e.as.count != v.count) return false;
	for (size_t i = 0; i < v.count; i++) {
		if (v.kind == EP_JSON_OBJECT) {
			draw_string(d, &key);
			ep_json_reader_next(r, &e);
			if (e.kind != EP_JSON_STRING || !same_string(&key, e.as.string.data, e.as.string.len)) return false;
		}
		if (!check_events(r, d, depth - 1)) return false;
	}
	return true;
}

static void check_document(uint64_t seed, size_t depth)
{
	ep_buf b = {0};
	ep_err err = {0};
	ep_json *doc = NULL;
	ep_json_reader *r = NULL;
	draws d = {seed}, style = {~seed};
	put_value(&b, &d, &style, depth);
	char *exact = memcpy(malloc(b.len), b.data, b.len); /* without a NUL behind it */
	if (ep_json_parse(&doc, exact, b.len, NULL, &err) || ep_json_reader_new(&r, exact, b.len, NULL, &err))
		TEST_FAIL("seed %" PRIu64 ": %s: %s", seed, ep_err_message(&err), b.data);
	if (!check_tree(ep_json_root(doc), &(draws){seed}, depth)) TEST_FAIL("seed %" PRIu64 ": tree: %s", seed, b.data);
	if (!check_events(r, &(draws){seed}, depth)) TEST_FAIL("seed %" PRIu64 ": events: %s", seed, b.data);
	ep_json_free(doc);
	ep_json_reader_free(r);
	free(exact);
	ep_buf_fini(&b);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : otherwise;
}

TEST(what_is_written_is_read)
{
	uint64_t count = from_environment("EPACT_PROPERTY_COUNT", 0), most = count ? count : 1000000;
	uint64_t seed = from_environment("EPACT_PROPERTY_SEED", (uint64_t)time(NULL) << 20), i;
	clock_t start = clock();
	for (i = 0; i < most; i++) {
		check_document(seed + i, i % 5);
		/* A build with sanitizers does what it can in the time. */
		if (!count && i % 1000 == 0 && clock() - start > 20 * CLOCKS_PER_SEC) break;
	}
	printf("%" PRIu64 " documents\n", i);
}

TEST(every_depth_up_to_the_limit)
{
	for (size_t depth = 1; depth <= EP_JSON_MAX_DEPTH; depth += 37) {
		ep_buf b = {0};
		ep_err err = {0};
		ep_json *doc = NULL;
		ep_json_reader *r = NULL;
		draws d = {depth}, again = {depth};
		for (size_t i = 0; i < depth; i++) ep_buf_puts(&b, below(&d, 2) ? "[" : "{\"k\":");
		size_t open = b.len;
		ep_buf_puts(&b, "9007199254740993");
		for (size_t i = depth, p = open; i; i--) {
			ep_buf_putc(&b, b.data[p - 1] == '[' ? ']' : '}');
			p -= b.data[p - 1] == '[' ? 1 : 5;
		}
		CHECK_INT_EQ(ep_json_parse(&doc, b.data, b.len, NULL, &err), 0);
		CHECK_INT_EQ(ep_json_reader_new(&r, b.data, b.len, NULL, &err), 0);
		CHECK_INT_EQ(ep_json_depth(doc), depth);
		CHECK_INT_EQ(ep_json_reader_depth(r), depth);
		const ep_json_value *v = ep_json_root(doc);
		ep_json_event e;
		for (size_t i = 0; i < depth; i++, v = ep_json_first(v)) {
			ep_json_kind kind = below(&again, 2) ? EP_JSON_ARRAY : EP_JSON_OBJECT;
			ep_json_reader_next(r, &e);
			CHECK(ep_json_type(v) == kind && e.kind == kind && e.as.count == 1);
			if (kind == EP_JSON_OBJECT) ep_json_reader_next(r, &e);
		}
		int64_t integer = 0;
		ep_json_reader_next(r, &e);
		CHECK(ep_json_get_integer(v, &integer) && integer == INT64_C(9007199254740993) && e.as.integer == integer);
		ep_json_free(doc);
		ep_json_reader_free(r);
		ep_buf_fini(&b);
	}
}
