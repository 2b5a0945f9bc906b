/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json.h"

#include <locale.h>
#include <math.h>

#include "runtime/base/mem.h"
#include "test.h"

static ep_json *parse_bytes(const char *text, size_t len)
{
	ep_err err = {0};
	ep_json *doc = NULL;
	char *exact = malloc(len ? len : 1); /* no byte behind the text may be read */
	memcpy(exact, text, len);
	if (ep_json_parse(&doc, exact, len, NULL, &err)) TEST_FAIL("%s: %s", text, ep_err_message(&err));
	free(exact);
	return doc;
}

static ep_json *parse(const char *text) { return parse_bytes(text, strlen(text)); }

/* The message that refuses the text; the caller's until the next call. */
static const char *refusal_of(const char *text, size_t len, const ep_json_limits *limits)
{
	static char message[300];
	ep_err err = {0};
	ep_json *doc = NULL;
	char *exact = malloc(len ? len : 1);
	memcpy(exact, text, len);
	int rc = ep_json_parse(&doc, exact, len, limits, &err);
	free(exact);
	if (!rc) TEST_FAIL("accepted: %.*s", (int)len, text);
	CHECK_INT_EQ(rc, err.code);
	snprintf(message, sizeof message, "%s: %s", ep_err_slug(rc), ep_err_message(&err));
	ep_err_fini(&err);
	return message;
}

static void refused(const char *text, const char *why)
{
	const char *message = refusal_of(text, strlen(text), NULL);
	if (!strstr(message, why)) TEST_FAIL("%s: \"%s\" does not say \"%s\"", text, message, why);
}

static void reads_integer(const char *text, int64_t expected)
{
	ep_json *doc = parse(text);
	int64_t got = 0;
	CHECK_INT_EQ(ep_json_type(ep_json_root(doc)), EP_JSON_INTEGER);
	CHECK(ep_json_get_integer(ep_json_root(doc), &got));
	CHECK_INT_EQ(got, expected);
	ep_json_free(doc);
}

static void reads_number(const char *text, double expected)
{
	ep_json *doc = parse(text);
	double got = 0;
	CHECK_INT_EQ(ep_json_type(ep_json_root(doc)), EP_JSON_NUMBER);
	CHECK(ep_json_get_number(ep_json_root(doc), &got));
	if (memcmp(&got, &expected, sizeof got) != 0) TEST_FAIL("%s is read as %.17g", text, got);
	ep_json_free(doc);
}

static void reads_string(const char *text, const char *expected, size_t expected_len)
{
	ep_json *doc = parse(text);
	size_t len = 0;
	const char *got = ep_json_get_string(ep_json_root(doc), &len);
	CHECK(got != NULL);
	CHECK_INT_EQ(len, expected_len);
	CHECK_MEM_EQ(got, expected, len + 1);
	ep_json_free(doc);
}

static const char *number_text(double value)
{
	static char text[64];
	ep_buf b = {0};
	CHECK_INT_EQ(ep_json_number(&b, value), 0);
	snprintf(text, sizeof text, "%s", ep_buf_text(&b));
	CHECK_INT_EQ(strlen(text), b.len);
	ep_buf_fini(&b);
	return text;
}

TEST(words_and_types)
{
	ep_json *doc = parse(" [ null , true, false, 1, 1.0, \"s\", [], {} ]\r\n\t");
	const ep_json_value *v = ep_json_root(doc);
	static const ep_json_kind kinds[] = {EP_JSON_NULL, EP_JSON_BOOL, EP_JSON_BOOL, EP_JSON_INTEGER, EP_JSON_NUMBER,
		EP_JSON_STRING, EP_JSON_ARRAY, EP_JSON_OBJECT};
	bool flag;
	CHECK_INT_EQ(ep_json_type(v), EP_JSON_ARRAY);
	CHECK_INT_EQ(ep_json_count(v), 8);
	CHECK_INT_EQ(ep_json_depth(doc), 2);
	v = ep_json_first(v);
	CHECK(!ep_json_get_bool(v, &flag));
	CHECK(ep_json_get_bool(ep_json_next(v), &flag) && flag);
	CHECK(ep_json_get_bool(ep_json_next(ep_json_next(v)), &flag) && !flag);
	for (size_t i = 0; i < 8; i++, v = ep_json_next(v)) CHECK_INT_EQ(ep_json_type(v), kinds[i]);
	CHECK(v == NULL);
	CHECK_INT_EQ(ep_json_type(v), EP_JSON_NONE);
	ep_json_free(doc);
	ep_json_free(NULL);
}

