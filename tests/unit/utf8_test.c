/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/utf8.h"

#include "test.h"

/* What RFC 3629 says, written as plainly as it can be: the length of the sequence at s, 0 if there is none. */
static unsigned plain_sequence(const unsigned char *s, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned n = *s < 0x80 ? 1 : *s < 0xc0 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf8 ? 4 : 0;
	if (n == 0 || n > len) return 0;
	uint32_t c = n == 1 ? *s : *s & (0x7fu >> n);
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : n;
}

static size_t plain_check(const unsigned char *s, size_t len)
{
	size_t i = 0;
	while (i < len) {
		unsigned n = plain_sequence(s + i, len - i);
		if (n == 0) break;
		i += n;
	}
	return i;
}

/* The offset at which a check in two chunks, cut at `cut`, ends. */
static size_t check_in_two(const char *s, size_t len, size_t cut)
{
	ep_utf8 u = {0};
	bool good = ep_utf8_add(&u, s, cut) && ep_utf8_add(&u, s + cut, len - cut) && ep_utf8_end(&u);
	CHECK_INT_EQ(good, !u.failed);
	CHECK(good == (u.offset == len));
	return (size_t)u.offset;
}

TEST(every_character_is_accepted_and_nothing_else_of_its_length)
{
	for (uint32_t a = 0; a < 256; a++)
		for (uint32_t b = 0; b < 256; b++)
			for (uint32_t c = 0x7f; c < 0xc1; c++) {
				unsigned char s[4] = {(unsigned char)a, (unsigned char)b, (unsigned char)c, 0x80};
				for (size_t len = 1; len <= 4; len++) CHECK_INT_EQ(ep_utf8_sequence(s, len), plain_sequence(s, len));
			}
}

TEST(edges)
{
	static const struct {
		const char *text;
		size_t bad;
	} cases[] = {
		{"", 0},
		{"abc", 3},
		{"\x7f", 1},
		{"\x80", 0},
		{"a\xc0\x80", 1},
		{"\xc1\xbf", 0},
		{"\xc2\x80", 2},
		{"\xdf\xbf", 2},
		{"\xe0\x9f\xbf", 0},
		{"\xe0\xa0\x80", 3},
		{"\xed\x9f\xbf", 3},
		{"\xed\xa0\x80", 0},
		{"\xee\x80\x80", 3},
		{"\xef\xbf\xbf", 3},
		{"\xf0\x8f\xbf\xbf", 0},
		{"\xf0\x90\x80\x80", 4},
		{"\xf4\x8f\xbf\xbf", 4},
		{"\xf4\x90\x80\x80", 0},
		{"\xf5\x80\x80\x80", 0},
		{"\xff", 0},
		{"ok\xe2\x82", 2},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK_INT_EQ(ep_utf8_check(cases[i].text, strlen(cases[i].text)), cases[i].bad);
}

TEST(the_bad_byte_is_found_wherever_it_stands)
{
	char s[200];
	for (size_t len = 1; len < sizeof s; len += 7)
		for (size_t at = 0; at < len; at++) {
			memset(s, 'x', sizeof s);
			s[at] = (char)0xff;
			CHECK_INT_EQ(ep_utf8_check(s, len), at);
		}
}

TEST(chunks_do_not_matter)
{
	static const char good[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
	static const char bad[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x41z";
	static const char cut[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98";
	for (size_t i = 0; i < sizeof good; i++) CHECK_INT_EQ(check_in_two(good, sizeof good - 1, i), sizeof good - 1);
	for (size_t i = 0; i < sizeof bad; i++) CHECK_INT_EQ(check_in_two(bad, sizeof bad - 1, i), 6);
	for (size_t i = 0; i < sizeof cut; i++) CHECK_INT_EQ(check_in_two(cut, sizeof cut - 1, i), 6);
}

TEST(a_byte_at_a_time)
{
	static const char text[] = "\xf0\x90\x80\x80\xed\x9f\xbf\xc2\x80";
	ep_utf8 u = {0};
	for (size_t i = 0; i < sizeof text - 1; i++) CHECK(ep_utf8_add(&u, text + i, 1));
	CHECK(ep_utf8_end(&u));
	CHECK_INT_EQ(u.offset, sizeof text - 1);
}

TEST(a_failure_lasts)
{
	ep_utf8 u = {0};
	CHECK(!ep_utf8_add(&u, "ab\xff", 3));
	CHECK(!ep_utf8_add(&u, "c", 1));
	CHECK(!ep_utf8_end(&u));
	CHECK_INT_EQ(u.offset, 2);
}

TEST(random_bytes_agree_with_the_plain_reading)
{
	static const unsigned char likely[] = {'a', 0x7f, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xed, 0x9f, 0xf0, 0x90, 0xf4, 0x8f};
	unsigned seed = 7;
	for (int round = 0; round < 20000; round++) {
		unsigned char s[160];
		size_t len = (size_t)rand_r(&seed) % sizeof s;
		for (size_t i = 0; i < len; i++) s[i] = 'a';
		for (size_t i = 0; i < len; i += 1 + (size_t)rand_r(&seed) % 20)
			s[i] = likely[(size_t)rand_r(&seed) % sizeof likely];
		size_t expected = plain_check(s, len);
		CHECK_INT_EQ(ep_utf8_check(s, len), expected);
		CHECK_INT_EQ(check_in_two((const char *)s, len, len ? (size_t)rand_r(&seed) % len : 0), expected);
	}
}

TEST(shown_without_what_moves_a_terminal)
{
	static const char text[] = "a\x1b[2J\x07"
							   "b\xc2\x9bK\x9b\xc3\xa4\x7f\n";
	ep_buf out = {0};
	CHECK_INT_EQ(ep_utf8_show(&out, text, sizeof text - 1, 0), sizeof text - 1);
	CHECK_STR_EQ(ep_buf_text(&out), "a?[2J?b?K?\xc3\xa4??");
	ep_buf_reset(&out);
	CHECK_INT_EQ(ep_utf8_show(&out, text, sizeof text - 1, 2), 2);
	CHECK_STR_EQ(ep_buf_text(&out), "a?");
	ep_buf_fini(&out);
}
