/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed answers and single files as a C program uses them: items, downloads, uploads, and memory that fails. */
#include "tests/support/relace_peer.h"

#include <dirent.h>
#include <sys/stat.h>

#include "runtime/base/mem.h"
#include "runtime/relace/agent.h"
#include "runtime/relace/clone.h"
#include "runtime/relace/download.h"
#include "runtime/relace/feed.h"
#include "runtime/relace/file.h"
#include "runtime/relace/source.h"

#define EVENTS "Content-Type: text/event-stream\r\n"
#define INFO "{\"repo_id\":\"a\"}"

static const ep_relace_text id = {"a", 1}, path = {"x", 1};

/* The next item; waits for it. */
static int next(ep_relace_items *items, ep_relace_item *item, ep_err *err)
{
	int rc = ep_relace_items_poll(items, item, err);
	while (rc == EP_ITEMS_WAIT) {
		ep_relace_wait *wait;
		rc = ep_relace_items_wait(&wait, items, err);
		if (rc) return rc;
		await(&wait->op);
		ep_op_release(&wait->op);
		rc = ep_relace_items_poll(items, item, err);
	}
	return rc;
}

static int start_agent(world *w, ep_relace_call **call, ep_err *err)
{
	ep_buf body = {0};
	if (ep_buf_puts(&body, "{}")) return EP_ENOMEM;
	return ep_relace_agent(call, w->client, id, &body, EP_REPEAT_SAFE, 0, NULL, err);
}

/* Opens a stream of events that stands still behind its first bytes. */
static ep_relace_items *open_still(world *w, const char *const *answer)
{
	ep_relace_call *call;
	ep_relace_items *items;
	open_world(w, answer);
	w->peer.linger = 300000;
	CHECK_INT_EQ(start_agent(w, &call, NULL), 0);
	CHECK_INT_EQ(await(&call->op), 0);
	CHECK_INT_EQ(ep_relace_events(&items, call, EP_EVENTS_OF_AGENT, 0, NULL), 0);
	ep_op_release(&call->op);
	return items;
}

/* Writes the items of a stream, and how it ended. */
static int read_items(ep_relace_items *items, ep_buf *out, ep_err *err)
{
	ep_relace_item item;
	int rc;
	while ((rc = next(items, &item, err)) == EP_ITEMS_READY)
		ep_buf_printf(out, "%.*s=%.*s;", (int)item.name.len, item.name.data ? item.name.data : "", (int)item.text.len,
			item.text.data ? item.text.data : "");
	return rc;
}

static int events(world *w, ep_buf *out, ep_err *err)
{
	ep_relace_call *call;
	ep_relace_items *items = NULL;
	int rc = start_agent(w, &call, err);
	if (rc) return rc;
	rc = await(&call->op);
	if (!rc) rc = ep_relace_events(&items, call, EP_EVENTS_OF_AGENT, 0, err);
	ep_op_release(&call->op);
	if (!rc) rc = read_items(items, out, err);
	ep_relace_items_release(items);
	return rc;
}

static int files(world *w, ep_buf *out, ep_err *err)
{
	ep_relace_call *call;
	ep_relace_items *items = NULL;
	int rc = ep_relace_clone(&call, w->client, id, (ep_relace_text){0}, 0, NULL, err);
	if (rc) return rc;
	rc = await(&call->op);
	if (!rc) rc = ep_relace_clone_files(&items, call, 0, err);
	ep_op_release(&call->op);
	if (!rc) rc = read_items(items, out, err);
	ep_relace_items_release(items);
	return rc;
}

static const char event_answer[] = ANSWER("200", EVENTS, "event: a\ndata: 1\n\ndata: 2\n\nevent: done\n\n");
static const char file_answer[] = ANSWER("200", "", "{\"files\":[{\"filename\":\"a\"}, 2]}");

TEST(events_and_files)
{
	world w;
	ep_buf out = {0};
	open_world(&w, (const char *const[]){event_answer, file_answer, NULL});
	CHECK_INT_EQ(events(&w, &out, NULL), EP_ITEMS_END);
	CHECK_STR_EQ(ep_buf_text(&out), "a=1;=2;done=;");
	ep_buf_reset(&out);
	CHECK_INT_EQ(files(&w, &out, NULL), EP_ITEMS_END);
	CHECK_STR_EQ(ep_buf_text(&out), "={\"filename\":\"a\"};= 2;");
	CHECK_STR_EQ(w.peer.seen[0], "POST /v1/repo/a/agent HTTP/1.1");
	CHECK_STR_EQ(w.peer.seen[1], "GET /v1/repo/a/clone HTTP/1.1");
	ep_buf_fini(&out);
	close_world(&w);
}

