/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/sse.h"

#include "runtime/base/err.h"
#include "runtime/base/mem.h"
#include "test.h"

/* Writes what events a decoder finds, "name=data;" each, of bytes that come in pieces of n. Returns its last word. */
static int events_of(ep_buf *out, const char *text, size_t len, size_t n, size_t max)
{
	ep_sse sse;
	ep_sse_event e;
	int rc = 0;
	ep_sse_init(&sse, max);
	for (size_t from = 0; from < len && rc >= 0; from += n) {
		char piece[256]; /* memory of just its size would be better, but ASan finds what reads behind the stack's too */
		size_t size = len - from < n ? len - from : n;
		memcpy(piece, text + from, size);
		const char *at = piece;
		while ((rc = ep_sse_next(&sse, &at, piece + size, &e)) > 0)
			ep_buf_printf(out, "%s=%s;", e.name ? e.name : "-", e.data ? e.data : "-");
	}
	if (ep_sse_within(&sse)) ep_buf_puts(out, "...");
	ep_sse_fini(&sse);
	return rc;
}

static void check_text(const char *file, int line, const char *text, size_t len, const char *expected)
{
	for (size_t n = 1; n <= len; n++) {
		ep_buf out = {0};
		CHECK_INT_EQ(events_of(&out, text, len, n, 0), 0);
		if (strcmp(ep_buf_text(&out), expected))
			TEST_FAIL("%s:%d: in pieces of %zu: got %s, expected %s", file, line, n, ep_buf_text(&out), expected);
		ep_buf_fini(&out);
	}
}

#define CHECK_EVENTS(text, expected) check_text(__FILE__, __LINE__, text, sizeof(text) - 1, expected)

TEST(events_have_name_and_data)
{
	CHECK_EVENTS("event: started\ndata: {\"a\":1}\n\n", "started={\"a\":1};");
	CHECK_EVENTS("event:started\ndata:1\n\nevent: done\ndata: {}\n\n", "started=1;done={};");
	CHECK_EVENTS("data: 1\n\n", "-=1;");
	CHECK_EVENTS("event: done\n\n", "done=-;");
	CHECK_EVENTS("event: x\ndata\n\n", "x=;");
	CHECK_EVENTS("data: 1\nevent: a\nevent: b\n\n", "b=1;");
}

TEST(lines_end_in_three_ways)
{
	CHECK_EVENTS("event: a\r\ndata: 1\r\n\r\nevent: b\r\n\r\n", "a=1;b=-;");
	CHECK_EVENTS("event: a\rdata: 1\r\revent: b\r\r", "a=1;b=-;");
	CHECK_EVENTS("event: a\ndata: 1\r\n\revent: b\r\n\n", "a=1;b=-;");
	CHECK_EVENTS("data: 1\r\n\n\r\ndata: 2\n\r", "-=1;-=2;");
}

TEST(lines_of_data_are_joined)
{
	CHECK_EVENTS("data: {\ndata:  \"a\": 1\ndata:\ndata: }\n\n", "-={\n \"a\": 1\n\n};");
	CHECK_EVENTS("data\ndata\n\n", "-=\n;");
}

TEST(what_is_no_event_is_left_out)
{
	CHECK_EVENTS("", "");
	CHECK_EVENTS("\n\n\r\n\r\r", "");
	CHECK_EVENTS(": ping\n\n:\n\ndata: 1\n: in between\ndata: 2\n\n:", "-=1\n2;");
	CHECK_EVENTS("id: 7\nretry: 100\nhuh\nDATA: 1\n data: 2\n\n", "");
	CHECK_EVENTS("event:\nid: 1\n\n", "");
	CHECK_EVENTS("data: a: b\n\n", "-=a: b;");
}

TEST(a_byte_order_mark_is_skipped_once)
{
	CHECK_EVENTS("\xef\xbb\xbf"
				 "data: 1\n\n\xef\xbb\xbf"
				 "data: 2\n\n",
		"-=1;");
	CHECK_EVENTS("\xef\xbb\xbf: comment\ndata: 1\n\n", "-=1;");
	CHECK_EVENTS("\xef\xbb\xbf\ndata: 1\n\n", "-=1;");
	CHECK_EVENTS("\xef\xbb"
				 "data: 1\n\ndata: 2\n\n",
		"-=2;");
}

TEST(an_unfinished_event_is_seen)
{
	CHECK_EVENTS("data: 1\n\ndata: 2\n", "-=1;...");
	CHECK_EVENTS("data: 1\n\ndata: 2", "-=1;...");
	CHECK_EVENTS("data: 1\n\nevent: x\r", "-=1;...");
	CHECK_EVENTS("data: 1\n\nid: 3\n", "-=1;");
	CHECK_EVENTS("data: 1\n\n: pi", "-=1;");
}

TEST(an_event_has_a_limit)
{
	static const char *const large[] = {"data: 0123456789\n\n", "data: 012\ndata: 345\ndata: 678\n\n",
		"event: 0123456789\n\n", "0123456789012345", "data:                "};
	static const char fits[] = "data: 012345\n\n: a comment is not kept, however long it is\nevent: 01234\n\n";
	for (size_t i = 0; i < sizeof large / sizeof *large; i++)
		for (size_t n = 1; n <= 20; n++) {
			ep_buf out = {0};
			CHECK_INT_EQ(events_of(&out, large[i], strlen(large[i]), n, 9), EP_ETOOLARGE);
			ep_buf_fini(&out);
		}
	for (size_t n = 1; n < sizeof fits; n++) {
		ep_buf out = {0};
		CHECK_INT_EQ(events_of(&out, fits, sizeof fits - 1, n, 12), 0);
		CHECK_STR_EQ(ep_buf_text(&out), "-=012345;01234=-;");
		ep_buf_fini(&out);
	}
}

TEST(a_failure_is_final)
{
	ep_sse sse;
	ep_sse_event e;
	static const char text[] = "data: 0123456789\n\ndata: 1\n\n";
	const char *at = text;
	ep_sse_init(&sse, 8);
	CHECK_INT_EQ(ep_sse_next(&sse, &at, text + sizeof text - 1, &e), EP_ETOOLARGE);
	CHECK_INT_EQ(ep_sse_next(&sse, &at, text + sizeof text - 1, &e), EP_ETOOLARGE);
	ep_sse_fini(&sse);
}

TEST(every_allocation_may_fail)
{
	static const char text[] = "event: a\ndata: 1\n\nevent: b\ndata: 2\n\n";
	long nth = 1;
	for (bool failed = true; failed; nth++) {
		ep_buf out = {0};
		ep_buf_reserve(&out, 100);
		ep_mem_fail_after(nth);
		int rc = events_of(&out, text, sizeof text - 1, 5, 0);
		ep_mem_fail_after(0);
		failed = rc != 0;
		if (failed) CHECK_INT_EQ(rc, EP_ENOMEM);
		ep_buf_fini(&out);
	}
	CHECK(nth > 3);
}
