/* SPDX-License-Identifier: Apache-2.0 */
/* The server's engine with a client in Python: a handler of ops, as a binding would be, but without Lua. */
#include "runtime/serve/serve.h"

#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/base/mem.h"
#include "test.h"

extern char **environ;

typedef struct fixture {
	ep_loop *loop;
	ep_server *server;
	ep_op *accept;
	bool done;
} fixture;

/* One request: its body is counted, then the path says what comes back. */
typedef struct handler {
	ep_request *r;
	size_t size, left;
	char text[65536];
} handler;

static void read_on(handler *h);
static void write_on(handler *h);
static void accept_next(fixture *f);

static void finish(handler *h)
{
	ep_request_release(h->r);
	ep_free(h);
}

static void respond(handler *h)
{
	const char *path = ep_request_path(h->r);
	ep_header type = {"content-type", "text/plain"};
	if (!strcmp(path, "/stream")) {
		int rc = ep_request_respond_stream(h->r, 200, &type, 1, -1, NULL);
		CHECK(rc == 0 || rc == EP_ECLOSED);
		h->left = (size_t)atol(ep_request_query(h->r));
		write_on(h);
		return;
	}
	if (strcmp(path, "/drop") != 0) {
		const char *method = ep_request_method(h->r), *query = ep_request_query(h->r);
		snprintf(h->text, sizeof h->text, "%s %s?%s %zu", method, path, query, h->size);
		int rc = ep_request_respond(h->r, 200, &type, 1, h->text, strlen(h->text), NULL);
		CHECK(rc == 0 || rc == EP_ECLOSED);
		CHECK(ep_request_respond(h->r, 200, NULL, 0, NULL, 0, NULL) != 0);
	}
	finish(h);
}

static void on_readable(ep_op *op)
{
	handler *h = op->owner;
	int rc = op->result;
	ep_op_release(op);
	if (rc)
		finish(h);
	else
		read_on(h);
}

static void read_on(handler *h)
{
	const char *data;
	int rc = strcmp(ep_request_path(h->r), "/early") ? ep_request_readable(h->r) : EP_ENOENT;
	if (rc > 0) {
		size_t n = ep_request_peek(h->r, &data);
		h->size += n;
		ep_request_take(h->r, n);
		rc = ep_request_readable(h->r);
	}
	if (rc == EP_ENOENT)
		respond(h);
	else
		ep_op_wait(ep_request_wait_body(h->r, 0), on_readable, h);
}

static void on_writable(ep_op *op)
{
	handler *h = op->owner;
	int rc = op->result;
	ep_op_release(op);
	if (rc)
		finish(h);
	else
		write_on(h);
}

static void write_on(handler *h)
{
	int rc = 0;
	while (!rc && h->left && ep_request_writable(h->r)) {
		size_t n = h->left < sizeof h->text ? h->left : sizeof h->text;
		memset(h->text, 'x', n);
		rc = ep_request_write(h->r, h->text, n);
		h->left -= n;
	}
	if (h->left && !rc) {
		ep_op_wait(ep_request_wait_room(h->r, 0), on_writable, h);
		return;
	}
	ep_request_end(h->r);
	finish(h);
}

static void on_accept(ep_op *op)
{
	fixture *f = op->owner;
	f->accept = NULL;
	CHECK_INT_EQ(op->result, 0);
	ep_request *r = ep_accept_take(op);
	ep_op_release(op);
	if (!r) return;
	handler *h = ep_calloc(1, sizeof *h);
	h->r = r;
	accept_next(f);
	read_on(h);
}

static void accept_next(fixture *f)
{
	f->accept = ep_server_accept(f->server);
	ep_op_wait(f->accept, on_accept, f);
}

static void open_fixture(fixture *f, const ep_server_options *options)
{
	ep_err err = {0};
	*f = (fixture){0};
	CHECK_INT_EQ(ep_loop_open(&f->loop, NULL, &err), 0);
	CHECK_INT_EQ(ep_server_open(&f->server, f->loop, options, &err), 0);
	accept_next(f);
}

typedef struct client {
	uv_work_t work;
	pid_t pid;
	int status;
	bool *done;
} client;

static void wait_client(uv_work_t *work)
{
	client *c = EP_CONTAINER(work, client, work);
	waitpid(c->pid, &c->status, 0);
}

static void on_client_end(uv_work_t *work, int status)
{
	(void)status;
	*EP_CONTAINER(work, client, work)->done = true;
}

