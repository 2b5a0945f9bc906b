/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/fs/ahead.h"

#include "runtime/base/err.h"
#include "runtime/base/mem.h"
#include "runtime/fs/body.h"
#include "runtime/loop/op.h"
#include "test.h"

/* A maker of `size` bytes, each of which is told by its place, that fails at `fails_at`. */
typedef struct bytes {
	size_t size, at, step, fails_at;
	int rewinds, closed;
	useconds_t delay;
} bytes;

static char byte_at(size_t at) { return (char)(at * 7 + at / 256); }

static long make(void *ctx, char *to, size_t room)
{
	bytes *b = ctx;
	if (b->delay) usleep(b->delay);
	if (b->at == b->fails_at) return EP_EIO;
	size_t n = b->size - b->at;
	if (n > room) n = room;
	if (n > b->step) n = b->step;
	if (b->fails_at > b->at && n > b->fails_at - b->at) n = b->fails_at - b->at;
	for (size_t i = 0; i < n; i++) to[i] = byte_at(b->at + i);
	b->at += n;
	return (long)n;
}

static int again(void *ctx)
{
	bytes *b = ctx;
	b->at = 0;
	b->rewinds++;
	return 0;
}

static void closed(void *ctx) { ((bytes *)ctx)->closed++; }

static const ep_ahead_maker maker = {make, again, closed};

static ep_loop *open_loop(void)
{
	ep_loop *loop;
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, NULL), 0);
	return loop;
}

static void wake(void *arg) { *(bool *)arg = true; }

/* Reads up to `most` bytes and checks them; the last result. */
static long drain(ep_loop *loop, ep_ahead *a, size_t *at, size_t most, size_t room)
{
	char to[1000];
	bool ready;
	long n = 1;
	ep_ahead_notify(a, wake, &ready);
	while (n > 0 && *at < most) {
		ready = false;
		n = ep_ahead_read(a, to, room);
		if (n == EP_AHEAD_LATER) {
			CHECK_INT_EQ(ep_loop_run(loop, &ready), 0);
			n = 1;
			continue;
		}
		for (long i = 0; i < n; i++) CHECK(to[i] == byte_at(*at + (size_t)i));
		if (n > 0) *at += (size_t)n;
	}
	return n;
}

TEST(bytes_come_in_their_order)
{
	static const size_t sizes[] = {
		0, 1, EP_AHEAD_BLOCK - 1, EP_AHEAD_BLOCK, EP_AHEAD_BLOCK + 1, 5 * EP_AHEAD_BLOCK + 7};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		ep_loop *loop = open_loop();
		bytes b = {.size = sizes[i], .step = 70000, .fails_at = SIZE_MAX};
		ep_ahead *a = ep_ahead_new(loop, &maker, &b, i % 2 ? (int64_t)sizes[i] : -1, 0);
		size_t at = 0;
		CHECK_INT_EQ(drain(loop, a, &at, SIZE_MAX, 999), 0);
		CHECK_INT_EQ(at, sizes[i]);
		CHECK_INT_EQ(drain(loop, a, &at, SIZE_MAX, 999), 0);
		ep_ahead_free(a);
		CHECK_INT_EQ(b.closed, 1);
		ep_loop_close(loop, NULL, NULL);
	}
}

TEST(a_failure_comes_behind_what_was_read)
{
	ep_loop *loop = open_loop();
	bytes b = {.size = SIZE_MAX, .step = 1000, .fails_at = EP_AHEAD_BLOCK + 5};
	ep_ahead *a = ep_ahead_new(loop, &maker, &b, -1, 0);
	size_t at = 0;
	CHECK_INT_EQ(drain(loop, a, &at, SIZE_MAX, 777), EP_EIO);
	CHECK_INT_EQ(at, b.fails_at);
	CHECK_INT_EQ(drain(loop, a, &at, SIZE_MAX, 777), EP_EIO);
	ep_ahead_free(a);
	ep_loop_close(loop, NULL, NULL);
}

TEST(it_begins_anew_at_any_point)
{
	for (size_t stop = 0; stop <= 4 * EP_AHEAD_BLOCK; stop += EP_AHEAD_BLOCK / 2 + 1) {
		ep_loop *loop = open_loop();
		bytes b = {.size = 3 * EP_AHEAD_BLOCK, .step = EP_AHEAD_BLOCK, .fails_at = SIZE_MAX, .delay = 500};
		ep_ahead *a = ep_ahead_new(loop, &maker, &b, -1, 0);
		for (int round = 0; round < 3; round++) {
			size_t at = 0;
			drain(loop, a, &at, stop, 1000);
			CHECK_INT_EQ(ep_ahead_rewind(a), 0);
		}
		size_t at = 0;
		CHECK_INT_EQ(drain(loop, a, &at, SIZE_MAX, 1000), 0);
		CHECK_INT_EQ(at, b.size);
		CHECK(b.rewinds >= 1 && b.rewinds <= 3); /* one that waits for a thread does for the next one too */
		ep_ahead_free(a);
		ep_loop_close(loop, NULL, NULL);
	}
}