TEST(members)
{
	ep_json *doc =
		parse("{\"token\":\"a\",\"Token\":\"b\",\"repo_ids\":[\"x\",\"y\"],\"token\":\"c\",\"n\":{\"m\":7}}");
	const ep_json_value *root = ep_json_root(doc);
	int64_t n = 0;
	size_t len;
	CHECK_STR_EQ(ep_json_get_string(ep_json_object_get(root, "token"), NULL), "c");
	CHECK_STR_EQ(ep_json_get_string(ep_json_object_get(root, "Token"), NULL), "b");
	CHECK(ep_json_object_get(root, "TOKEN") == NULL);
	CHECK(ep_json_get_integer(ep_json_object_get(ep_json_object_get(root, "n"), "m"), &n));
	CHECK_INT_EQ(n, 7);
	CHECK(ep_json_object_get(ep_json_object_get(root, "none"), "m") == NULL);
	CHECK(ep_json_object_get(ep_json_object_get(root, "repo_ids"), "x") == NULL);
	CHECK(ep_json_first(NULL) == NULL && ep_json_next(NULL) == NULL && ep_json_key(NULL, NULL) == NULL);
	CHECK_INT_EQ(ep_json_count(root), 5);
	CHECK_INT_EQ(ep_json_count(ep_json_object_get(root, "repo_ids")), 2);
	CHECK_STR_EQ(ep_json_key(ep_json_first(root), &len), "token");
	CHECK_INT_EQ(len, 5);
	CHECK(ep_json_key(ep_json_first(ep_json_object_get(root, "repo_ids")), NULL) == NULL);
	ep_json_free(doc);
}

TEST(integers)
{
	reads_integer("0", 0);
	reads_integer("-1", -1);
	reads_integer("9007199254740991", INT64_C(9007199254740991));
	reads_integer("9007199254740993", INT64_C(9007199254740993));
	reads_integer("-9007199254740993", INT64_C(-9007199254740993));
	reads_integer("9223372036854775807", INT64_MAX);
	reads_integer("-9223372036854775808", INT64_MIN);
	reads_integer("1000000000000000000", INT64_C(1000000000000000000));
}

TEST(integers_beyond_int64_are_exact_or_refused)
{
	char power[400] = "1";
	reads_number("9223372036854775808", 9223372036854775808.0);
	reads_number("-9223372036854777856", -9223372036854777856.0);
	reads_number("18446744073709551616", 18446744073709551616.0);
	reads_number("100000000000000000000", 1e20);
	refused("9223372036854775809", "byte 0");
	refused("[1,-9223372036854775809]", "byte 3): an integer outside 64 bits");
	refused("18446744073709551615", "an integer outside 64 bits");
	refused("123456789012345678901234567890", "an integer outside 64 bits");
	memset(power + 1, '0', 399);
	power[399] = '\0';
	refused(power, "too large for a double");
}

TEST(numbers)
{
	reads_number("-0", -0.0);
	reads_number("-0.0", -0.0);
	reads_number("0e5", 0.0);
	reads_number("1.0", 1.0);
	reads_number("1e5", 100000.0);
	reads_number("1E+2", 100.0);
	reads_number("2.5e-3", 0.0025);
	reads_number("0.30000000000000004", 0.30000000000000004);
	reads_number("1.7976931348623157e308", 1.7976931348623157e308);
	reads_number("5e-324", 5e-324);
	reads_number("1e-400", 0.0);
	refused("1e400", "too large for a double");
	refused("-1e400", "too large for a double");
	refused("[0, 1e309]", "byte 4");
}

