/* SPDX-License-Identifier: Apache-2.0 */
/* timeout: 120 */
/* Many instances: a thousand on one loop, with what each costs; eight in threads, which hammer each other. */
#include <epact.h>
#include <malloc.h>
#include <stdatomic.h>

#include "test.h"

enum { MANY = 1000 };

static epact *all[MANY];
static uv_loop_t host;
static int ends, closed;

static void on_end(void *arg, const epact_result *result)
{
	(void)arg;
	if (result->failure) TEST_FAIL("%s", result->failure->text);
	ends++;
}

static void on_closed(void *arg)
{
	(void)arg;
	closed++;
}

static void open_all(const char *text)
{
	epact_options options = {.size = sizeof options, .loop = &host};
	ends = closed = 0;
	for (int i = 0; i < MANY; i++) {
		CHECK_INT_EQ(epact_open(&all[i], &options), 0);
		epact_on_end(all[i], on_end, NULL);
		if (text) CHECK_INT_EQ(epact_start_text(all[i], text, strlen(text), "=test", 0, NULL), 0);
	}
}

static void close_all(void)
{
	for (int i = 0; i < MANY; i++) epact_close(all[i], on_closed, NULL);
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(closed, MANY);
}

static double in_use(void) { return (double)mallinfo2().uordblks; }

static bool is_plain(void) { return atoi(getenv("EPACT_SLOWDOWN") ? getenv("EPACT_SLOWDOWN") : "1") == 1; }

/* Times are printed; the bounds are wide, since the machine may be busy. */
static void open_and_close(const char *what, const char *text, double most_ms, double most_kb)
{
	double before = in_use();
	uint64_t begun = uv_hrtime();
	open_all(text);
	if (text)
		while (ends < MANY) uv_run(&host, UV_RUN_ONCE);
	double ms = (double)(uv_hrtime() - begun) / 1e6 / MANY, bytes = (in_use() - before) / MANY;
	begun = uv_hrtime();
	close_all();
	ms += (double)(uv_hrtime() - begun) / 1e6 / MANY;
	printf("  %s: %.3f ms to open, run and close, %.0f KB while open\n", what, ms, bytes / 1024);
	if (!is_plain()) return;
	CHECK(ms < most_ms);
	CHECK(bytes < most_kb * 1024);
	CHECK(in_use() - before < 100 * MANY); /* nothing that grows with their number is left */
}

TEST(a_thousand_instances_on_one_loop)
{
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	open_and_close("nothing", NULL, 5, 100);
	open_and_close("a script", "local task = require 'epact.task' task.sleep(0.001) return 1", 10, 250);
	open_and_close("a client",
		"local client = require('epact.relace').client { api_key = 'rlc-test', base_url = 'http://127.0.0.1:1/v1' }\n"
		"kept = { client, require 'epact.git', require 'epact.fs', require 'epact.json', require 'epact.process' }",
		40, 500);
	CHECK_INT_EQ(uv_loop_close(&host), 0);
}

/* --- threads --- */

enum { THREADS = 8, CALLS = 2000 };

typedef struct peer {
	uv_thread_t thread;
	epact *e;
	uv_mutex_t lock;
	epact_reply *asked[64]; /* guarded by lock: replies that any thread may finish */
	int count;
	int done;
} peer;

static peer peers[THREADS];
static atomic_int running;

/* Keeps the reply for whoever comes by. */
static void ask(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	peer *p = arg;
	(void)args, (void)n;
	uv_mutex_lock(&p->lock);
	CHECK(p->count < 64);
	p->asked[p->count++] = reply;
	uv_mutex_unlock(&p->lock);
}

static epact_reply *take(peer *p)
{
	uv_mutex_lock(&p->lock);
	epact_reply *reply = p->count ? p->asked[--p->count] : NULL;
	uv_mutex_unlock(&p->lock);
	return reply;
}

/* Finishes what the others' scripts asked, until all have ended. */
static void hammer(void *arg)
{
	unsigned i = 0;
	(void)arg;
	while (atomic_load(&running)) {
		epact_reply *reply = take(&peers[i++ % THREADS]);
		const epact_value value = epact_integer(i);
		if (!reply) continue;
		if (i % 50)
			epact_reply_finish(reply, &value, 1);
		else
			epact_reply_fail(reply, NULL);
	}
}

static void on_done(void *arg, const epact_result *result)
{
	if (result->failure) TEST_FAIL("%s", result->failure->text);
	++*(int *)arg;
}

static void run_peer(void *arg)
{
	static const char text[] = "local host, task = require 'host', require 'epact.task'\n"
							   "function fetch(n) for _ = 1, n do pcall(host.ask) end return n end\n"
							   "for _ = 1, 20 do pcall(task.timeout, 0.0005, host.ask) end";
	peer *p = arg;
	const epact_value n = epact_integer(CALLS / 40);
	CHECK_INT_EQ(epact_open(&p->e, NULL), 0);
	CHECK_INT_EQ(epact_register(p->e, "host.ask", ask, p), 0);
	CHECK_INT_EQ(epact_start_text(p->e, text, sizeof text - 1, "=test", 0, NULL), 0);
	CHECK_INT_EQ(epact_run(p->e), 0);
	for (int i = 0; i < 40; i++) CHECK_INT_EQ(epact_call_start(NULL, p->e, "fetch", &n, 1, on_done, &p->done), 0);
	CHECK_INT_EQ(epact_run(p->e), 0);
	epact_close(p->e, NULL, NULL);
	CHECK_INT_EQ(p->done, 40);
	atomic_fetch_sub(&running, 1);
}

TEST(eight_threads_with_an_instance_each)
{
	uv_thread_t hammers[2];
	atomic_store(&running, THREADS);
	for (int i = 0; i < THREADS; i++) CHECK_INT_EQ(uv_mutex_init(&peers[i].lock), 0);
	for (int i = 0; i < THREADS; i++) CHECK_INT_EQ(uv_thread_create(&peers[i].thread, run_peer, &peers[i]), 0);
	for (int i = 0; i < 2; i++) CHECK_INT_EQ(uv_thread_create(&hammers[i], hammer, NULL), 0);
	for (int i = 0; i < THREADS; i++) uv_thread_join(&peers[i].thread);
	for (int i = 0; i < 2; i++) uv_thread_join(&hammers[i]);
	for (int i = 0; i < THREADS; i++) {
		for (epact_reply *late; (late = take(&peers[i]));) epact_reply_finish(late, NULL, 0);
		uv_mutex_destroy(&peers[i].lock);
	}
}
