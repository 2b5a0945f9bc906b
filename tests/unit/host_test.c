/* SPDX-License-Identifier: Apache-2.0 */
/* epact.h as an embedding program uses it. */
#include <epact.h>

#include "test.h"

static epact *opened(struct uv_loop_s *loop)
{
	epact *e;
	epact_options options = {.size = sizeof options, .loop = loop, .grace_seconds = 0.2};
	CHECK_INT_EQ(epact_open(&e, &options), 0);
	return e;
}

static int start(epact *e, const char *text) { return epact_start_text(e, text, strlen(text), "=test", 0, NULL); }

static int run(const char *text, char *error, size_t room, int *status)
{
	epact *e = opened(NULL);
	int rc = start(e, text);
	if (!rc) rc = epact_run(e);
	snprintf(error, room, "%s", epact_error(e));
	*status = epact_exit_status(e);
	epact_close(e, NULL, NULL);
	return rc;
}

TEST(results_of_a_run)
{
	char error[256];
	int status;
	CHECK_INT_EQ(run("return 4", error, sizeof error, &status), 0);
	CHECK_INT_EQ(status, 4);
	CHECK_INT_EQ(run("os.exit(6)", error, sizeof error, &status), 0);
	CHECK_INT_EQ(status, 6);
	CHECK_INT_EQ(run("error('no')", error, sizeof error, &status), EPACT_ESCRIPT);
	CHECK_STR_EQ(error, "test:1: no");
	CHECK_INT_EQ(status, 1);
	CHECK_INT_EQ(run("x = = 1", error, sizeof error, &status), EPACT_ESCRIPT);
	CHECK(strstr(error, "test:1:") != NULL);
	CHECK_INT_EQ(run("require('epact.task').event():wait()", error, sizeof error, &status), EPACT_EBUSY);
}

TEST(an_instance_runs_one_script_at_a_time)
{
	epact *e = opened(NULL);
	CHECK_INT_EQ(epact_run(e), 0); /* there is nothing to do */
	CHECK_INT_EQ(start(e, "kept = 1 return 5"), 0);
	CHECK_INT_EQ(start(e, "return 0"), EPACT_EBUSY);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(epact_exit_status(e), 5);
	CHECK_INT_EQ(start(e, "return kept + 1"), 0);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(epact_exit_status(e), 2);
	CHECK_INT_EQ(epact_start_file(e, "/nowhere/script.lua", 0, NULL), EPACT_EIO);
	CHECK(strstr(epact_error(e), "/nowhere/script.lua") != NULL);
	CHECK_INT_EQ(start(e, "\033Lua"), EPACT_ESCRIPT);
	CHECK_STR_EQ(epact_error(e), "test: it is precompiled Lua, and only text is run");
	epact_close(e, NULL, NULL);
}

static void on_end(void *arg, const epact_result *result)
{
	(void)result;
	++*(int *)arg;
}

static void on_closed(void *arg) { ++*(int *)arg; }

/* Such a task can be ended by the close alone. */
#define SWALLOWS "while true do rawpcall(require('epact.task').sleep, 0) end"

static void on_cancelled(void *arg, const epact_result *result)
{
	CHECK(result->failure && result->failure->code == EPACT_ECANCELLED);
	++*(int *)arg;
}

TEST(what_swallows_its_cancel_is_given_up)
{
	static const char module[] = "return { swallow = function() " SWALLOWS " end }";
	char error[256];
	int status, ends = 0;
	epact_call *call;
	CHECK_INT_EQ(run("rawpcall(os.exit, 6) " SWALLOWS, error, sizeof error, &status), EPACT_ECANCELLED);
	CHECK_INT_EQ(status, 6);
	epact *e = opened(NULL);
	CHECK_INT_EQ(epact_module(e, "own", module, sizeof module - 1), 0);
	CHECK_INT_EQ(epact_call_start(&call, e, "own.swallow", NULL, 0, on_cancelled, &ends), 0);
	CHECK_INT_EQ(epact_turn(e), 0);
	epact_call_cancel(call);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(ends, 1);
	epact_close(e, NULL, NULL);
}

