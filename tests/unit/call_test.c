/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of Lua functions by a host: values there and back, failures, cancel, many at once, the close. */
#include <epact.h>
#include <math.h>

#include "test.h"

static epact *e;

static void open_with(const char *text)
{
	CHECK_INT_EQ(epact_open(&e, NULL), 0);
	CHECK_INT_EQ(epact_start_text(e, text, strlen(text), "=test", 0, NULL), 0);
	CHECK_INT_EQ(epact_run(e), 0);
}

static void close_it(void) { epact_close(e, NULL, NULL); }

/* What a call came to, kept behind its callback. */
typedef struct seen {
	int calls, code, status, attempts, retryable;
	char slug[32], message[256], text[256], operation[64], traceback[1024];
	size_t count;
	epact_value *values[8];
} seen;

static void keep_text(char *to, size_t room, const char *text) { snprintf(to, room, "%s", text ? text : "(null)"); }

static void on_done(void *arg, const epact_result *r)
{
	seen *s = arg;
	s->calls++;
	s->code = 0;
	s->count = r->count;
	for (size_t i = 0; i < r->count && i < 8; i++) CHECK((s->values[i] = epact_value_copy(&r->values[i])) != NULL);
	const epact_failure *f = r->failure;
	if (!f) return;
	s->code = f->code;
	s->status = f->status;
	s->attempts = f->attempts;
	s->retryable = f->retryable;
	keep_text(s->slug, sizeof s->slug, f->slug);
	keep_text(s->message, sizeof s->message, f->message);
	keep_text(s->text, sizeof s->text, f->text);
	keep_text(s->operation, sizeof s->operation, f->operation);
	keep_text(s->traceback, sizeof s->traceback, f->traceback);
}

static void forget(seen *s)
{
	for (int i = 0; i < 8; i++) epact_value_free(s->values[i]);
	*s = (seen){0};
}

static seen call(const char *function, const epact_value *args, size_t n)
{
	seen s = {0};
	CHECK_INT_EQ(epact_call_start(NULL, e, function, args, n, on_done, &s), 0);
	CHECK_INT_EQ(s.calls, 0);
	epact_run(e);
	CHECK_INT_EQ(s.calls, 1);
	return s;
}

static bool same(const epact_value *a, const epact_value *b);

static const epact_value *at_key(const epact_value *map, const epact_value *key)
{
	for (size_t i = 0; i < map->size; i++)
		if (same(&map->as.map[i].key, key)) return &map->as.map[i].value;
	return NULL;
}

static bool same_map(const epact_value *a, const epact_value *b)
{
	for (size_t i = 0; i < a->size; i++) {
		const epact_value *other = at_key(b, &a->as.map[i].key);
		if (!other || !same(&a->as.map[i].value, other)) return false;
	}
	return true;
}

static bool same(const epact_value *a, const epact_value *b)
{
	if (a->type != b->type) return false;
	switch (a->type) {
	case EPACT_BOOL: return a->as.boolean == b->as.boolean;
	case EPACT_INTEGER: return a->as.integer == b->as.integer;
	case EPACT_NUMBER: return a->as.number == b->as.number || (isnan(a->as.number) && isnan(b->as.number));
	case EPACT_STRING: return a->size == b->size && (!a->size || !memcmp(a->as.string, b->as.string, a->size));
	case EPACT_LIST:
		for (size_t i = 0; i < a->size && a->size == b->size; i++)
			if (!same(&a->as.list[i], &b->as.list[i])) return false;
		return a->size == b->size;
	case EPACT_MAP: return a->size == b->size && same_map(a, b);
	default: return true;
	}
}

