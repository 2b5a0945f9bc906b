/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVER_THREAD_H
#define SERVER_THREAD_H

/* A local server in a thread, with an instance of its own, for tests of hosts: the test's own instance is the only one in
 * its thread. Include it behind test.h, in one file. */
#include <epact.h>

typedef struct server_thread {
	uv_thread_t thread;
	uv_sem_t ready;
	epact *e;
	char url[64], key[64];
} server_thread;

static void server_ready(void *arg, epact_reply *reply, const epact_value *args, size_t n)
{
	server_thread *s = arg;
	CHECK(n == 2);
	snprintf(s->url, sizeof s->url, "%s", args[0].as.string);
	snprintf(s->key, sizeof s->key, "%s", args[1].as.string);
	epact_reply_finish(reply, NULL, 0);
	uv_sem_post(&s->ready);
}

static void server_main(void *arg)
{
	static const char text[] = "local fs = require 'epact.fs'\n"
							   "local data <close> = fs.temp_dir { prefix = 'server-' }\n"
							   "local server <close> = require 'epact.server'.start { data = data.path }\n"
							   "require('test').ready(server.url, server.api_key:reveal())\n"
							   "server:run()";
	server_thread *s = arg;
	epact_options options = {.size = sizeof options, .log_level = EPACT_LOG_OFF};
	CHECK_INT_EQ(epact_open(&s->e, &options), 0);
	CHECK_INT_EQ(epact_register(s->e, "test.ready", server_ready, s), 0);
	CHECK_INT_EQ(epact_start_text(s->e, text, sizeof text - 1, "=server", 0, NULL), 0);
	int rc = epact_run(s->e);
	if (rc != EPACT_ECANCELLED) TEST_FAIL("the server ended: %s\n%s", epact_error(s->e), epact_traceback(s->e));
	epact_close(s->e, NULL, NULL);
}

static inline void server_start(server_thread *s)
{
	*s = (server_thread){0};
	uv_sem_init(&s->ready, 0);
	CHECK_INT_EQ(uv_thread_create(&s->thread, server_main, s), 0);
	uv_sem_wait(&s->ready);
}

static inline void server_stop(server_thread *s)
{
	epact_interrupt(s->e);
	uv_thread_join(&s->thread);
	uv_sem_destroy(&s->ready);
}

#endif
