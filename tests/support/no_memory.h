/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NO_MEMORY_H
#define NO_MEMORY_H

/* Runs tests/support/busy.lua again and again, each time with another request for memory refused: of those that the
 * runtime makes or of those that Lua makes, in this thread; that one alone, or all from there on. A run may end as it likes, but it
 * ends, and what it took is given back. Include it behind test.h, in one file.
 *
 * EPACT_NTH=runtime:once:123 runs one case, for a debugger; EPACT_NTH=lua:all all of that kind. */
#include <pthread.h>
#include <stdatomic.h>

#include <epact_relace.h>

#include "server_thread.h"

enum { FROM_RUNTIME = 1, FROM_LUA = 2 };
enum { ONCE, ALL };

static struct {
	long countdown; /* 0: nothing is refused */
	int of, how;
	long count; /* of requests so far */
	bool reached;
} refusal;

static _Thread_local bool is_victim;
static atomic_long outstanding; /* blocks that the victim's thread took */
static atomic_long progress;    /* for the watchdog */
static _Atomic(epact *) under_way;

static void print_tree(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s", text);
}

/* Whether this request of the thread that is tested is to be refused. */
static bool refused(int of)
{
	if (!is_victim || refusal.of != of) return false;
	refusal.count++;
	if (!refusal.countdown) return false;
	if (refusal.countdown > 1) return refusal.countdown--, false;
	refusal.reached = true;
	if (refusal.how == ONCE) refusal.countdown = 0;
	return true;
}

/* --- the runtime's memory: each block says whether it is counted --- */

typedef union head {
	bool counted;
	max_align_t align;
} head;

static void *counted(head *h)
{
	if (!h) return NULL;
	h->counted = is_victim;
	if (is_victim) atomic_fetch_add(&outstanding, 1);
	return h + 1;
}

static void *busy_alloc(size_t size)
{
	return refused(FROM_RUNTIME) || size > SIZE_MAX - sizeof(head) ? NULL : counted(malloc(size + sizeof(head)));
}

static void *busy_calloc(size_t count, size_t size)
{
	if (refused(FROM_RUNTIME) || count > (SIZE_MAX - sizeof(head)) / size) return NULL;
	return counted(calloc(1, count * size + sizeof(head)));
}

static void *busy_realloc(void *p, size_t size)
{
	if (!p) return busy_alloc(size);
	if (refused(FROM_RUNTIME) || size > SIZE_MAX - sizeof(head)) return NULL;
	head *h = realloc((head *)p - 1, size + sizeof(head));
	return h ? h + 1 : NULL;
}

static void busy_free(void *p)
{
	if (!p) return;
	head *h = (head *)p - 1;
	if (h->counted) atomic_fetch_sub(&outstanding, 1);
	free(h);
}

/* --- Lua's --- */

static void *busy_lua(void *arg, void *p, size_t old, size_t size)
{
	(void)arg;
	if (!size) {
		if (p) atomic_fetch_sub(&outstanding, 1);
		free(p);
		return NULL;
	}
	if (size > old || !p)
		if (refused(FROM_LUA)) return NULL;
	void *q = realloc(p, size);
	if (q && !p) atomic_fetch_add(&outstanding, 1);
	return q;
}

/* --- a run --- */

static void later_answer(void *arg)
{
	const epact_value value = epact_text("later");
	epact_reply_finish(arg, &value, 1);
}

static void later_main(void *arg)
{
	uv_sleep(1);
	later_answer(arg);
}

/* Answers from a thread that is joined behind the run. */
static uv_thread_t later_thread;
static bool later_started;

static void later_call(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	(void)arg, (void)args, (void)n;
	later_started = uv_thread_create(&later_thread, later_main, reply) == 0;
	if (!later_started) later_answer(reply);
}

static void on_busy_call(void *arg, const epact_result *result)
{
	if (!result->failure) CHECK(result->count == 1 && epact_get(&result->values[0], "list"));
	++*(int *)arg;
}

/* The functions of epact.h that take memory, one after the other; the first failure ends it. */
static int busy_steps(epact *e, const server_thread *s, int *calls, int *told)
{
	static const char module[] = "return { echo = function(...) require 'epact.task'.sleep(0.001) return ... end }";
	const char *const args[] = {s->url, s->key};
	const epact_value items[] = {epact_integer(1), epact_text("two")};
	const epact_pair pair = {epact_text("list"), epact_list(items, 2)};
	const epact_value map = epact_map(&pair, 1);
	int rc = epact_register(e, "host.later", later_call, NULL);
	if (!rc) rc = epact_module(e, "own", module, sizeof module - 1);
	if (!rc) rc = epact_start_module(e, "busy", 2, args);
	for (int i = 0; i < 2 && !rc; i++) {
		rc = epact_call_start(NULL, e, "own.echo", &map, 1, on_busy_call, told);
		if (!rc) ++*calls;
	}
	epact_tree(e);
	return rc ? rc : epact_run(e);
}

static void busy_run(const server_thread *s)
{
	epact_options options = {.size = sizeof options,
		.allocate = busy_lua,
		.grace_seconds = 0.5,
		.base_url = s->url,
		.api_key = "rlc-test-key",
		.environment = (const char *const *)environ,
		.tree = print_tree};
	epact *e;
	int calls = 0, told = 0;
	later_started = false;
	int rc = epact_open(&e, &options);
	if (rc && !refusal.reached) TEST_FAIL("cannot be opened: %d", rc);
	if (rc) return;
	atomic_store(&under_way, e);
	rc = busy_steps(e, s, &calls, &told);
	atomic_store(&under_way, NULL);
	if (rc && !*epact_error(e)) TEST_FAIL("a failure without words");
	if (rc && !refusal.reached) TEST_FAIL("failed by itself: %s\n%s", epact_error(e), epact_traceback(e));
	epact_close(e, NULL, NULL);
	CHECK_INT_EQ(told, calls);
	if (later_started) uv_thread_join(&later_thread);
}