TEST(long_number_texts)
{
	char text[1200];
	ep_json *doc;
	int64_t last = 0;
	double value = 0;
	snprintf(text, sizeof text, "0.%0*d5", 60, 0);
	CHECK_INT_EQ(strlen(text), 63);
	reads_number(text, 5e-61);
	snprintf(text, sizeof text, "0.%0*d5", 61, 0);
	reads_number(text, 5e-62);
	snprintf(text, sizeof text, "0.%0*d5", 300, 0);
	reads_number(text, 5e-301);
	snprintf(text, sizeof text,
		"[0.1000000000000000055511151231257827021181583404541015625000000000000000,{\"k\":%s},3]",
		"1.00000000000000000000000000000000000000000000000000000000000000000000000000000e+2");
	doc = parse(text);
	const ep_json_value *v = ep_json_first(ep_json_root(doc));
	CHECK(ep_json_get_number(v, &value) && value == 0.1);
	CHECK(ep_json_get_number(ep_json_object_get(ep_json_next(v), "k"), &value) && value == 100.0);
	CHECK(ep_json_get_integer(ep_json_next(ep_json_next(v)), &last) && last == 3);
	ep_json_free(doc);
	memset(text, '1', 1000);
	text[1000] = '\0';
	refused(text, "too large for a double");
}

TEST(malformed_numbers)
{
	refused("01", "may not begin with 0");
	refused("-01", "may not begin with 0");
	refused("-", "a digit must follow the minus sign");
	refused("+1", "a value was expected");
	refused(".5", "a value was expected");
	refused("1.", "a digit must follow the decimal point");
	refused("1.e3", "a digit must follow the decimal point");
	refused("1e", "an exponent needs a digit");
	refused("1e+", "an exponent needs a digit");
	refused("0x10", "more text");
	refused("NaN", "a value was expected");
	refused("Infinity", "a value was expected");
	refused("1 2", "more text");
}

