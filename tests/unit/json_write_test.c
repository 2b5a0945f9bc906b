/* SPDX-License-Identifier: Apache-2.0 */
/* The writers of runtime/base/json.h. */
#include <locale.h>
#include <math.h>

#include "runtime/base/json.h"
#include "test.h"

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
	setlocale(LC_NUMERIC, "C");
}