/* Runs the Python client until it ends; its status must be 0. */
static void run_client(fixture *f, const char *what)
{
	char script[512], port[16];
	client c = {.done = &f->done};
	snprintf(script, sizeof script, "%s/tests/support/serve_client.py", getenv("EPACT_SOURCE"));
	snprintf(port, sizeof port, "%d", ep_server_port(f->server));
	char *argv[] = {(char *)"python3", script, (char *)what, port, NULL};
	CHECK_INT_EQ(posix_spawnp(&c.pid, "python3", NULL, NULL, argv, environ), 0);
	f->done = false;
	uv_queue_work(ep_loop_uv(f->loop), &c.work, wait_client, on_client_end);
	CHECK_INT_EQ(ep_loop_run(f->loop, &f->done), 0);
	CHECK(WIFEXITED(c.status));
	CHECK_INT_EQ(WEXITSTATUS(c.status), 0);
}

static void close_fixture(fixture *f)
{
	ep_server_close(f->server);
	ep_loop_close(f->loop, NULL, NULL);
}

static void run_script(const char *what)
{
	fixture f;
	open_fixture(&f, &(ep_server_options){0});
	run_client(&f, what);
	close_fixture(&f);
}

TEST(simple) { run_script("simple"); }
TEST(keep_alive) { run_script("keep_alive"); }
TEST(pipelined) { run_script("pipelined"); }
TEST(many) { run_script("many"); }
TEST(uploads) { run_script("uploads"); }
TEST(streams) { run_script("streams"); }
TEST(head) { run_script("head"); }
TEST(refusals) { run_script("refusals"); }
TEST(peer_gone) { run_script("peer_gone"); }
TEST(early) { run_script("early"); }

TEST(idle_time_out)
{
	fixture f;
	open_fixture(&f, &(ep_server_options){.idle_timeout = EP_SECOND});
	run_client(&f, "idle");
	close_fixture(&f);
}

TEST(limits)
{
	fixture f;
	open_fixture(&f, &(ep_server_options){.max_headers = 4096, .max_drain = 100000, .max_connections = 5});
	run_client(&f, "limits");
	close_fixture(&f);
}

TEST(addresses)
{
	ep_err err = {0};
	ep_loop *loop;
	ep_server *a, *b;
	char text[80];
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, &err), 0);
	CHECK_INT_EQ(ep_server_open(&a, loop, &(ep_server_options){.host = "[::1]"}, &err), 0);
	snprintf(text, sizeof text, "http://[::1]:%d", ep_server_port(a));
	CHECK_STR_EQ(ep_server_url(a), text);
	int port = ep_server_port(a);
	CHECK_INT_EQ(ep_server_open(&b, loop, &(ep_server_options){.host = "::1", .port = port}, &err), EP_EBUSY);
	snprintf(text, sizeof text, "listening on [::1]:%d: ", port);
	CHECK_INT_EQ(strncmp(err.message, text, strlen(text)), 0);
	ep_err_fini(&err);
	CHECK_INT_EQ(ep_server_open(&b, loop, &(ep_server_options){.host = "nowhere"}, &err), EP_EINVAL);
	ep_err_fini(&err);
	ep_server_close(a);
	ep_loop_close(loop, NULL, NULL);
}

TEST(open_without_memory)
{
	ep_err err = {0};
	ep_loop *loop;
	ep_server *server = NULL;
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, &err), 0);
	for (long n = 1; !server; n++) {
		ep_mem_fail_after(n);
		int rc = ep_server_open(&server, loop, &(ep_server_options){0}, &err);
		ep_mem_fail_after(0);
		CHECK(rc == 0 || rc == EP_ENOMEM);
		ep_err_fini(&err);
	}
	ep_server_close(server);
	ep_loop_close(loop, NULL, NULL);
}

static void on_stopped(ep_op *op)
{
	fixture *f = op->owner;
	CHECK_INT_EQ(op->result, 0);
	f->done = true;
	ep_op_release(op);
}

TEST(stop)
{
	fixture f;
	open_fixture(&f, &(ep_server_options){0});
	ep_op_wait(ep_server_stop(f.server, EP_SECOND), on_stopped, &f);
	CHECK_INT_EQ(ep_loop_run(f.loop, &f.done), 0);
	CHECK(f.accept == NULL);
	close_fixture(&f);
}

typedef struct taken {
	ep_request *r;
	bool done;
} taken;

static void on_taken(ep_op *op)
{
	taken *t = op->owner;
	t->r = ep_accept_take(op);
	t->done = true;
	ep_op_release(op);
}

static int ask(int port, const char *request)
{
	int len = (int)strlen(request);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	CHECK_INT_EQ(write(fd, request, (size_t)len), len);
	return fd;
}