TEST(strings)
{
	reads_string("\"\"", "", 0);
	reads_string("\"a b\"", "a b", 3);
	reads_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
	reads_string("\"\\u00e9\\u20AC\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9);
	reads_string("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9);
	reads_string("\"\x7f\"", "\x7f", 1);
	reads_string("\"\\uffff\\udbff\\udfff\"", "\xef\xbf\xbf\xf4\x8f\xbf\xbf", 7);
}

TEST(nul_inside_strings_and_keys)
{
	reads_string("\"\\u0000\"", "\0", 1);
	reads_string("\"a\\u0000b\\n\\u00e9\\ud83d\\ude00\"", "a\0b\n\xc3\xa9\xf0\x9f\x98\x80", 10);
	ep_json *doc = parse("{\"k\":\"\",\"k\\u0000x\":\"v\\u0000w\",\"k\\u0000y\":[\"\\u0000\",3],\"z\":\"plain\"}");
	const ep_json_value *v = ep_json_first(ep_json_root(doc));
	size_t len;
	v = ep_json_next(v);
	CHECK_MEM_EQ(ep_json_key(v, &len), "k\0x", 4);
	CHECK_INT_EQ(len, 3);
	CHECK_MEM_EQ(ep_json_get_string(v, &len), "v\0w", 4);
	CHECK_INT_EQ(len, 3);
	v = ep_json_next(v);
	CHECK_MEM_EQ(ep_json_key(v, &len), "k\0y", 4);
	CHECK_INT_EQ(len, 3);
	CHECK_INT_EQ(ep_json_count(v), 2);
	ep_json_get_string(ep_json_first(v), &len);
	CHECK_INT_EQ(len, 1);
	CHECK_STR_EQ(ep_json_get_string(ep_json_object_get(ep_json_root(doc), "z"), &len), "plain");
	CHECK_INT_EQ(len, 5);
	CHECK_STR_EQ(ep_json_get_string(ep_json_object_get(ep_json_root(doc), "k"), NULL), "");
	ep_json_wipe(doc);
}

TEST(malformed_strings)
{
	refused("\"abc", "byte 0): a string that does not end");
	refused("\"abc\\\"", "a string that does not end");
	refused("\"a\nb\"", "byte 2): a control character");
	refused("\"a\tb\"", "a control character");
	refused("\"\\x41\"", "no such escape");
	refused("\"\\", "no such escape");
	refused("\"\\u12g4\"", "four hexadecimal digits");
	refused("\"\\u12", "four hexadecimal digits");
	refused("\"\\ud800\"", "a high surrogate without its low one");
	refused("\"\\ud800\\u0041\"", "a high surrogate without its low one");
	refused("\"\\ud800\\ud800\"", "a high surrogate without its low one");
	refused("\"\\udc00\"", "a low surrogate without its high one");
	refused("\"\\udc00\\ud800\"", "a low surrogate without its high one");
	refused("\"ab\xff\"", "byte 3): invalid UTF-8");
	refused("\"\xed\xa0\x80\"", "invalid UTF-8");
	refused("\"\xc0\x80\"", "invalid UTF-8");
	refused("\"\xe2\x82\"", "invalid UTF-8");
	refused("'a'", "a value was expected");
	CHECK(strstr(refusal_of("\"a\0b\"", 5, NULL), "byte 2): a control character") != NULL);
}

TEST(malformed_documents)
{
	refused("", "the text ends where a value was expected");
	refused("  \n", "line 2, column 1");
	refused("[", "the text ends");
	refused("[1", "an array that does not end");
	refused("[1,", "the text ends");
	refused("[1,]", "a value was expected");
	refused("[,1]", "a value was expected");
	refused("[1 2]", "',' or ']'");
	refused("[1}", "',' or ']'");
	refused("{", "a key in quotes");
	refused("{\"a\"", "':' was expected");
	refused("{\"a\" 1}", "':' was expected");
	refused("{\"a\":", "the text ends");
	refused("{\"a\":1", "an object that does not end");
	refused("{\"a\":1,}", "a key in quotes");
	refused("{\"a\":1]", "',' or '}'");
	refused("{a:1}", "a key in quotes");
	refused("{1:1}", "a key in quotes");
	refused("]", "a value was expected");
	refused("[] []", "more text");
	refused("{}x", "more text");
	refused("nul", "a value was expected");
	refused("True", "a value was expected");
	refused("// c\n1", "a value was expected");
	refused("\xef\xbb\xbf{}", "a value was expected");
	refused("<html>", "a value was expected");
	refused("[1]\f", "more text");
	CHECK(strstr(refusal_of("1\0", 2, NULL), "byte 1): more text") != NULL);
}

TEST(the_place_is_told_and_the_text_is_not)
{
	const char *message = refusal_of("{\n \"token\": \"rlcr-secret\",\n \"x\": tru\n}", 37, NULL);
	CHECK_STR_EQ(message, "json: not the JSON it should be, line 3, column 7 (byte 33): a value was expected");
}

TEST(limits)
{
	char deep[2 * EP_JSON_MAX_DEPTH + 2];
	ep_json_limits limits = {.max_depth = 3};
	CHECK(strstr(refusal_of("[[[[]]]]", 8, &limits), "byte 3): nested too deep") != NULL);
	limits = (ep_json_limits){.max_nodes = 3};
	CHECK(strstr(refusal_of("[1,2,3]", 7, &limits), "too many values") != NULL);
	limits = (ep_json_limits){.max_bytes = 6};
	CHECK(strstr(refusal_of("[1,2,3]", 7, &limits), "too_large: 7 bytes of JSON, at most 6") != NULL);
	memset(deep, '[', EP_JSON_MAX_DEPTH);
	memset(deep + EP_JSON_MAX_DEPTH, ']', EP_JSON_MAX_DEPTH);
	ep_json *doc = parse_bytes(deep, 2 * EP_JSON_MAX_DEPTH);
	CHECK_INT_EQ(ep_json_depth(doc), EP_JSON_MAX_DEPTH);
	ep_json_free(doc);
	memset(deep, '[', EP_JSON_MAX_DEPTH + 1);
	memset(deep + EP_JSON_MAX_DEPTH + 1, ']', EP_JSON_MAX_DEPTH + 1);
	limits = (ep_json_limits){.max_depth = 100000};
	CHECK(strstr(refusal_of(deep, sizeof deep, &limits), "nested too deep") != NULL);
}

TEST(a_hundred_thousand_brackets)
{
	enum { COUNT = 100000 };
	char *deep = malloc(COUNT);
	memset(deep, '[', COUNT);
	CHECK(strstr(refusal_of(deep, COUNT, NULL), "nested too deep") != NULL);
	free(deep);
}

TEST(every_prefix_is_refused)
{
	static const char text[] =
		"{\"a\":[1,-2.5e3,true,null,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\"],\"b\\u0000\":{\"c\":9007199254740993}}";
	for (size_t len = 0; len < sizeof text - 1; len++) refusal_of(text, len, NULL);
	ep_json_free(parse(text));
}

TEST(failing_memory_is_an_error)
{
	static const char text[] =
		"{\"a\":[1,2.5,\"\\u0000\",1.0000000000000000000000000000000000000000000000000000000000000000001]}";
	int failures = 0;
	for (long nth = 1;; nth++) {
		ep_json *doc = NULL;
		ep_err err = {0};
		ep_mem_fail_after(nth);
		int rc = ep_json_parse(&doc, text, sizeof text - 1, NULL, &err);
		ep_mem_fail_after(0);
		ep_err_fini(&err);
		ep_json_free(doc);
		if (!rc) break;
		CHECK_INT_EQ(rc, EP_ENOMEM);
		failures++;
	}
	CHECK(failures >= 4);
}

TEST(strings_are_written_with_the_mandatory_escapes)
{
	ep_buf b = {0};
	CHECK_INT_EQ(ep_json_string(&b, "a\"\\/\b\f\n\r\t\x01\x1f\x7f\0\xc3\xa9", 15), 0);
	CHECK_STR_EQ(ep_buf_text(&b), "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000\xc3\xa9\"");
	ep_buf_reset(&b);
	CHECK_INT_EQ(ep_json_string(&b, "", 0), 0);
	CHECK_STR_EQ(ep_buf_text(&b), "\"\"");
	CHECK_INT_EQ(ep_json_string(&b, "a\xff", 2), EP_EJSON);
	CHECK_INT_EQ(ep_buf_failed(&b), EP_EJSON);
	CHECK_INT_EQ(b.len, 2);
	ep_buf_fini(&b);
}

TEST(escaping_is_the_same_in_pieces_and_as_measured)
{
	unsigned seed = 3;
	char text[700], whole[6 * 700 + 16], pieces[6 * 700 + 16];
	static const char likely[] = "\"\\\n\t\x01\x0b\x1f\x7f\xff\x80 ab";
	for (int round = 0; round < 3000; round++) {
		size_t n = (size_t)rand_r(&seed) % sizeof text, cut = n ? (size_t)rand_r(&seed) % n : 0;
		for (size_t i = 0; i < n; i++)
			text[i] = rand_r(&seed) % 8 ? 'x' : likely[(size_t)rand_r(&seed) % sizeof likely];
		size_t len = (size_t)(ep_json_escape(whole, text, n) - whole);
		CHECK_INT_EQ(ep_json_escaped_length(text, n), len);
		char *end = ep_json_escape(pieces, text, cut);
		end = ep_json_escape(end, text + cut, n - cut);
		CHECK_INT_EQ(end - pieces, len);
		CHECK_MEM_EQ(pieces, whole, len);
	}
}

TEST(the_measured_length_is_right_for_many_blocks)
{
	enum { N = 16 * 700 + 5 };
	char *text = malloc(N);
	for (int c = 0; c < 256; c++) {
		char one[32];
		memset(text, c, N);
		CHECK_INT_EQ(ep_json_escaped_length(text, N), N * (ep_json_escape(one, text, 1) - one));
	}
	free(text);
}

TEST(an_escape_stays_in_its_room)
{
	char text[64];
	for (size_t n = 0; n < sizeof text; n++) {
		memset(text, n % 2 ? 'a' : '\n', sizeof text);
		size_t room = ep_json_escaped_length(text, n) + 16;
		char *to = malloc(room);
		CHECK_INT_EQ(ep_json_escape(to, text, n) - to, room - 16);
		free(to);
	}
}

TEST(integers_are_written)
{
	static const int64_t values[] = {0, 9, 10, 99, 100, -1, -10, 12345, INT64_MAX, INT64_MIN, 9007199254740993};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char expected[32];
		ep_buf b = {0};
		snprintf(expected, sizeof expected, "%" PRId64, values[i]);
		CHECK_INT_EQ(ep_json_integer(&b, values[i]), 0);
		CHECK_STR_EQ(ep_buf_text(&b), expected);
		ep_buf_fini(&b);
	}
}

TEST(numbers_are_written_short_and_marked)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {{0.0, "0.0"}, {-0.0, "-0.0"}, {1, "1.0"}, {-3, "-3.0"}, {100, "100.0"}, {0.5, "0.5"}, {0.1, "0.1"},
		{0.3, "0.3"}, {0.1 + 0.2, "0.30000000000000004"}, {1.5, "1.5"}, {-1234.5678, "-1234.5678"},
		{1e15, "1000000000000000.0"}, {9007199254740991.0, "9007199254740991.0"},
		{9007199254740992.0, "9007199254740992.0"}, {1e16, "10000000000000000.0"}, {1e17, "1e17"}, {1e20, "1e20"},
		{1.5e300, "1.5e300"}, {1e-5, "0.00001"}, {1.25e-6, "1.25e-6"}, {5e-324, "4.94065645841247e-324"},
		{1.7976931348623157e308, "1.7976931348623157e308"}, {2.2250738585072014e-308, "2.2250738585072014e-308"},
		{1.0 / 3, "0.3333333333333333"}, {123456789.125, "123456789.125"}};
	ep_buf b = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) CHECK_STR_EQ(number_text(cases[i].value), cases[i].text);
	CHECK_INT_EQ(ep_json_number(&b, NAN), EP_EJSON);
	CHECK_INT_EQ(ep_buf_failed(&b), EP_EJSON);
	ep_buf_reset(&b);
	CHECK_INT_EQ(ep_json_number(&b, -INFINITY), EP_EJSON);
	ep_buf_fini(&b);
}