TEST(values_of_every_type_come_back_as_they_went)
{
	open_with("function echo(...) return ... end");
	const epact_value items[] = {
		epact_integer(INT64_MIN), epact_integer(INT64_MAX), epact_number(0.1), epact_text("x")};
	const epact_pair inner[] = {{epact_integer(5), epact_boolean(0)}, {epact_number(1.5), epact_list(items, 4)}};
	const epact_pair pairs[] = {{epact_text("name"), epact_bytes("a\0b", 3)}, {epact_boolean(1), epact_text("")},
		{epact_text("inner"), epact_map(inner, 2)}};
	const epact_value args[] = {epact_nil(), epact_boolean(1), epact_list(items, 4), epact_map(pairs, 3),
		epact_number(HUGE_VAL), epact_number(NAN), epact_number(-0.0), epact_bytes(NULL, 0)};
	seen s = call("echo", args, 8);
	CHECK_INT_EQ(s.code, 0);
	CHECK_INT_EQ(s.count, 8);
	for (int i = 0; i < 8; i++) CHECK(same(s.values[i], &args[i]));
	const epact_value *name = epact_get(s.values[3], "name");
	CHECK(name && name->size == 3 && name->as.string[3] == '\0');
	CHECK(epact_get(epact_get(s.values[3], "nothing"), "deeper") == NULL);
	forget(&s);
	s = call("echo", NULL, 0);
	CHECK_INT_EQ(s.count, 0);
	close_it();
}

TEST(tables_are_lists_when_they_are_sequences)
{
	open_with("local json = require 'epact.json'\n"
			  "function tables() return {1, 2}, {}, {1, nil, 3}, {1, x = 2}, {[2] = 1}, json.array {}, json.null end");
	seen s = call("tables", NULL, 0);
	const int types[] = {EPACT_LIST, EPACT_MAP, EPACT_MAP, EPACT_MAP, EPACT_MAP, EPACT_LIST, EPACT_NIL};
	CHECK_INT_EQ(s.count, 7);
	for (int i = 0; i < 7; i++) CHECK_INT_EQ(s.values[i]->type, types[i]);
	forget(&s);
	close_it();
}

TEST(what_is_no_data_is_refused_by_its_place)
{
	open_with("function f() return { items = { 1, print } } end\n"
			  "function s() return require('epact.secret').new('hidden-hidden') end\n"
			  "function loop() local t = {} t.t = t return t end\n"
			  "function key() return { [{}] = 1 } end");
	seen s = call("f", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_EINVAL);
	CHECK_STR_EQ(s.message, "result 1.items[2] is a function, which is no data");
	s = call("s", NULL, 0);
	CHECK(strstr(s.message, "result 1 is a secret: pass secret:reveal()") == s.message);
	s = call("loop", NULL, 0);
	CHECK(strstr(s.message, "nested too deep") != NULL);
	s = call("key", NULL, 0);
	CHECK(strstr(s.message, "has a key that is no string") != NULL);
	const epact_value bad = {.type = 99};
	CHECK_INT_EQ(epact_call_start(NULL, e, "f", &bad, 1, on_done, &s), EPACT_EINVAL);
	CHECK_STR_EQ(epact_error(e), "argument 1 is of a type that does not exist");
	CHECK(epact_value_copy(&bad) == NULL);
	close_it();
}

TEST(a_function_is_found_by_its_name)
{
	static const char module[] =
		"local M = {}\nrequire('epact.task').sleep(0.001)\nfunction M.run(n) return n + 1 end\nreturn M";
	open_with("function plain() return 'p' end handlers = { push = { fast = function() return 'f' end } }");
	CHECK_INT_EQ(epact_module(e, "my.plan", module, sizeof module - 1), 0);
	const epact_value one = epact_integer(1);
	seen s = call("plain", NULL, 0);
	CHECK_STR_EQ(s.values[0]->as.string, "p");
	forget(&s);
	s = call("handlers.push.fast", NULL, 0);
	CHECK_STR_EQ(s.values[0]->as.string, "f");
	forget(&s);
	for (int i = 0; i < 2; i++) {
		s = call("my.plan.run", &one, 1);
		CHECK_INT_EQ(s.code, 0);
		CHECK_INT_EQ(s.values[0]->as.integer, 2);
		forget(&s);
	}
	s = call("missing", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_ENOENT);
	CHECK_STR_EQ(s.message, "there is no function 'missing' to call");
	s = call("my.plan.missing", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_ENOENT);
	s = call("no.such.run", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_ESCRIPT);
	CHECK(strstr(s.message, "module 'no.such' not found") != NULL);
	close_it();
}

