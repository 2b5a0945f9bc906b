/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of a host: answered at once, later, from another thread; cancelled; left when the instance closes. */
#include <epact.h>
#include <stdatomic.h>

#include "test.h"

static uv_loop_t host;
static epact *e;

static void open_on(struct uv_loop_s *loop)
{
	epact_options options = {.size = sizeof options, .loop = loop, .grace_seconds = 0.2};
	CHECK_INT_EQ(epact_open(&e, &options), 0);
}

static void start(const char *text) { CHECK_INT_EQ(epact_start_text(e, text, strlen(text), "=test", 0, NULL), 0); }

static void run(const char *text)
{
	start(text);
	int rc = epact_run(e);
	if (rc) TEST_FAIL("%d: %s\n%s", rc, epact_error(e), epact_traceback(e));
}

static void close_it(void) { epact_close(e, NULL, NULL); }

/* --- at once --- */

static void add(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	int64_t sum = *(int *)arg;
	for (size_t i = 0; i < n; i++) sum += args[i].as.integer;
	const epact_value results[] = {epact_integer(sum), epact_integer((int64_t)n)};
	epact_reply_finish(reply, results, 2);
}

static void refuse(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	const epact_failure failure = {.size = sizeof failure,
		.code = EPACT_ENOENT,
		.message = "no such user",
		.detail = "rlc-0123456789abcdef0123456789abcdef",
		.status = 404,
		.attempts = 2,
		.retryable = 1};
	(void)arg, (void)args, (void)n;
	epact_reply_fail(reply, &failure);
}

static void refuse_in_words(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	(void)args, (void)n;
	epact_reply_fail(reply, arg);
}

TEST(a_function_that_answers_at_once)
{
	static int base = 100;
	const epact_failure own = {.size = sizeof own, .slug = "too_late", .message = "the shop is closed"};
	open_on(NULL);
	CHECK_INT_EQ(epact_register(e, "host.add", add, &base), 0);
	CHECK_INT_EQ(epact_register(e, "host.refuse", refuse, NULL), 0);
	CHECK_INT_EQ(epact_register(e, "my.app.refuse", refuse_in_words, NULL), 0);
	CHECK_INT_EQ(epact_register(e, "my.app.own", refuse_in_words, (void *)&own), 0);
	run("local host = require 'host'\n"
		"local sum, n = host.add(1, 2)\n"
		"assert(sum == 103 and n == 2)\n"
		"local t = { 3, 1, 2 }\n"
		"table.sort(t, function(a, b) return host.add(a) < host.add(b) end)\n"
		"assert(t[1] == 1 and t[3] == 3)\n"
		"assert(select('#', string.gsub('aa', 'a', function() return tostring(host.add()) end)) == 2)\n"
		"local made = setmetatable({}, { __tostring = function() return 'sum ' .. host.add() end })\n"
		"assert(tostring(made) == 'sum 100')\n" /* where nothing can wait */
		"local ok, err = pcall(host.refuse)\n"
		"assert(not ok and err.code == 'not_found' and err.message == 'no such user' and err.status == 404)\n"
		"assert(err.attempts == 2 and err.retryable and err.operation == 'host.refuse')\n"
		"assert(not err.detail:find '0123456789abcdef')\n"
		"local ok, err = pcall(require('my.app').refuse)\n"
		"assert(err.code == 'script' and err.message:find 'failed', err)\n"
		"local ok, err = pcall(require('my.app').own)\n"
		"assert(err.code == 'too_late' and err.message == 'the shop is closed', err)\n"
		"local ok, err = pcall(host.add, 1, print)\n"
		"assert(err.code == 'invalid_argument' and tostring(err):find 'argument 2 is a function', err)\n");
	close_it();
}

TEST(names_of_functions)
{
	open_on(NULL);
	CHECK_INT_EQ(epact_register(e, "add", add, NULL), EPACT_EINVAL);
	CHECK_INT_EQ(epact_register(e, "host.", add, NULL), EPACT_EINVAL);
	CHECK_INT_EQ(epact_register(e, ".add", add, NULL), EPACT_EINVAL);
	CHECK_INT_EQ(epact_register(e, "string.format", add, NULL), EPACT_EEXIST);
	CHECK_INT_EQ(epact_register(e, "epact.http.get", add, NULL), EPACT_EEXIST);
	CHECK(strstr(epact_error(e), "epact.http") != NULL);
	CHECK_INT_EQ(epact_module(e, "mine", "return 1", 8), 0);
	CHECK_INT_EQ(epact_register(e, "mine.add", add, NULL), EPACT_EEXIST);
	static int zero;
	CHECK_INT_EQ(epact_register(e, "host.add", refuse, NULL), 0);
	CHECK_INT_EQ(epact_register(e, "host.add", add, &zero), 0);
	run("assert(require('host').add(2) == 2)");
	CHECK_INT_EQ(epact_register(e, "host.add", NULL, NULL), 0);
	run("assert(require('host').add == nil)");
	close_it();
}