/* The shortest of 15 to 17 digits, by the C library. */
static int digits_needed(double value)
{
	char text[40];
	for (int digits = 15; digits < 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value) return digits;
	}
	return 17;
}

static int digits_in(const char *text)
{
	int count = 0, zeros = 0;
	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (*text == '0' && count == 0)) continue;
		zeros = *text == '0' ? zeros + 1 : 0;
		count++;
	}
	return count - zeros;
}

TEST(random_numbers_read_back_in_the_fewest_digits)
{
	uint64_t bits = 88172645463325252;
	for (int i = 0; i < 200000; i++) {
		double value;
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&value, &bits, sizeof value);
		if (i % 4 == 1) value = (double)(bits % 1000000007) / 1000;
		if (i % 4 == 2) value = (double)bits / 1.9e19;
		if (i % 4 == 3) value = ldexp(1, (int)(bits % 100) - 47) * (bits & 1 ? 1 : 1 + 0x1p-52);
		if (!isfinite(value)) continue;
		const char *text = number_text(value);
		double again = strtod(text, NULL);
		if (memcmp(&again, &value, sizeof value) != 0) TEST_FAIL("%.17g is written as %s", value, text);
		if (digits_in(text) > digits_needed(value)) TEST_FAIL("%.17g is written as %s", value, text);
		CHECK(strpbrk(text, ".e") != NULL);
	}
}

TEST(the_locale_does_not_matter)
{
	static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
	for (size_t i = 0; i < sizeof commas / sizeof *commas && !setlocale(LC_NUMERIC, commas[i]); i++) continue;
	CHECK_STR_EQ(number_text(1.5e-300), "1.5e-300");
	CHECK_STR_EQ(number_text(0.25), "0.25");
	reads_number("0.25", 0.25);
	reads_number("1.5e-300", 1.5e-300);
	setlocale(LC_NUMERIC, "C");
}
