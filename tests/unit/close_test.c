/* SPDX-License-Identifier: Apache-2.0 */
/* timeout: 120 */
/* An instance is closed at each turn of a busy script: requests, a clone, processes, sleeps, calls and a host function under
 * way. Each callback comes exactly once, and nothing is left on the host's loop. */
#include "test.h"
#include "server_thread.h"

typedef struct later {
	uv_timer_t timer;
	epact_reply *reply;
} later;

typedef struct counts {
	int ends, calls, closed, laters;
} counts;

static uv_loop_t host;
static counts seen;

static void on_timer_closed(uv_handle_t *handle) { free(handle->data); }

static void on_timer(uv_timer_t *timer)
{
	later *l = timer->data;
	const epact_value value = epact_integer(1);
	seen.laters--;
	epact_reply_finish(l->reply, &value, 1);
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

static void on_cancel(void *arg) { uv_timer_start(&((later *)arg)->timer, on_timer, 0, 0); }

static void call_later(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	later *l = calloc(1, sizeof *l);
	(void)arg, (void)args, (void)n;
	seen.laters++;
	l->reply = reply;
	uv_timer_init(&host, &l->timer);
	l->timer.data = l;
	uv_timer_start(&l->timer, on_timer, 20, 0);
	epact_reply_on_cancel(reply, on_cancel, l);
}

static void on_end(void *arg, const epact_result *result)
{
	(void)arg, (void)result;
	seen.ends++;
}

static void on_call(void *arg, const epact_result *result)
{
	(void)arg;
	seen.calls++;
	if (result->failure && result->failure->code != EPACT_ECLOSED && result->failure->code != EPACT_ECANCELLED)
		TEST_FAIL("a call failed: %s", result->failure->text);
}

static void on_closed(void *arg)
{
	(void)arg;
	CHECK_INT_EQ(seen.ends, 1);
	CHECK_INT_EQ(seen.calls, 3);
	seen.closed++;
}

static epact *open_busy(const server_thread *server)
{
	const char *const args[] = {server->url, server->key};
	static const char module[] = "local task = require 'epact.task'\n"
								 "return { sleep = task.sleep, file = function() require('epact.fs').stat '/' end }";
	const epact_value soon = epact_number(0.01), hour = epact_integer(3600);
	epact_options options = {.size = sizeof options, .loop = &host, .grace_seconds = 0.1};
	epact *e;
	seen = (counts){0};
	CHECK_INT_EQ(epact_open(&e, &options), 0);
	CHECK_INT_EQ(epact_register(e, "host.later", call_later, NULL), 0);
	CHECK_INT_EQ(epact_module(e, "own", module, sizeof module - 1), 0);
	epact_on_end(e, on_end, NULL);
	CHECK_INT_EQ(epact_start_module(e, "busy", 2, args), 0);
	CHECK_INT_EQ(epact_call_start(NULL, e, "own.sleep", &soon, 1, on_call, NULL), 0);
	CHECK_INT_EQ(epact_call_start(NULL, e, "own.sleep", &hour, 1, on_call, NULL), 0);
	CHECK_INT_EQ(epact_call_start(NULL, e, "own.file", NULL, 0, on_call, NULL), 0);
	return e;
}

/* False when the script had ended before. */
static bool close_at(const server_thread *server, int turns)
{
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	epact *e = open_busy(server);
	for (int i = 0; i < turns && !seen.ends; i++) uv_run(&host, UV_RUN_ONCE);
	bool early = !seen.ends;
	if (turns % 3 == 1) {
		epact_cancel(e);
		uv_run(&host, UV_RUN_NOWAIT);
	}
	epact_close(e, on_closed, NULL);
	epact_close(e, on_closed, NULL); /* once is enough */
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(seen.closed, 1);
	CHECK_INT_EQ(seen.laters, 0);
	CHECK_INT_EQ(uv_loop_close(&host), 0);
	return early;
}

TEST(close_at_every_turn)
{
	server_thread server;
	server_start(&server);
	for (int round = 0; round < 3; round++) { /* what is under way at a turn differs */
		int turns = 0;
		while (close_at(&server, turns)) turns++;
		printf("  %d turns\n", turns);
		CHECK(turns > 10);
	}
	server_stop(&server);
	CHECK_INT_EQ(system("exec rm -rf -- \"$TMPDIR\"/*"), 0);
}