TEST(a_module_from_memory_is_new_and_correct)
{
	open_with("");
	CHECK_INT_EQ(epact_module(e, "plan", "return { f = function() return ... end }", 40), EPACT_ESCRIPT);
	CHECK(strstr(epact_error(e), "plan:1:") != NULL);
	CHECK_INT_EQ(epact_module(e, "plan", "return 1", 8), 0);
	CHECK_INT_EQ(epact_module(e, "plan", "return 1", 8), EPACT_EEXIST);
	CHECK_INT_EQ(epact_module(e, "epact.http", "return 1", 8), EPACT_EEXIST);
	CHECK_INT_EQ(epact_module(e, "string", "return 1", 8), EPACT_EEXIST);
	close_it();
}

TEST(failures_come_with_all_their_fields)
{
	open_with("local errors = require 'epact.error'\n"
			  "function plain() local x = nil; return x.y end\n"
			  "function made() error(errors.new('not_found', 'no such repo', { status = 404, operation = 'GET /x',\n"
			  "	attempts = 3, retryable = true })) end\n"
			  "function own() error(errors.new('my_own', 'mine')) end\n"
			  "function leak() error('the key is rlc-0123456789abcdef0123456789abcdef') end\n"
			  "function value() error({}) end\n"
			  "function nothing() error() end\n"
			  "function out() os.exit(7) end");
	seen s = call("plain", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_ESCRIPT);
	CHECK_STR_EQ(s.slug, "script");
	CHECK(strstr(s.message, "test:2: attempt to index a nil value") == s.message);
	CHECK(strstr(s.traceback, "test:2:") != NULL);
	CHECK_STR_EQ(s.operation, "(null)");
	s = call("made", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_ENOENT);
	CHECK_INT_EQ(s.status, 404);
	CHECK_INT_EQ(s.attempts, 3);
	CHECK_INT_EQ(s.retryable, 1);
	CHECK_STR_EQ(s.message, "no such repo");
	CHECK_STR_EQ(s.text, "no such repo (GET /x, 3 attempts)");
	CHECK_STR_EQ(s.operation, "GET /x");
	s = call("own", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_ESCRIPT);
	CHECK_STR_EQ(s.slug, "my_own");
	s = call("leak", NULL, 0);
	CHECK(!strstr(s.message, "0123456789abcdef"));
	s = call("value", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_ESCRIPT);
	s = call("nothing", NULL, 0);
	CHECK_STR_EQ(s.message, "nil");
	s = call("out", NULL, 0);
	CHECK_INT_EQ(s.code, EPACT_ECANCELLED);
	CHECK_INT_EQ(s.status, 7);
	CHECK_INT_EQ(epact_exit_status(e), 0);
	close_it();
}

static const char sleeper[] = "local task = require 'epact.task'\n"
							  "ended = 0\n"
							  "function wait(s) task.sleep(s) ended = ended + 1 return s end\n"
							  "function count() return ended end\n"
							  "function stubborn() while true do rawpcall(task.sleep, 60) end end\n"
							  "function spawns() task.spawn(wait, 0.002) return 'first' end\n"
							  "event = task.event()\n"
							  "function waits() event:wait() return 'set' end\n"
							  "function sets() event:set() end";

TEST(a_thousand_calls_run_beside_each_other)
{
	seen all[1000] = {0};
	open_with(sleeper);
	for (int i = 0; i < 1000; i++) {
		const epact_value s = epact_number(0.2);
		CHECK_INT_EQ(epact_call_start(NULL, e, "wait", &s, 1, on_done, &all[i]), 0);
	}
	uint64_t begun = uv_hrtime();
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK(uv_hrtime() - begun < UINT64_C(100000000000)); /* in a row it would be 200 seconds */
	for (int i = 0; i < 1000; i++) {
		CHECK_INT_EQ(all[i].calls, 1);
		forget(&all[i]);
	}
	seen s = call("count", NULL, 0);
	CHECK_INT_EQ(s.values[0]->as.integer, 1000);
	forget(&s);
	s = call("spawns", NULL, 0);
	forget(&s);
	s = call("count", NULL, 0);
	CHECK_INT_EQ(s.values[0]->as.integer, 1001);
	forget(&s);
	close_it();
}