/* A leak sanitizer sees whether the stream, which counts its request, is let go. */
TEST(closed_between_an_answer_and_its_sending)
{
	ep_loop *loop;
	ep_server *server;
	taken t = {0};
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, NULL), 0);
	CHECK_INT_EQ(ep_server_open(&server, loop, &(ep_server_options){0}, NULL), 0);
	ep_op_wait(ep_server_accept(server), on_taken, &t);
	int fd = ask(ep_server_port(server), "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK_INT_EQ(ep_loop_run(loop, &t.done), 0);
	CHECK_INT_EQ(ep_request_respond_stream(t.r, 200, NULL, 0, -1, NULL), 0);
	CHECK_INT_EQ(ep_request_write(t.r, "some", 4), 0);
	ep_server_close(server);
	CHECK_INT_EQ(ep_request_write(t.r, "more", 4), EP_ECLOSED);
	ep_request_release(t.r);
	close(fd);
	ep_loop_close(loop, NULL, NULL);
}

static void on_done(ep_op *op)
{
	*(bool *)op->owner = true;
	ep_op_release(op);
}

/* A request with a body in chunks, all of the size of the server's buffer. */
static void write_chunks(char *to, size_t count)
{
	to += sprintf(to, "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (size_t i = 0; i < count; i++) to += sprintf(to, "400\r\n%01024d\r\n", 0);
}

/* The first chunk fills the buffer, so that the request is suspended; libmicrohttpd offers the next one all the same.
 * Suspended twice, it would stand in its lists twice, and the stop would end the process. */
TEST(a_buffer_that_is_full_at_the_end_of_a_chunk)
{
	fixture f = {0};
	taken t = {0};
	char request[8192];
	bool done = false;
	const char *data;
	CHECK_INT_EQ(ep_loop_open(&f.loop, NULL, NULL), 0);
	CHECK_INT_EQ(ep_server_open(&f.server, f.loop, &(ep_server_options){.max_buffer = 1024}, NULL), 0);
	ep_op_wait(ep_server_accept(f.server), on_taken, &t);
	write_chunks(request, 5);
	int fd = ask(ep_server_port(f.server), request);
	CHECK_INT_EQ(ep_loop_run(f.loop, &t.done), 0);
	ep_op_wait(ep_request_wait_body(t.r, 0), on_done, &done);
	CHECK_INT_EQ(ep_loop_run(f.loop, &done), 0);
	CHECK_INT_EQ(ep_request_peek(t.r, &data), 1024);
	close_fixture(&f);
	ep_request_release(t.r);
	close(fd);
}

static void nothing(ep_timer *timer) { (void)timer; }

static void run_for(ep_loop *loop, uint64_t time)
{
	ep_timer timer = {0};
	CHECK_INT_EQ(ep_timer_start(loop, &timer, time, nothing), 0);
	while (ep_timer_active(&timer)) uv_run(ep_loop_uv(loop), UV_RUN_ONCE);
}

static void on_result(ep_op *op)
{
	*(int *)op->owner = op->result;
	ep_op_release(op);
}

/* The last bytes and the end come together, between two turns. At the idle time-out it would be EP_ETIMEOUT. */
TEST(a_peer_that_goes_with_its_last_bytes)
{
	fixture f = {0};
	taken t = {0};
	bool done = false;
	int result = 1;
	CHECK_INT_EQ(ep_loop_open(&f.loop, NULL, NULL), 0);
	CHECK_INT_EQ(ep_server_open(&f.server, f.loop, &(ep_server_options){.idle_timeout = 3 * EP_SECOND}, NULL), 0);
	ep_op_wait(ep_server_accept(f.server), on_taken, &t);
	int fd = ask(ep_server_port(f.server), "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
	CHECK_INT_EQ(ep_loop_run(f.loop, &t.done), 0);
	ep_op_wait(ep_request_wait_body(t.r, 0), on_done, &done);
	run_for(f.loop, 50 * EP_MSEC);
	CHECK_INT_EQ(write(fd, "some", 4), 4);
	close(fd);
	CHECK_INT_EQ(ep_loop_run(f.loop, &done), 0);
	ep_request_take(t.r, 4);
	ep_op_wait(ep_request_wait_body(t.r, 0), on_result, &result);
	while (result == 1) uv_run(ep_loop_uv(f.loop), UV_RUN_ONCE);
	CHECK_INT_EQ(result, EP_ETRUNCATED);
	close_fixture(&f);
	ep_request_release(t.r);
}

TEST(rests_when_idle)
{
	fixture f;
	ep_timer timer = {0};
	int turns = 0;
	open_fixture(&f, &(ep_server_options){0});
	run_client(&f, "simple");
	CHECK_INT_EQ(ep_timer_start(f.loop, &timer, 300 * EP_MSEC, nothing), 0);
	for (; ep_timer_active(&timer); turns++) uv_run(ep_loop_uv(f.loop), UV_RUN_ONCE);
	CHECK(turns < 10);
	close_fixture(&f);
}
