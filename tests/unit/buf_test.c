/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/buf.h"

#include "runtime/base/err.h"
#include "runtime/base/mem.h"
#include "test.h"

TEST(an_empty_one_has_a_text)
{
	ep_buf b = {0};
	CHECK_STR_EQ(ep_buf_text(&b), "");
	CHECK(ep_buf_take(&b) == NULL);
	ep_buf_fini(&b);
}

TEST(it_grows_and_ends_with_nul)
{
	ep_buf b = {0};
	char expected[3001];
	for (size_t i = 0; i < 3000; i++) {
		expected[i] = (char)('a' + i % 26);
		CHECK_INT_EQ(ep_buf_putc(&b, expected[i]), 0);
		CHECK_INT_EQ(b.len, i + 1);
		CHECK_INT_EQ(b.data[b.len], 0);
	}
	CHECK_MEM_EQ(b.data, expected, 3000);
	CHECK_INT_EQ(ep_buf_add(&b, NULL, 0), 0);
	CHECK_INT_EQ(b.len, 3000);
	ep_buf_fini(&b);
	CHECK(b.data == NULL && b.len == 0);
}

TEST(bytes_of_any_kind)
{
	ep_buf b = {0};
	CHECK_INT_EQ(ep_buf_add(&b, "a\0b", 3), 0);
	CHECK_INT_EQ(ep_buf_puts(&b, "cd"), 0);
	CHECK_INT_EQ(b.len, 5);
	CHECK_MEM_EQ(b.data, "a\0bcd", 6);
	ep_buf_fini(&b);
}

TEST(printf_of_every_length)
{
	char text[400];
	memset(text, 'x', sizeof text);
	for (int n = 0; n < 400; n++) {
		ep_buf b = {0};
		CHECK_INT_EQ(ep_buf_printf(&b, "%.*s|%d", n, text, n), 0);
		CHECK_INT_EQ(strlen(ep_buf_text(&b)), b.len);
		CHECK_INT_EQ(b.data[n], '|');
		CHECK_INT_EQ(atoi(b.data + n + 1), n);
		ep_buf_fini(&b);
	}
}

TEST(the_limit_is_kept_and_lasts)
{
	ep_buf b = {.limit = 4};
	CHECK_INT_EQ(ep_buf_puts(&b, "abcd"), 0);
	CHECK_INT_EQ(ep_buf_puts(&b, "e"), EP_ETOOLARGE);
	CHECK_STR_EQ(ep_buf_text(&b), "abcd");
	CHECK_INT_EQ(ep_buf_puts(&b, ""), EP_ETOOLARGE);
	CHECK_INT_EQ(ep_buf_failed(&b), EP_ETOOLARGE);
	ep_buf_reset(&b);
	CHECK_INT_EQ(ep_buf_failed(&b), 0);
	CHECK_STR_EQ(ep_buf_text(&b), "");
	CHECK_INT_EQ(ep_buf_printf(&b, "%s", "12345"), EP_ETOOLARGE);
	ep_buf_fini(&b);
	CHECK_INT_EQ(b.limit, 4);
}

TEST(sizes_that_overflow_are_refused)
{
	ep_buf b = {0};
	CHECK_INT_EQ(ep_buf_putc(&b, 'x'), 0);
	CHECK(ep_buf_reserve(&b, SIZE_MAX) == NULL);
	CHECK_INT_EQ(ep_buf_failed(&b), EP_ETOOLARGE);
	CHECK_STR_EQ(ep_buf_text(&b), "x");
	ep_buf_fini(&b);
}

TEST(reserve_leaves_room_for_the_nul)
{
	ep_buf b = {0};
	for (size_t n = 1; n < 300; n++) {
		char *to = ep_buf_reserve(&b, n);
		memset(to, 'y', n + 1);
		b.len += n;
	}
	ep_buf_fini(&b);
}

TEST(take_gives_the_bytes_away)
{
	ep_buf b = {.limit = 10};
	CHECK_INT_EQ(ep_buf_puts(&b, "abc"), 0);
	char *text = ep_buf_take(&b);
	CHECK_STR_EQ(text, "abc");
	CHECK(b.data == NULL && b.len == 0 && b.limit == 10);
	ep_free(text);
	ep_buf_puts(&b, "0123456789x");
	CHECK(ep_buf_take(&b) == NULL);
	CHECK_INT_EQ(ep_buf_failed(&b), 0);
}

TEST(no_memory_is_an_error_that_keeps_what_is_there)
{
	ep_buf b = {0};
	CHECK_INT_EQ(ep_buf_puts(&b, "kept"), 0);
	ep_mem_fail_after(1);
	CHECK(ep_buf_reserve(&b, 100000) == NULL);
	ep_mem_fail_after(0);
	CHECK_INT_EQ(ep_buf_failed(&b), EP_ENOMEM);
	CHECK_STR_EQ(ep_buf_text(&b), "kept");
	CHECK_INT_EQ(ep_buf_puts(&b, "more"), EP_ENOMEM);
	ep_buf_wipe(&b);
	CHECK(b.data == NULL);
}
