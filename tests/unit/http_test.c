/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP engine without Lua: its end at every turn, memory that runs out, its queue, a name server that is silent. */
#include "runtime/http/http.h"

#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

#include "runtime/base/mem.h"
#include "test.h"

extern char **environ;

enum { MANY = 300, SLOW_DNS_MS = 700 };

typedef struct fixture {
	uv_loop_t uv;
	ep_loop *loop;
	ep_http *http;
	pid_t server;
	int port, other, hole;
} fixture;

typedef struct waiter {
	ep_http_call *call;
	int result;
	int *left;
	bool done;
} waiter;

static unsigned ended;

static void pause_ms(long ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

static double now_ms(void) { return (double)uv_hrtime() / 1e6; }

/* --- a name server that is silent: libcurl's threads find this function before that of the C library --- */

__attribute__((visibility("default"))) int getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!host || strcmp(host, "slow.test") != 0) return real(host, service, hints, list);
	pause_ms(SLOW_DNS_MS);
	return EAI_AGAIN;
}

/* --- the server of faults --- */

static int port_of(const char *line, const char *name)
{
	char mark[32];
	snprintf(mark, sizeof mark, "\"%s\": ", name);
	const char *at = strstr(line, mark);
	CHECK(at);
	return atoi(at + strlen(mark));
}