TEST(a_stream_without_frame_or_end_broke_off)
{
	world w;
	ep_buf out = {0};
	ep_err err = {0};
	open_world(&w,
		(const char *const[]){ANSWER("200", EVENTS, "event: a\n\n"),
			ANSWER("200", EVENTS "Content-Length: 10\r\n", "event: a\n\n"), NULL});
	CHECK_INT_EQ(events(&w, &out, &err), EP_ETRUNCATED);
	CHECK(strstr(err.message, "broke off") && err.status == 200 && strstr(err.operation, "/agent"));
	ep_err_fini(&err);
	CHECK_INT_EQ(events(&w, &out, &err), EP_ITEMS_END); /* HTTP says that nothing is missing */
	CHECK_STR_EQ(ep_buf_text(&out), "a=;a=;");
	ep_buf_fini(&out);
	close_world(&w);
}

TEST(a_cancelled_wait_loses_nothing_and_a_close_ends_one)
{
	world w;
	ep_relace_item item;
	ep_relace_wait *wait, *second;
	ep_err err = {0};
	ep_relace_items *items =
		open_still(&w, (const char *const[]){ANSWER("200", EVENTS "Content-Length: 99\r\n", "event: a\n\n"), NULL});
	CHECK_INT_EQ(ep_relace_items_wait(&wait, items, NULL), 0);
	CHECK_INT_EQ(ep_relace_items_wait(&second, items, &err), EP_EBUSY);
	ep_err_fini(&err);
	ep_op_cancel(&wait->op, EP_ECANCELLED);
	CHECK_INT_EQ(await(&wait->op), EP_ECANCELLED);
	ep_op_release(&wait->op);
	CHECK_INT_EQ(next(items, &item, NULL), EP_ITEMS_READY);
	CHECK_STR_EQ(item.name.data, "a");
	CHECK_INT_EQ(ep_relace_items_wait(&wait, items, NULL), 0);
	ep_relace_items_close(items);
	CHECK_INT_EQ(await(&wait->op), EP_ECLOSED);
	ep_op_release(&wait->op);
	CHECK_INT_EQ(ep_relace_items_poll(items, &item, NULL), EP_ECLOSED);
	ep_relace_items_release(items);
	close_world(&w);
}

TEST(a_loop_that_closes_ends_a_wait)
{
	world w;
	ep_relace_wait *wait;
	ep_relace_items *items =
		open_still(&w, (const char *const[]){ANSWER("200", EVENTS "Content-Length: 99\r\n", "event: a\n"), NULL});
	CHECK_INT_EQ(ep_relace_items_wait(&wait, items, NULL), 0);
	ep_relace_items_release(items);
	ep_op_release(&wait->op);
	close_world(&w);
}

/* --- files --- */

static const char *target(void)
{
	static char name[256];
	snprintf(name, sizeof name, "%s/down", getenv("TMPDIR"));
	return name;
}

/* Whether the folder of the test is empty, but for the names that the harness has there. */
static bool nothing_left(void)
{
	int count = 0;
	DIR *d = opendir(getenv("TMPDIR"));
	CHECK(d);
	for (struct dirent *e; (e = readdir(d));) count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return !count;
}

static int download(world *w, const ep_relace_options *options, ep_err *err)
{
	ep_relace_download *d;
	int rc = ep_relace_download_start(&d, w->client, id, path, target(), 0, options, err);
	if (rc) return rc;
	rc = await(&d->op);
	if (err) ep_err_move(err, &d->err);
	ep_op_release(&d->op);
	return rc;
}

TEST(a_download_is_whole_or_not_there)
{
	world w;
	struct stat st;
	ep_err err = {0};
	const ep_relace_options once = {.max_retries = 0, .max_retry_wait = -1};
	open_world(&w,
		(const char *const[]){ANSWER("200", "Content-Length: 9\r\n", "cut"), ANSWER("404", "", "{}"),
			ANSWER("200", "Content-Length: 9\r\n", "cut"), ANSWER("200", "Content-Length: 9\r\n", "uncut now"), NULL});
	CHECK_INT_EQ(download(&w, &once, &err), EP_ETRUNCATED);
	CHECK(nothing_left() && err.status == 200 && err.retryable);
	ep_err_fini(&err);
	CHECK_INT_EQ(download(&w, &once, NULL), EP_ENOENT);
	CHECK(nothing_left());
	CHECK_INT_EQ(download(&w, NULL, NULL), 0);
	CHECK(!stat(target(), &st) && st.st_size == 9);
	CHECK_INT_EQ(w.peer.count, 4);
	unlink(target());
	close_world(&w);
}