TEST(a_cancel_ends_one_call_alone)
{
	seen a = {0}, b = {0};
	epact_call *first, *second;
	const epact_value hour = epact_integer(3600), soon = epact_number(0.01);
	open_with(sleeper);
	CHECK_INT_EQ(epact_call_start(&first, e, "wait", &hour, 1, on_done, &a), 0);
	CHECK_INT_EQ(epact_call_start(&second, e, "wait", &soon, 1, on_done, &b), 0);
	epact_call_cancel(first);
	epact_call_cancel(first);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(a.calls, 1);
	CHECK_INT_EQ(a.code, EPACT_ECANCELLED);
	CHECK_STR_EQ(a.slug, "cancelled");
	CHECK_STR_EQ(a.message, "the task was cancelled: the call was cancelled");
	CHECK_INT_EQ(b.code, 0);
	forget(&b);
	close_it();
}

TEST(a_cancel_of_all_gives_up_what_does_not_end)
{
	seen a = {0}, b = {0};
	const epact_value hour = epact_integer(3600);
	epact_options options = {.size = sizeof options, .grace_seconds = 0.05};
	CHECK_INT_EQ(epact_open(&e, &options), 0);
	CHECK_INT_EQ(epact_start_text(e, sleeper, strlen(sleeper), "=test", 0, NULL), 0);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(epact_call_start(NULL, e, "wait", &hour, 1, on_done, &a), 0);
	CHECK_INT_EQ(epact_call_start(NULL, e, "stubborn", NULL, 0, on_done, &b), 0);
	epact_interrupt(e);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(a.calls, 1);
	CHECK_INT_EQ(a.code, EPACT_ECANCELLED);
	CHECK_INT_EQ(b.calls, 1);
	CHECK_INT_EQ(b.code, EPACT_ECANCELLED);
	CHECK(strstr(b.message, "clean-up") != NULL);
	close_it();
}

TEST(a_call_that_waits_for_another_is_helped_later)
{
	seen a = {0};
	open_with(sleeper);
	CHECK_INT_EQ(epact_call_start(NULL, e, "waits", NULL, 0, on_done, &a), 0);
	CHECK_INT_EQ(epact_run(e), EPACT_EBUSY);
	CHECK_INT_EQ(a.calls, 0);
	CHECK(strstr(epact_tree(e), "waits: waiting ") == epact_tree(e));
	seen b = call("sets", NULL, 0);
	CHECK_INT_EQ(b.code, 0);
	CHECK_INT_EQ(a.calls, 1);
	CHECK_STR_EQ(a.values[0]->as.string, "set");
	forget(&a);
	close_it();
}

static void on_done_start_another(void *arg, const epact_result *r)
{
	int *left = arg;
	CHECK(r->failure == NULL);
	if (--*left) CHECK_INT_EQ(epact_call_start(NULL, e, "count", NULL, 0, on_done_start_another, left), 0);
}

TEST(a_callback_may_start_the_next_call)
{
	int left = 1000;
	open_with(sleeper);
	CHECK_INT_EQ(epact_call_start(NULL, e, "count", NULL, 0, on_done_start_another, &left), 0);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(left, 0);
	close_it();
}

static void on_done_close(void *arg, const epact_result *r)
{
	on_done(arg, r);
	epact_close(e, NULL, NULL);
	CHECK_INT_EQ(epact_call_start(NULL, e, "count", NULL, 0, NULL, NULL), EPACT_ECLOSED);
	CHECK(r->count == 1 && r->values[0].as.number == 0.01); /* still there */
}

TEST(a_callback_may_close_the_instance)
{
	const epact_value soon = epact_number(0.01), hour = epact_integer(3600);
	for (int lent = 0; lent < 2; lent++) {
		uv_loop_t host;
		seen a = {0}, b = {0};
		CHECK_INT_EQ(uv_loop_init(&host), 0);
		epact_options options = {.size = sizeof options, .loop = lent ? &host : NULL};
		CHECK_INT_EQ(epact_open(&e, &options), 0);
		CHECK_INT_EQ(epact_start_text(e, sleeper, strlen(sleeper), "=test", 0, NULL), 0);
		CHECK_INT_EQ(epact_call_start(NULL, e, "wait", &soon, 1, on_done_close, &a), 0);
		CHECK_INT_EQ(epact_call_start(NULL, e, "wait", &hour, 1, on_done, &b), 0);
		if (lent)
			uv_run(&host, UV_RUN_DEFAULT);
		else
			CHECK_INT_EQ(epact_run(e), EPACT_ECLOSED);
		CHECK_INT_EQ(a.calls, 1);
		CHECK_INT_EQ(b.calls, 1);
		CHECK_INT_EQ(b.code, EPACT_ECLOSED);
		forget(&a);
		CHECK_INT_EQ(uv_loop_close(&host), 0);
	}
}