TEST(two_instances_on_a_lent_loop)
{
	uv_loop_t host;
	int ends = 0, closed = 0;
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	epact *a = opened(&host), *b = opened(&host);
	epact_on_end(a, on_end, &ends);
	epact_on_end(b, on_end, &ends);
	CHECK_INT_EQ(start(a, "require('epact.task').sleep(0.005) return 1"), 0);
	CHECK_INT_EQ(start(b, "require('epact.task').sleep(0.001) return 2"), 0);
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(ends, 2);
	CHECK_INT_EQ(epact_exit_status(a), 1);
	CHECK_INT_EQ(epact_exit_status(b), 2);
	epact_close(a, on_closed, &closed);
	epact_close(b, on_closed, &closed);
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(closed, 2);
	CHECK_INT_EQ(uv_loop_close(&host), 0);
}

static const char busy[] = "local task = require 'epact.task'\n"
						   "local closer = setmetatable({}, { __close = function() task.sleep(0.001) end })\n"
						   "for i = 1, 5 do task.spawn(function() local c <close> = closer\n"
						   "	for j = 1, 5 do task.sleep(0.001) task.spawn(task.sleep, 0.002) end end) end\n"
						   "local ok = pcall(task.timeout, 0.002, task.sleep, 1)\n"
						   "task.scope(function(s) s:spawn(task.sleep, 0.003) task.event():wait() end)\n";