/* --- later --- */

typedef struct later {
	uv_timer_t timer;
	epact_reply *reply;
	epact_value *argument;
	bool cancelled;
} later;

static int pending;

static void on_timer_closed(uv_handle_t *handle)
{
	later *l = handle->data;
	epact_value_free(l->argument);
	free(l);
}

static void on_timer(uv_timer_t *timer)
{
	later *l = timer->data;
	pending--;
	epact_reply_finish(l->reply, l->argument, 1);
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

static void on_cancel(void *arg) /* ends the work early */
{
	later *l = arg;
	l->cancelled = true;
	uv_timer_start(&l->timer, on_timer, 0, 0);
}

static void after(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	later *l = calloc(1, sizeof *l);
	CHECK(n == 2);
	pending++;
	l->reply = reply;
	l->argument = epact_value_copy(&args[1]);
	uv_timer_init(&host, &l->timer);
	l->timer.data = l;
	uv_timer_start(&l->timer, on_timer, (uint64_t)(args[0].as.number * 1000), 0);
	if (arg) epact_reply_on_cancel(reply, on_cancel, l);
}

static void on_closed(void *arg) { ++*(int *)arg; }

static void finish_host(int *closed)
{
	epact_close(e, on_closed, closed);
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(*closed, 1);
	CHECK_INT_EQ(pending, 0);
	CHECK_INT_EQ(uv_loop_close(&host), 0);
}

static int ends;

static void on_end(void *arg, const epact_result *result)
{
	(void)arg;
	if (result->failure) fprintf(stderr, "%s\n", result->failure->text);
	ends += result->failure ? 100 : 1;
}

TEST(a_function_that_answers_later)
{
	int closed = 0;
	ends = 0;
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	open_on(&host);
	CHECK_INT_EQ(epact_register(e, "host.after", after, NULL), 0);
	epact_on_end(e, on_end, NULL);
	start("local host, task = require 'host', require 'epact.task'\n"
		  "local begun = task.now()\n"
		  "task.scope(function(s)\n"
		  "	for i = 1, 50 do s:spawn(function()\n"
		  "		local back = host.after(0.05, { i, tostring(i) })\n"
		  "		assert(back[1] == i and back[2] == tostring(i))\n"
		  "	end) end\n"
		  "end)\n"
		  "local ok, err = pcall(string.rep, setmetatable({}, { __tostring = 1 }))\n"
		  "local ok, err = pcall(tostring, setmetatable({}, { __tostring = function() return host.after(0.01, 'x') end "
		  "}))\n"
		  "assert(not ok and tostring(err):find 'cannot wait here', err)\n");
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(ends, 1);
	finish_host(&closed);
}

TEST(a_cancel_tells_the_host)
{
	int closed = 0;
	ends = 0;
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	open_on(&host);
	CHECK_INT_EQ(epact_register(e, "host.after", after, &pending), 0);
	CHECK_INT_EQ(epact_register(e, "host.deaf", after, NULL), 0);
	epact_on_end(e, on_end, NULL);
	start("local host, task, errors = require 'host', require 'epact.task', require 'epact.error'\n"
		  "local ok, err = pcall(task.timeout, 0.01, host.after, 3600.0, 'x')\n"
		  "assert(not ok and err.code == 'timeout', err)\n"
		  "local ok, err = pcall(task.timeout, 0.01, host.deaf, 0.5, 'x')\n" /* it answers nobody */
		  "assert(not ok and err.code == 'timeout', err)\n");
	uint64_t begun = uv_hrtime();
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK(uv_hrtime() - begun < UINT64_C(1000000000) * 600);
	CHECK_INT_EQ(ends, 1);
	finish_host(&closed);
}

TEST(a_close_while_replies_are_pending)
{
	for (int told = 0; told < 2; told++) {
		int closed = 0;
		CHECK_INT_EQ(uv_loop_init(&host), 0);
		open_on(&host);
		CHECK_INT_EQ(epact_register(e, "host.after", after, told ? &pending : NULL), 0);
		start("local task = require 'epact.task'\n"
			  "for i = 1, 20 do task.spawn(require('host').after, told and 3600.0 or 0.05, i) end");
		for (int i = 0; i < 3; i++) uv_run(&host, UV_RUN_NOWAIT);
		CHECK_INT_EQ(pending, 20);
		finish_host(&closed); /* the timers of the host end behind the instance */
	}
}

/* --- from other threads --- */

static atomic_int threads_left;

static void in_thread(void *arg)
{
	epact_reply *reply = arg;
	const epact_pair pair = {epact_text("from"), epact_text("a thread")};
	const epact_value value = epact_map(&pair, 1);
	epact_reply_finish(reply, &value, 1);
	atomic_fetch_sub(&threads_left, 1);
}

static void detached(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	uv_thread_t thread;
	(void)arg, (void)args, (void)n;
	atomic_fetch_add(&threads_left, 1);
	CHECK_INT_EQ(uv_thread_create(&thread, in_thread, reply), 0);
	pthread_detach(thread);
}

static void wait_for_threads(void)
{
	while (atomic_load(&threads_left)) uv_sleep(1);
	uv_sleep(10);
}

TEST(a_function_that_is_answered_from_another_thread)
{
	open_on(NULL);
	CHECK_INT_EQ(epact_register(e, "host.ask", detached, NULL), 0);
	run("local host, task = require 'host', require 'epact.task'\n"
		"for i = 1, 20 do assert(host.ask().from == 'a thread') end\n"
		"task.scope(function(s) for i = 1, 50 do s:spawn(function()\n"
		"	assert(host.ask().from == 'a thread') end) end end)\n");
	close_it();
	wait_for_threads();
}

TEST(threads_that_answer_while_the_instance_closes)
{
	for (int round = 0; round < 20; round++) {
		int closed = 0;
		CHECK_INT_EQ(uv_loop_init(&host), 0);
		open_on(&host);
		CHECK_INT_EQ(epact_register(e, "host.ask", detached, NULL), 0);
		start("local task = require 'epact.task'\n"
			  "for i = 1, 20 do task.spawn(require('host').ask) end");
		for (int i = 0; i < round % 5; i++) uv_run(&host, UV_RUN_NOWAIT);
		finish_host(&closed);
		wait_for_threads();
	}
}

/* --- back into the instance --- */

static void starts_a_call(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	CHECK_INT_EQ(epact_call_start(NULL, e, "back", args, n, on_end, NULL), 0);
	CHECK(strstr(epact_tree(e), "main: running") != NULL);
	(void)arg;
	epact_reply_finish(reply, NULL, 0);
}

static void closes(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	(void)args, (void)n;
	epact_close(e, on_closed, arg);
	epact_reply_finish(reply, NULL, 0);
}

TEST(a_function_may_call_its_instance_and_close_it)
{
	for (int lent = 0; lent < 2; lent++) {
		int closed = 0;
		ends = 0;
		CHECK_INT_EQ(uv_loop_init(&host), 0);
		open_on(lent ? &host : NULL);
		CHECK_INT_EQ(epact_register(e, "host.again", starts_a_call, NULL), 0);
		CHECK_INT_EQ(epact_register(e, "host.close", closes, &closed), 0);
		start("local host, task = require 'host', require 'epact.task'\n"
			  "function back(n) assert(n == 5) host.close() task.sleep(60) end\n"
			  "host.again(5) host.again(5)\n"
			  "task.sleep(60)");
		if (lent)
			uv_run(&host, UV_RUN_DEFAULT);
		else
			CHECK_INT_EQ(epact_run(e), EPACT_ECLOSED);
		CHECK_INT_EQ(closed, 1);
		CHECK_INT_EQ(ends, 200); /* both calls: closed */
		CHECK_INT_EQ(uv_loop_close(&host), 0);
	}
}

TEST(what_waits_for_the_host_is_in_the_tree)
{
	int closed = 0;
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	open_on(&host);
	CHECK_INT_EQ(epact_register(e, "host.after", after, &pending), 0);
	start("require('host').after(3600.0, 1)");
	for (int i = 0; i < 3; i++) uv_run(&host, UV_RUN_NOWAIT);
	CHECK(strstr(epact_tree(e), " for the host's host.after, at test:1") != NULL);
	finish_host(&closed);
}