TEST(a_run_of_calls_is_not_the_failure_of_an_earlier_script)
{
	static const char text[] = "function fine() return 1 end error('the script failed')";
	CHECK_INT_EQ(epact_open(&e, NULL), 0);
	CHECK_INT_EQ(epact_start_text(e, text, strlen(text), "=test", 0, NULL), 0);
	CHECK_INT_EQ(epact_run(e), EPACT_ESCRIPT);
	CHECK_INT_EQ(epact_call_start(NULL, e, "fine", NULL, 0, NULL, NULL), 0);
	CHECK_INT_EQ(epact_run(e), 0);
	close_it();
}

TEST(results_of_the_script_are_typed_too)
{
	seen s = {0};
	static const char text[] = "return { name = 'x' }, 4";
	CHECK_INT_EQ(epact_open(&e, NULL), 0);
	epact_on_end(e, on_done, &s);
	CHECK_INT_EQ(epact_start_text(e, text, strlen(text), "=test", 0, NULL), 0);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(s.count, 2);
	CHECK_STR_EQ(epact_get(s.values[0], "name")->as.string, "x");
	forget(&s);
	close_it();
}

TEST(a_name_ends_at_the_function)
{
	seen s = {0};
	open_with("called = 0 function bump() called = called + 1 end tools = { bump = bump }");
	CHECK_INT_EQ(epact_call_start(NULL, e, "bump.more", NULL, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_call_start(NULL, e, "tools.bump.more", NULL, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_run(e), 0);
	CHECK_INT_EQ(s.calls, 2);
	CHECK(strstr(s.message, "module 'tools.bump' not found") != NULL);
	const char text[] = "return called";
	CHECK_INT_EQ(epact_start_text(e, text, strlen(text), "=test", 0, NULL), 0);
	epact_run(e);
	CHECK_INT_EQ(epact_exit_status(e), 0);
	close_it();
}

static void nothing(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	(void)arg, (void)args, (void)n;
	epact_reply_finish(reply, NULL, 0);
}

TEST(what_is_null_is_a_bad_argument)
{
	seen s = {0};
	CHECK_INT_EQ(epact_open(NULL, NULL), EPACT_EINVAL);
	epact_close(NULL, NULL, NULL);
	CHECK_INT_EQ(epact_open(&e, NULL), 0);
	CHECK_INT_EQ(epact_start_file(e, NULL, 0, NULL), EPACT_EINVAL);
	CHECK_INT_EQ(epact_start_text(e, NULL, 0, NULL, 0, NULL), EPACT_EINVAL);
	CHECK_INT_EQ(epact_start_text(e, "", 0, "=test", 1, NULL), EPACT_EINVAL);
	CHECK_INT_EQ(epact_start_module(e, NULL, 0, NULL), EPACT_EINVAL);
	CHECK_INT_EQ(epact_module(e, NULL, "", 0), EPACT_EINVAL);
	CHECK_INT_EQ(epact_module(e, "own", NULL, 0), EPACT_EINVAL);
	CHECK_INT_EQ(epact_register(e, NULL, nothing, NULL), EPACT_EINVAL);
	CHECK_INT_EQ(epact_call_start(NULL, e, NULL, NULL, 0, on_done, &s), EPACT_EINVAL);
	CHECK_INT_EQ(epact_call_start(NULL, e, "print", NULL, 1, on_done, &s), EPACT_EINVAL);
	CHECK(strstr(epact_error(e), "NULL") != NULL);
	CHECK_INT_EQ(s.calls, 0);
	close_it();
}