static void on_relace_call(void *arg, const epact_result *result)
{
	if (result->failure) CHECK(result->failure->code < 0 && *result->failure->text);
	++*(int *)arg;
}

/* The client without Lua. */
static void busy_relace(const server_thread *s)
{
	const epact_relace_options options = {
		.size = sizeof options, .api_key = s->key, .base_url = s->url, .max_retries = -1};
	const char *const ids[] = {"00000000-0000-0000-0000-000000000000"};
	epact_relace *r;
	int calls = 0, told = 0;
	if (epact_relace_open(&r, &options)) {
		CHECK(refusal.reached);
		return;
	}
	if (!epact_relace_request(NULL, r, "GET", "/repo?page_size=1", NULL, 0, on_relace_call, &told)) calls++;
	if (!epact_relace_token_create(NULL, r, "none", ids, 1, 60, on_relace_call, &told)) calls++;
	if (!epact_relace_overwrite(NULL, r, ids[0], "include", 1, on_relace_call, &told)) calls++;
	if (!epact_relace_clone(NULL, r, ids[0], "/nowhere/else", NULL, 1, on_relace_call, &told)) calls++;
	epact_relace_run(r);
	epact_relace_close(r, NULL, NULL);
	CHECK_INT_EQ(told, calls);
}

static const char *const refusal_names[][2] = {{"runtime", "lua"}, {"once", "all"}};

static void busy_run_refused(const server_thread *s, int of, int how, long nth)
{
	refusal.of = of;
	refusal.how = how;
	refusal.countdown = nth;
	refusal.count = 0;
	refusal.reached = false;
	is_victim = true;
	busy_run(s);
	if (of == FROM_RUNTIME) busy_relace(s);
	is_victim = false;
	atomic_fetch_add(&progress, 1);
	long left = atomic_load(&outstanding);
	if (left)
		TEST_FAIL("EPACT_NTH=%s:%s:%ld leaks %ld blocks", refusal_names[0][of - 1], refusal_names[1][how], nth, left);
}

/* --- the series --- */

/* The tree of the instance says what does not end. */
static void report_hang(void)
{
	fprintf(stderr, "EPACT_NTH=%s:%s:(nth) hangs, request %ld\n", refusal_names[0][refusal.of - 1],
		refusal_names[1][refusal.how], refusal.count);
	epact *e = atomic_load(&under_way);
	if (e) epact_request_tree(e);
	uv_sleep(2000);
	_exit(1);
}

static void watch(void *arg)
{
	(void)arg;
	for (long before = -1, now; (now = atomic_load(&progress)) >= 0; before = now) {
		if (now == before) report_hang();
		for (int i = 0; i < 900 && atomic_load(&progress) >= 0; i++) uv_sleep(100);
	}
}

/* Each `stride`th request. */
static void no_memory_series(const server_thread *s, int of, int how, long stride)
{
	long n = 1, runs = 0;
	do {
		busy_run_refused(s, of, how, n);
		if (getenv("EPACT_NTH_TRACE"))
			fprintf(stderr, "%s:%s:%ld\n", refusal_names[0][of - 1], refusal_names[1][how], n);
		n += stride;
		runs++;
	} while (refusal.reached);
	printf("  %s %s: %ld requests, %ld runs\n", refusal_names[0][of - 1], refusal_names[1][how], refusal.count, runs);
	fflush(stdout);
}

static void no_memory_one(const server_thread *s, const char *spec)
{
	int of = strncmp(spec, "lua", 3) ? FROM_RUNTIME : FROM_LUA, how = strstr(spec, ":all") ? ALL : ONCE;
	long nth = strtol(strrchr(spec, ':') + 1, NULL, 10);
	if (nth)
		busy_run_refused(s, of, how, nth);
	else
		no_memory_series(s, of, how, 1);
}

/* Runs all kinds; strides of the runtime's and of Lua's requests. */
static inline void no_memory_test(long runtime_stride, long lua_stride)
{
	static const epact_allocator functions = {busy_alloc, busy_calloc, busy_realloc, busy_free};
	const char *spec = getenv("EPACT_NTH");
	server_thread server;
	uv_thread_t watchdog;
	CHECK_INT_EQ(epact_use_allocator(&functions), 0);
	server_start(&server);
	is_victim = true;
	busy_run(&server); /* what libraries keep for the process is made now */
	busy_relace(&server);
	is_victim = false;
	atomic_store(&outstanding, 0);
	CHECK_INT_EQ(uv_thread_create(&watchdog, watch, NULL), 0);
	if (spec) {
		no_memory_one(&server, spec);
	} else {
		for (int how = ONCE; how <= ALL; how++) {
			no_memory_series(&server, FROM_RUNTIME, how, runtime_stride);
			no_memory_series(&server, FROM_LUA, how, lua_stride);
		}
	}
	atomic_store(&progress, -1);
	uv_thread_join(&watchdog);
	server_stop(&server);
	CHECK_INT_EQ(system("exec rm -rf -- \"$TMPDIR\"/*"), 0);
}

#endif