TEST(close_at_every_turn_of_a_busy_script)
{
	for (int turns = 0; turns < 60; turns++) {
		uv_loop_t host;
		int closed = 0;
		CHECK_INT_EQ(uv_loop_init(&host), 0);
		epact *e = opened(&host);
		CHECK_INT_EQ(start(e, busy), 0);
		for (int i = 0; i < turns; i++) uv_run(&host, i % 3 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
		if (turns % 2) epact_cancel(e);
		epact_close(e, on_closed, &closed);
		uv_run(&host, UV_RUN_DEFAULT);
		CHECK_INT_EQ(closed, 1);
		CHECK_INT_EQ(uv_loop_close(&host), 0);
	}
}

TEST(cancel_runs_clean_up_and_gives_up_after_the_grace)
{
	epact *e = opened(NULL);
	CHECK_INT_EQ(start(e,
					 "local task = require 'epact.task'\n"
					 "task.spawn(function() task.sleep(0.01) cancel_me = true end)\n"
					 "while true do rawpcall(task.sleep, 60) end"),
		0);
	epact_interrupt(e);
	CHECK_INT_EQ(epact_run(e), EPACT_ECANCELLED);
	CHECK(strstr(epact_error(e), "clean-up") != NULL);
	epact_close(e, NULL, NULL);
}

TEST(a_hundred_instances)
{
	for (int i = 0; i < 100; i++) {
		char error[64];
		int status;
		CHECK_INT_EQ(run("return 1", error, sizeof error, &status), 0);
	}
}

static void on_text(void *arg, const char *text) { snprintf(arg, 1024, "%s", text); }

TEST(the_tree_names_what_tasks_wait_for)
{
	char seen[1024] = "";
	epact *e;
	epact_options options = {.size = sizeof options, .tree = on_text, .tree_arg = seen};
	CHECK_INT_EQ(epact_open(&e, &options), 0);
	CHECK_STR_EQ(epact_tree(e), "");
	CHECK_INT_EQ(start(e,
					 "local task = require 'epact.task'\n"
					 "task.spawn(task.sleep, 0.02)\n"
					 "task.event():wait()"),
		0);
	CHECK_STR_EQ(epact_tree(e), "main: ready\n");
	epact_request_tree(e);
	epact_request_tree(e);
	CHECK_INT_EQ(epact_run(e), EPACT_EBUSY);
	CHECK(strstr(seen, "main: ") == seen);
	CHECK(strstr(epact_tree(e), "main: waiting ") == epact_tree(e));
	CHECK(strstr(epact_tree(e), "for an event, at test:3\n") != NULL);
	epact_close(e, NULL, NULL);
}

TEST(the_tree_is_asked_for_from_a_signal_handler_and_the_run_goes_on)
{
	char seen[1024] = "";
	epact *e;
	epact_options options = {.size = sizeof options, .tree = on_text, .tree_arg = seen};
	CHECK_INT_EQ(epact_open(&e, &options), 0);
	CHECK_INT_EQ(start(e,
					 "local task = require 'epact.task'\n"
					 "task.spawn(task.sleep, 0.05)\n"
					 "task.scope(function(s) s:spawn(function() task.sleep(0.04) end) end)\n"
					 "return 3"),
		0);
	uv_thread_t thread;
	CHECK_INT_EQ(uv_thread_create(&thread, (void (*)(void *))epact_request_tree, e), 0);
	uv_thread_join(&thread);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(epact_exit_status(e), 3);
	CHECK(*seen);
	epact_close(e, NULL, NULL);
}

TEST(a_day_of_sleeps_in_virtual_time)
{
	static const char script[] = "local task = require 'epact.task'\n"
								 "local begun, order = task.now(), {}\n"
								 "task.scope(function(s)\n"
								 "	for i = 1, 24 do s:spawn(function()\n"
								 "		for _ = 1, 60 do task.sleep(60) order[#order + 1] = i end\n"
								 "	end) end\n"
								 "end)\n"
								 "assert(task.now() - begun == 3600, task.now() - begun)\n"
								 "for _ = 1, 23 do task.sleep(3600) end\n"
								 "assert(task.now() - begun == 24 * 3600)\n"
								 "local sum = math.random(100)\n"
								 "for i, n in ipairs(order) do sum = (sum * 31 + n * i) % 1000003 end\n"
								 "return sum";
	int sums[3];
	uint64_t begun = uv_hrtime();
	for (int i = 0; i < 3; i++) {
		epact *e;
		epact_options options = {.size = sizeof options, .virtual_time = 1, .seed = i < 2 ? 5 : 6};
		CHECK_INT_EQ(epact_open(&e, &options), 0);
		CHECK_INT_EQ(start(e, script), 0);
		CHECK_INT_EQ(epact_run(e), 0);
		CHECK_STR_EQ(epact_error(e), "");
		sums[i] = epact_exit_status(e);
		epact_close(e, NULL, NULL);
	}
	CHECK_INT_EQ(sums[0], sums[1]);
	CHECK(sums[0] != sums[2]);
	CHECK(uv_hrtime() - begun < UINT64_C(200000000000)); /* three days */
}

typedef struct log {
	int warnings;
	char last[512];
} log;

static void on_log(void *arg, int level, const char *text)
{
	log *l = arg;
	if (level == EPACT_LOG_WARN) l->warnings++;
	snprintf(l->last, sizeof l->last, "%s", text);
}

static log logged(double slice, const char *text)
{
	log l = {0};
	epact *e;
	epact_options options = {
		.size = sizeof options, .slice_seconds = slice, .log = on_log, .log_arg = &l, .log_level = EPACT_LOG_WARN};
	CHECK_INT_EQ(epact_open(&e, &options), 0);
	CHECK_INT_EQ(start(e, text), 0);
	CHECK_INT_EQ(epact_run(e), 0);
	epact_close(e, NULL, NULL);
	return l;
}

#define BUSY                                                                                                           \
	"local task = require 'epact.task'\nlocal function busy(s) local t = os.clock() + (s or 0.2) while os.clock() < "  \
	"t do "                                                                                                            \
	"end end\n"

TEST(a_task_that_computes_is_warned_of_once_for_a_place)
{
	log l = logged(0.1, BUSY "task.spawn(task.sleep, 0.8)\nfor _ = 1, 3 do\nbusy()\ntask.sleep(0)\nend");
	CHECK_INT_EQ(l.warnings, 1);
	CHECK(strstr(l.last, "the main task computed until test:6 for ") == l.last);
	l = logged(0.1, BUSY "task.scope(function(s)\ns:spawn(busy)\ns:spawn(busy)\nend)");
	CHECK_INT_EQ(l.warnings, 2);
	CHECK(strstr(l.last, "the task spawned at test:5 computed until its end for ") == l.last);
	CHECK_INT_EQ(logged(-1, BUSY "task.spawn(busy)").warnings, 0);
	CHECK_INT_EQ(logged(0, BUSY "task.spawn(busy, 0.02) assert(task.warn_slice(0) == 0.25)").warnings, 0);
	CHECK_INT_EQ(logged(0.1, BUSY "busy() task.sleep(0)").warnings, 0); /* it is alone */
}
