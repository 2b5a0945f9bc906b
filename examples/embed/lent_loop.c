/* SPDX-License-Identifier: Apache-2.0 */
/* Two instances on the host's own libuv loop, beside its timer and its TCP server, which the scripts ask.
 *
 *     cc lent_loop.c -o lent_loop $(pkg-config --cflags --libs epact libuv) && ./lent_loop */
#include <epact.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const char script[] = "local http = require 'epact.http'\n"
							 "local url, name = ...\n"
							 "for _ = 1, 3 do assert(http.get(url).body == 'hello\\n') end\n"
							 "return name";

static uv_loop_t loop;
static uv_tcp_t server;
static uv_timer_t ticker;
static epact *instances[2];
static int running = 2, ticks, failed;

/* --- the host's own things: a server that says hello, and a timer --- */

static void on_client_closed(uv_handle_t *handle) { free(handle); }

static void on_written(uv_write_t *request, int status)
{
	(void)status;
	uv_close((uv_handle_t *)request->handle, on_client_closed);
	free(request);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	static char bytes[4096];
	(void)handle, (void)size;
	*buf = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *client, ssize_t size, const uv_buf_t *buf)
{
	static char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
	(void)buf;
	if (size == 0) return;
	uv_read_stop(client);
	uv_write_t *request = malloc(sizeof *request);
	uv_buf_t out = uv_buf_init(answer, sizeof answer - 1);
	if (size < 0 || !request || uv_write(request, client, &out, 1, on_written)) {
		free(request);
		uv_close((uv_handle_t *)client, on_client_closed);
	}
}

static void on_connection(uv_stream_t *listening, int status)
{
	uv_tcp_t *client = status ? NULL : malloc(sizeof *client);
	if (!client) return;
	uv_tcp_init(&loop, client);
	if (uv_accept(listening, (uv_stream_t *)client) || uv_read_start((uv_stream_t *)client, on_alloc, on_read))
		uv_close((uv_handle_t *)client, on_client_closed);
}

static int listen_on_free_port(void)
{
	struct sockaddr_in address;
	int size = sizeof address;
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(&loop, &server);
	if (uv_tcp_bind(&server, (struct sockaddr *)&address, 0) || uv_listen((uv_stream_t *)&server, 16, on_connection))
		return 0;
	uv_tcp_getsockname(&server, (struct sockaddr *)&address, &size);
	return ntohs(address.sin_port);
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
	ticks++;
}

/* --- the instances --- */

static void on_closed(void *arg) { printf("instance %d is closed\n", *(int *)arg); }

static void on_end(void *arg, const epact_result *result)
{
	if (result->failure) {
		fprintf(stderr, "%s\n", result->failure->text);
		failed = 1;
	} else {
		printf("the script of %s has ended\n", result->values[0].as.string);
	}
	epact_close(instances[*(int *)arg], on_closed, arg);
	if (--running) return;
	uv_close((uv_handle_t *)&server, NULL); /* the host's work ends with that of the scripts */
	uv_close((uv_handle_t *)&ticker, NULL);
}

int main(void)
{
	static int numbers[] = {0, 1};
	static const char *const names[] = {"ada", "grace"};
	char url[64];
	setvbuf(stdout, NULL, _IONBF, 0);
	if (uv_loop_init(&loop)) return 1;
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", listen_on_free_port());
	uv_timer_init(&loop, &ticker);
	uv_timer_start(&ticker, on_tick, 0, 1);
	for (int i = 0; i < 2; i++) {
		const char *const args[] = {url, names[i]};
		const epact_options options = {
			.size = sizeof options, .loop = &loop, .api_key = i ? "key-of-grace" : "key-of-ada"};
		if (epact_open(&instances[i], &options)) return 1;
		epact_on_end(instances[i], on_end, &numbers[i]);
		if (epact_start_text(instances[i], script, strlen(script), names[i], 2, args)) return 1;
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) || failed || !ticks;
}