TEST(a_loop_that_closes_leaves_no_part_of_a_download)
{
	for (uint64_t ms = 0; ms < 60; ms += 6) {
		world w;
		ep_relace_download *d;
		open_world(&w, (const char *const[]){ANSWER("200", "Content-Length: 99\r\n", "part"), NULL});
		w.peer.delay = 20000;
		w.peer.linger = 60000;
		CHECK_INT_EQ(ep_relace_download_start(&d, w.client, id, path, target(), 0, NULL, NULL), 0);
		ep_op *nap = ep_sleep_start(w.loop, ms * EP_MSEC);
		await(nap);
		ep_op_release(nap);
		ep_op_release(&d->op);
		close_world(&w);
		CHECK(nothing_left());
	}
}

static int upload(world *w, ep_err *err)
{
	ep_relace_call *call;
	ep_relace_source source;
	ep_file_body *body;
	int rc = ep_file_body_open(&body, target(), err);
	if (!rc) rc = ep_relace_source_file(&source, w->loop, body, err);
	if (!rc) rc = ep_relace_file_upload(&call, w->client, id, path, &source, NULL, err);
	if (rc) return rc;
	rc = await(&call->op);
	ep_op_release(&call->op);
	return rc;
}

/* A body of three pieces. */
static int feed(world *w, ep_err *err)
{
	ep_feed *f = NULL;
	ep_relace_call *call;
	ep_relace_source source;
	int rc = ep_feed_new(&f, &source, w->loop, err);
	if (!rc) rc = ep_relace_file_upload(&call, w->client, id, path, &source, NULL, err);
	if (rc) {
		ep_feed_release(f);
		return rc;
	}
	for (int i = 0; i < 3 && !rc && ep_feed_wanted(f); i++) {
		CHECK_INT_EQ(ep_feed_put(f, "piece", 5), 0);
		ep_op *taken = ep_feed_wait(f);
		if (taken) await(taken);
		if (taken)
			ep_op_release(taken);
		else
			rc = EP_ENOMEM;
	}
	ep_feed_end(f);
	if (!rc) rc = await(&call->op);
	ep_op_release(&call->op);
	ep_feed_release(f);
	return rc;
}

static void write_target(void)
{
	FILE *f = fopen(target(), "w");
	CHECK(f && fputs("content", f) >= 0 && !fclose(f));
}

TEST(uploads_from_disk_and_piece_by_piece)
{
	world w;
	write_target();
	open_world(&w, (const char *const[]){ANSWER("201", "", INFO), NULL});
	CHECK_INT_EQ(upload(&w, NULL), 0);
	CHECK_INT_EQ(feed(&w, NULL), 0);
	CHECK_STR_EQ(w.peer.seen[0], "PUT /v1/repo/a/file/x HTTP/1.1");
	unlink(target());
	close_world(&w);
}

/* --- memory that fails --- */

typedef int work(world *w, ep_err *err);

static int do_events(world *w, ep_err *err)
{
	ep_buf out = {0};
	int rc = events(w, &out, err);
	ep_buf_fini(&out);
	return rc == EP_ITEMS_END ? 0 : rc;
}

static int do_files(world *w, ep_err *err)
{
	ep_buf out = {0};
	int rc = files(w, &out, err);
	ep_buf_fini(&out);
	return rc == EP_ITEMS_END ? 0 : rc;
}

static int do_download(world *w, ep_err *err)
{
	const ep_relace_options once = {.max_retries = 0, .max_retry_wait = -1};
	int rc = download(w, &once, err);
	if (!rc) unlink(target());
	CHECK(nothing_left());
	return rc;
}

static void fail_each(work *f, const char *answer)
{
	world w;
	int rc = 1;
	open_world(&w, (const char *const[]){answer, NULL});
	for (long nth = 1; rc; nth++) {
		ep_err err = {0};
		CHECK(nth < 500);
		ep_mem_fail_after(nth);
		rc = f(&w, &err);
		ep_mem_fail_after(0);
		ep_err_fini(&err);
		CHECK(rc == 0 || rc == EP_ENOMEM || rc == EP_ETIMEOUT || rc == EP_ECONNECT || rc == EP_EJSON);
	}
	close_world(&w);
}

TEST(every_allocation_may_fail)
{
	fail_each(do_events, event_answer);
	fail_each(do_files, file_answer);
	fail_each(do_download, ANSWER("200", "Content-Length: 4\r\n", "data"));
	write_target();
	fail_each(upload, ANSWER("201", "", INFO));
	fail_each(feed, ANSWER("201", "", INFO));
	unlink(target());
}