TEST(what_is_freed_while_a_thread_reads_is_closed_behind_it)
{
	ep_loop *loop = open_loop();
	bytes b = {.size = EP_AHEAD_BLOCK, .step = EP_AHEAD_BLOCK, .fails_at = SIZE_MAX, .delay = 100000};
	ep_ahead *a = ep_ahead_new(loop, &maker, &b, -1, 0);
	ep_op *nap = ep_sleep_start(loop, 20 * EP_MSEC);
	bool ready = false;
	ep_op_wait(nap, (void (*)(ep_op *))NULL, NULL);
	ep_ahead_notify(a, wake, &ready);
	CHECK(ep_ahead_busy(a));
	ep_ahead_free(a);
	ep_op_release(nap);
	ep_loop_close(loop, NULL, NULL);
	CHECK_INT_EQ(b.closed, 1);
	CHECK(!ready);
}

TEST(a_loop_that_closes_ends_it)
{
	ep_loop *loop = open_loop();
	bytes b = {.size = 10 * EP_AHEAD_BLOCK, .step = EP_AHEAD_BLOCK, .fails_at = SIZE_MAX, .delay = 50000};
	ep_ahead *a = ep_ahead_new(loop, &maker, &b, -1, 0);
	CHECK(a);
	ep_ahead_free(a);
	ep_loop_close(loop, NULL, NULL);
	CHECK_INT_EQ(b.closed, 1);
}

TEST(every_allocation_may_fail)
{
	ep_loop *loop = open_loop();
	bool whole = false;
	for (long nth = 1; !whole; nth++) {
		bytes b = {.size = 3 * EP_AHEAD_BLOCK, .step = EP_AHEAD_BLOCK, .fails_at = SIZE_MAX};
		size_t at = 0;
		CHECK(nth < 50);
		ep_mem_fail_after(nth);
		ep_ahead *a = ep_ahead_new(loop, &maker, &b, -1, 0);
		long rc = a ? drain(loop, a, &at, SIZE_MAX, 1000) : EP_ENOMEM;
		ep_mem_fail_after(0);
		CHECK(rc == 0 || rc == EP_ENOMEM);
		whole = rc == 0;
		if (whole) CHECK_INT_EQ(at, b.size);
		ep_ahead_free(a);
		CHECK_INT_EQ(b.closed, 1);
	}
	ep_loop_close(loop, NULL, NULL);
}

/* --- files --- */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

TEST(a_file_that_changes_is_noticed_before_its_end)
{
	static const char *const others[] = {"0123456789+", "01234", "", "9876543210"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char path[256], to[100];
		ep_file_body *body;
		snprintf(path, sizeof path, "%s/file", getenv("TMPDIR"));
		write_file(path, "0123456789");
		CHECK_INT_EQ(ep_file_body_open(&body, path, NULL), 0);
		CHECK_INT_EQ(ep_file_body_size(body), 10);
		CHECK_INT_EQ(ep_file_body_read(body, to, 100), 10);
		CHECK_INT_EQ(ep_file_body_read(body, to, 100), 0);
		CHECK_INT_EQ(ep_file_body_rewind(body), 0);
		CHECK_INT_EQ(ep_file_body_read(body, to, 3), 3);
		usleep(20000); /* the clock of the file system */
		write_file(path, others[i]);
		long n = ep_file_body_read(body, to, 100);
		CHECK_INT_EQ(n > 0 ? ep_file_body_read(body, to, 100) : n, EP_ECONFLICT);
		CHECK(strstr(ep_file_body_error(body)->message, "changed while it was being sent"));
		CHECK_INT_EQ(ep_file_body_read(body, to, 100), EP_ECONFLICT);
		ep_file_body_free(body);
		unlink(path);
	}
}

TEST(only_a_regular_file_is_sent)
{
	ep_file_body *body;
	ep_err err = {0};
	CHECK_INT_EQ(ep_file_body_open(&body, "/dev/null", &err), EP_EINVAL);
	ep_err_fini(&err);
	CHECK_INT_EQ(ep_file_body_open(&body, "/proc/nowhere", &err), EP_ENOENT);
	ep_err_fini(&err);
	CHECK_INT_EQ(ep_file_body_open(&body, getenv("TMPDIR"), &err), EP_EINVAL);
	ep_err_fini(&err);
}
