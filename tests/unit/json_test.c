/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json.h"

#include <locale.h>
#include <pthread.h>

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

TEST(events)
{
	static const char text[] = " {\"a\" : [ true , 1.5,\"\\u0000\\n\" ] , \"b\":{} ,\"\":null,\"c\":-7}";
	ep_json_reader *r = NULL;
	ep_json_event e;
	ep_err err = {0};
	CHECK_INT_EQ(ep_json_reader_new(&r, text, sizeof text - 1, NULL, &err), 0);
	CHECK_INT_EQ(ep_json_reader_depth(r), 2);
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_OBJECT && e.as.count == 4);
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_STRING && e.as.string.len == 1 && *e.as.string.data == 'a');
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_ARRAY && e.as.count == 3);
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_BOOL && e.as.flag);
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_NUMBER && e.as.number == 1.5);
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_STRING && e.as.string.len == 2 && !memcmp(e.as.string.data, "\0\n", 2));
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_STRING && *e.as.string.data == 'b');
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_OBJECT && e.as.count == 0);
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_STRING && e.as.string.len == 0);
	ep_json_reader_next(r, &e);
	CHECK_INT_EQ(e.kind, EP_JSON_NULL);
	ep_json_reader_next(r, &e);
	ep_json_reader_next(r, &e);
	CHECK(e.kind == EP_JSON_INTEGER && e.as.integer == -7);
	ep_json_reader_free(r);
	ep_json_reader_free(NULL);
	CHECK_INT_EQ(ep_json_reader_new(&r, "[1,]", 4, NULL, &err), EP_EJSON);
	CHECK(strstr(ep_err_message(&err), "byte 3") != NULL);
	ep_err_fini(&err);
}

/* How often a reading fails when the nth request for memory and all after it do, for every n. */
static int failures_of(const char *text, bool events)
{
	int failures = 0;
	for (long nth = 1;; nth++, failures++) {
		ep_json *doc = NULL;
		ep_json_reader *r = NULL;
		ep_err err = {0};
		size_t len = strlen(text);
		ep_mem_fail_after(nth);
		int rc = events ? ep_json_reader_new(&r, text, len, NULL, &err) : ep_json_parse(&doc, text, len, NULL, &err);
		ep_mem_fail_after(0);
		CHECK_INT_EQ(rc, err.code);
		ep_err_fini(&err);
		ep_json_free(doc);
		ep_json_reader_free(r);
		if (!rc) return failures;
		CHECK_INT_EQ(rc, EP_ENOMEM);
	}
}

TEST(failing_memory_is_an_error)
{
	static const char text[] =
		"{\"a\":[1,2.5,\"\\u0000\",1.0000000000000000000000000000000000000000000000000000000000000000001]}";
	CHECK(failures_of(text, false) >= 4);
	CHECK(failures_of(text, true) >= 4);
}

static void *parse_often(void *arg)
{
	static const char text[] = "{\"a\":[1,2.5,\"\\u0000\",9007199254740993],\"b\":{}}";
	for (int i = 0; i < 300; i++) {
		int64_t n = 0;
		ep_json *doc = parse(text);
		const ep_json_value *v = ep_json_first(ep_json_object_get(ep_json_root(doc), "a"));
		if (ep_json_get_integer(ep_json_next(ep_json_next(ep_json_next(v))), &n))
			*(int64_t *)arg += n == INT64_C(9007199254740993);
		ep_json_free(doc);
	}
	return NULL;
}

TEST(threads_read_at_once)
{
	pthread_t threads[4];
	int64_t good[4] = {0};
	for (size_t i = 0; i < 4; i++) CHECK_INT_EQ(pthread_create(&threads[i], NULL, parse_often, &good[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_INT_EQ(good[i], 300);
	}
}

TEST(the_locale_does_not_matter)
{
	static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
	for (size_t i = 0; i < sizeof commas / sizeof *commas && !setlocale(LC_NUMERIC, commas[i]); i++) continue;
	reads_number("0.25", 0.25);
	reads_number("1.5e-300", 1.5e-300);
	setlocale(LC_NUMERIC, "C");
}