static void start_server(fixture *f)
{
	char script[512], line[1024];
	int out[2];
	posix_spawn_file_actions_t actions;
	snprintf(script, sizeof script, "%s/tests/support/faults.py", getenv("EPACT_SOURCE"));
	char *argv[] = {(char *)"python3", script, NULL};
	CHECK_INT_EQ(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	CHECK_INT_EQ(posix_spawnp(&f->server, "python3", &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	FILE *in = fdopen(out[0], "r");
	CHECK(in && fgets(line, sizeof line, in));
	fclose(in);
	f->port = port_of(line, "http");
	f->other = port_of(line, "other");
	f->hole = port_of(line, "hole");
}

static void open_loop(fixture *f)
{
	ep_err err = {0};
	CHECK_INT_EQ(uv_loop_init(&f->uv), 0);
	CHECK_INT_EQ(ep_loop_open(&f->loop, &f->uv, &err), 0);
	CHECK((f->http = ep_http_open(f->loop, NULL)));
}

static void open_fixture(fixture *f)
{
	*f = (fixture){0};
	start_server(f);
	open_loop(f);
}

static void close_loop(fixture *f)
{
	if (f->http) ep_http_close(f->http);
	ep_loop_close(f->loop, NULL, NULL);
	CHECK_INT_EQ(uv_run(&f->uv, UV_RUN_DEFAULT), 0);
	CHECK_INT_EQ(uv_loop_close(&f->uv), 0);
}

static void close_fixture(fixture *f)
{
	close_loop(f);
	kill(f->server, SIGTERM);
	waitpid(f->server, NULL, 0);
}

/* --- calls --- */

static void on_done(ep_op *op)
{
	waiter *w = op->owner;
	w->result = op->result;
	w->done = true;
	ended++;
	if (w->left) --*w->left;
}

static int try_start(waiter *w, fixture *f, int port, const char *path, ep_http_request r)
{
	char url[512];
	ep_err err = {0};
	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
	r.url = url;
	*w = (waiter){0};
	int rc = ep_http_start(&w->call, f->http, &r, &err);
	CHECK_INT_EQ(rc, err.code);
	ep_err_fini(&err);
	if (!rc) ep_op_wait(&w->call->op, on_done, w);
	return rc;
}

static void start(waiter *w, fixture *f, int port, const char *path, ep_http_request r)
{
	CHECK_INT_EQ(try_start(w, f, port, path, r), 0);
}

static void release(waiter *w)
{
	if (w->call) ep_op_release(&w->call->op);
	w->call = NULL;
}

static void run_until(fixture *f, const bool *done)
{
	while (!*done) uv_run(&f->uv, UV_RUN_ONCE);
}

static void run_for(fixture *f, double ms)
{
	for (double end = now_ms() + ms; now_ms() < end; pause_ms(1)) uv_run(&f->uv, UV_RUN_NOWAIT);
}

static int answer_of(fixture *f, int port, const char *path)
{
	waiter w;
	start(&w, f, port, path, (ep_http_request){0});
	run_until(f, &w.done);
	CHECK_INT_EQ(w.result, 0);
	CHECK_INT_EQ(w.call->status, 200);
	const char *most = strstr(ep_buf_text(&w.call->body), "\"most\": ");
	int n = atoi(most ? most + 8 : ep_buf_text(&w.call->body));
	release(&w);
	return n;
}

/* --- a source that has its bytes a few at a time --- */

typedef struct drops {
	int left;
	bool ready;
} drops;

static long read_drop(void *ctx, char *to, size_t room)
{
	drops *d = ctx;
	if (d->left == 0) return 0;
	if (!d->ready) return EP_HTTP_LATER;
	d->ready = false;
	d->left--;
	size_t n = room < 10 ? room : 10;
	memset(to, 'd', n);
	return (long)n;
}

static long read_failure(void *ctx, char *to, size_t room)
{
	(void)ctx, (void)to, (void)room;
	return EP_EIO;
}

static const ep_http_source drop_source = {.read = read_drop}, failing_source = {.read = read_failure};

TEST(sources)
{
	fixture f;
	waiter w;
	open_fixture(&f);
	for (int chunked = 0; chunked < 2; chunked++) {
		drops d = {.left = 20};
		start(&w, &f, f.port, "/count",
			(ep_http_request){.method = "POST",
				.body = {.kind = EP_HTTP_SOURCE, .source = &drop_source, .ctx = &d, .len = chunked ? -1 : 200}});
		while (!w.done) {
			uv_run(&f.uv, UV_RUN_NOWAIT);
			d.ready = true;
			ep_http_more(w.call);
		}
		CHECK_INT_EQ(w.result, 0);
		CHECK_STR_EQ(ep_buf_text(&w.call->body), "200");
		CHECK(ep_http_ended(w.call));
		release(&w);
	}
	start(&w, &f, f.port, "/count",
		(ep_http_request){.method = "PUT", .body = {.kind = EP_HTTP_SOURCE, .source = &failing_source, .len = 200}});
	run_until(&f, &w.done);
	CHECK_INT_EQ(w.result, EP_EIO);
	release(&w);
	close_fixture(&f);
}

TEST(limit_of_one_host)
{
	fixture f;
	static waiter all[MANY];
	int left = MANY;
	open_fixture(&f);
	ep_http_limit(f.http, 4, 0);
	for (int i = 0; i < MANY; i++) {
		start(&all[i], &f, f.port, "/count", (ep_http_request){0});
		all[i].left = &left;
	}
	while (left) {
		uv_run(&f.uv, UV_RUN_ONCE);
		int first = 0; /* that waits */
		while (first < MANY && ep_http_begun(all[first].call)) first++;
		for (int i = first; i < MANY; i++) CHECK(!ep_http_begun(all[i].call)); /* first come, first served */
	}
	for (int i = 0; i < MANY; i++) {
		CHECK_INT_EQ(all[i].result, 0);
		release(&all[i]);
	}
	CHECK(answer_of(&f, f.port, "/_server") <= 4);
	close_fixture(&f);
}

TEST(one_host_does_not_keep_another_waiting)
{
	fixture f;
	static waiter all[MANY];
	waiter last;
	open_fixture(&f);
	ep_http_limit(f.http, 0, 2);
	for (int i = 0; i < MANY; i++) start(&all[i], &f, f.port, "/count", (ep_http_request){0});
	start(&last, &f, f.other, "/count", (ep_http_request){0});
	ended = 0;
	run_until(&f, &last.done);
	CHECK_INT_EQ(last.result, 0);
	CHECK(ended < MANY / 2);
	release(&last);
	for (int i = 0; i < MANY; i++) release(&all[i]); /* cancels them */
	close_fixture(&f);
}

/* --- the end of the engine --- */

enum { KINDS = 10 };

/* Starts calls of every kind; those that fail to start have no call. */
static void start_all(fixture *f, waiter w[KINDS], drops *d)
{
	ep_http_body body = {.kind = EP_HTTP_COPIED, .data = "text", .len = 4};
	ep_http_body source = {.kind = EP_HTTP_SOURCE, .source = &drop_source, .ctx = d, .len = -1};
	ep_http_header header = {.name = "X-Own", .name_len = 5, .value = "v", .value_len = 1};
	char other[128];
	snprintf(other, sizeof other, "/redirect/307?to=http://127.0.0.1:%d/echo", f->other);
	try_start(&w[0], f, f->port, "/echo", (ep_http_request){.extra = &header, .extra_count = 1});
	try_start(&w[1], f, f->port, "/count", (ep_http_request){.method = "POST", .body = body, .once = true});
	try_start(&w[2], f, f->port, other, (ep_http_request){.method = "PUT", .body = body, .max_redirects = 3});
	try_start(&w[3], f, f->port, "/bytes/600000", (ep_http_request){.stream = true});
	try_start(&w[4], f, f->port, "/never", (ep_http_request){0});
	try_start(&w[5], f, f->port, "/close", (ep_http_request){0});
	try_start(&w[6], f, f->port, "/count", (ep_http_request){.method = "POST", .body = source});
	try_start(&w[7], f, f->hole, "/", (ep_http_request){0});
	try_start(&w[8], f, f->port, "/gzip-bomb/2", (ep_http_request){.max_body = 100000});
	try_start(&w[9], f, f->port, "/bytes/100000", (ep_http_request){0});
}

TEST(close_at_every_turn)
{
	fixture f;
	open_fixture(&f);
	close_loop(&f);
	for (int turns = 0; turns < 60; turns++) {
		waiter w[KINDS];
		drops d = {.left = 5};
		ep_http_read *read = NULL;
		ep_err err = {0};
		open_loop(&f);
		ep_http_limit(f.http, 0, turns % 3 == 0 ? 6 : 0); /* some wait in the queue */
		start_all(&f, w, &d);
		for (int i = 0; i < turns; i++) {
			uv_run(&f.uv, UV_RUN_NOWAIT);
			if (i % 8 == 3) {
				d.ready = true;
				ep_http_more(w[6].call);
			}
			if (w[3].done && !read) CHECK_INT_EQ(ep_http_read_start(&read, w[3].call, 0, &err), 0);
			if (i % 4 == 3) pause_ms(1);
		}
		ep_http_close(f.http);
		f.http = NULL;
		while (!w[7].done) uv_run(&f.uv, UV_RUN_NOWAIT);
		for (int i = 0; i < KINDS; i++) {
			CHECK(w[i].done && ep_http_ended(w[i].call));
			CHECK(w[i].result == 0 || w[i].call->err.code == w[i].result);
		}
		CHECK_INT_EQ(w[4].result, EP_ECLOSED);
		if (read) ep_op_release(&read->op);
		for (int i = 0; i < KINDS; i++) release(&w[i]);
		close_loop(&f);
	}
	open_loop(&f);
	close_fixture(&f);
}

/* --- memory --- */

/* Runs calls of every kind while the nth request for memory and all after it fail, or only those of 20 turns. */
static void run_without_memory(fixture *f, long n)
{
	waiter w[KINDS];
	drops d = {.left = 5, .ready = true};
	open_loop(f);
	ep_mem_fail_after(n);
	start_all(f, w, &d);
	for (int i = 0; i < 20; i++) {
		uv_run(&f->uv, UV_RUN_NOWAIT);
		pause_ms(i < 4);
	}
	ep_mem_fail_after(0);
	run_for(f, 5);
	for (int i = 0; i < KINDS; i++) {
		if (!w[i].call) continue;
		if (w[i].done && w[i].result) CHECK_INT_EQ(w[i].result, w[i].call->err.code);
		release(&w[i]);
	}
	close_loop(f);
}

TEST(without_memory)
{
	fixture f;
	open_fixture(&f);
	close_loop(&f);
	for (long n = 1; n < 120; n++) run_without_memory(&f, n);
	open_loop(&f);
	CHECK_INT_EQ(answer_of(&f, f.port, "/bytes/0"), 0);
	close_fixture(&f);
}

TEST(one_call_without_memory)
{
	fixture f;
	open_fixture(&f);
	bool good = false;
	for (long n = 1; !good; n++) {
		waiter w;
		ep_mem_fail_after(n);
		int rc = try_start(&w, &f, f.port, "/bytes/5000", (ep_http_request){.timeout = 5 * EP_SECOND});
		CHECK(rc == 0 || rc == EP_ENOMEM);
		if (!rc) run_until(&f, &w.done);
		ep_mem_fail_after(0);
		if (!rc && w.result) CHECK_INT_EQ(w.result, EP_ENOMEM);
		good = !rc && w.result == 0;
		CHECK(n < 200);
		release(&w);
	}
	close_fixture(&f);
}

/* --- names --- */

static void start_slow(waiter *w, fixture *f)
{
	ep_err err = {0};
	*w = (waiter){0};
	CHECK_INT_EQ(ep_http_start(&w->call, f->http, &(ep_http_request){.url = "http://slow.test/"}, &err), 0);
	ep_op_wait(&w->call->op, on_done, w);
	run_for(f, 30);
	CHECK(!w->done);
}

TEST(a_cancel_does_not_wait_for_a_name_server)
{
	fixture f = {0};
	waiter w;
	open_loop(&f);
	start_slow(&w, &f);
	double begin = now_ms();
	ep_op_cancel(&w.call->op, EP_ECANCELLED);
	run_until(&f, &w.done);
	CHECK(now_ms() - begin < 100);
	CHECK_INT_EQ(w.result, EP_ECANCELLED);
	CHECK(!w.call->err.maybe_sent);
	release(&w);
	close_loop(&f);
	pause_ms(SLOW_DNS_MS + 100); /* the thread keeps its descriptors until then */
}

TEST(a_close_does_not_wait_for_a_name_server)
{
	fixture f = {0};
	waiter w;
	open_loop(&f);
	start_slow(&w, &f);
	double begin = now_ms();
	ep_http_close(f.http);
	f.http = NULL;
	run_until(&f, &w.done);
	CHECK_INT_EQ(w.result, EP_ECLOSED);
	release(&w);
	close_loop(&f);
	CHECK(now_ms() - begin < 100);
	pause_ms(SLOW_DNS_MS + 100);
}

TEST(a_name_that_is_not_found)
{
	fixture f = {0};
	waiter w;
	open_loop(&f);
	start_slow(&w, &f);
	run_until(&f, &w.done);
	CHECK_INT_EQ(w.result, EP_EDNS);
	CHECK(w.call->err.retryable && !w.call->err.maybe_sent);
	release(&w);
	close_loop(&f);
}
