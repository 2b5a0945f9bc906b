/* SPDX-License-Identifier: Apache-2.0 */
/* A token create is under way when its instance, or its client, is closed: what the answer brings is deleted, as long as the
 * grace allows. */
#include <epact.h>
#include <epact_relace.h>

#include "tests/support/relace_peer.h"

#define REPO "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
#define TOKEN "rlcr-00112233445566778899aabbccddeeff00112233"
#define TOKEN_JSON "{\"token\":\"" TOKEN "\",\"name\":\"ci\",\"repo_ids\":[\"" REPO "\"],\"expires_at\":null}"
#define KEY "rlc-key-for-the-test"

static const char *const answers[] = {ANSWER("201", "", TOKEN_JSON), ANSWER("204", "Content-Length: 0\r\n", ""), NULL};

static const char script[] = "local client = require 'epact.relace'.client()\n"
							 "client.repo_token:create { name = 'ci', repo_ids = { '" REPO "' } }";

static void count(void *arg) { ++*(int *)arg; }

static void start(peer *p, useconds_t delay, char url[64])
{
	start_peer(p, answers);
	p->delay = delay;
	snprintf(url, 64, "http://127.0.0.1:%d/v1", p->port);
}

/* Turns the host's loop until the peer has read the create. */
static void turn_until_asked(uv_loop_t *host, const peer *p)
{
	const volatile int *seen = &p->count;
	while (!*seen) {
		uv_run(host, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static epact *creating(uv_loop_t *host, const char *url, double grace)
{
	epact *e;
	const epact_options options = {
		.size = sizeof options, .loop = host, .base_url = url, .api_key = KEY, .grace_seconds = grace};
	CHECK_INT_EQ(epact_open(&e, &options), 0);
	CHECK_INT_EQ(epact_start_text(e, script, sizeof script - 1, "=test", 0, NULL), 0);
	return e;
}

static void check_deleted(peer *p)
{
	stop_peer(p);
	CHECK_INT_EQ(p->count, 2);
	CHECK_STR_EQ(p->seen[1], "DELETE /v1/repo_token/" TOKEN " HTTP/1.1");
}

/* The peer answers after so many microseconds; an instance on a lent loop is closed before. */
static void close_on_lent_loop(peer *p, int delay, double grace)
{
	char url[64];
	uv_loop_t host;
	int closed = 0;
	start(p, delay, url);
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	epact *e = creating(&host, url, grace);
	turn_until_asked(&host, p);
	epact_close(e, count, &closed);
	CHECK_INT_EQ(closed, 0);
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(closed, 1);
	CHECK_INT_EQ(uv_loop_close(&host), 0);
}

TEST(closing_an_instance_on_a_lent_loop_deletes_it)
{
	peer p;
	close_on_lent_loop(&p, 100000, 0);
	check_deleted(&p);
}

TEST(closing_an_instance_on_its_own_loop_deletes_it)
{
	peer p;
	char url[64];
	int closed = 0;
	start(&p, 100000, url);
	epact *e = creating(NULL, url, 0);
	for (const volatile int *seen = &p.count; !*seen; usleep(1000)) CHECK_INT_EQ(epact_turn(e), 0);
	epact_close(e, count, &closed);
	CHECK_INT_EQ(closed, 1);
	check_deleted(&p);
}

TEST(it_is_not_waited_for_longer_than_the_grace)
{
	peer p;
	close_on_lent_loop(&p, 1500000, 0.02);
	stop_peer(&p);
	CHECK_INT_EQ(p.count, 1);
}

static void on_create(void *arg, const epact_result *result)
{
	CHECK(result->failure && result->failure->code == EPACT_ECLOSED);
	++*(int *)arg;
}

TEST(closing_a_client_without_lua_deletes_it)
{
	peer p;
	char url[64];
	uv_loop_t host;
	int closed = 0, calls = 0;
	const char *const repos[] = {REPO};
	epact_relace *r;
	start(&p, 100000, url);
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	const epact_relace_options options = {.size = sizeof options, .loop = &host, .base_url = url, .api_key = KEY};
	CHECK_INT_EQ(epact_relace_open(&r, &options), 0);
	CHECK_INT_EQ(epact_relace_token_create(NULL, r, "ci", repos, 1, 0, on_create, &calls), 0);
	turn_until_asked(&host, &p);
	epact_relace_close(r, count, &closed);
	uv_run(&host, UV_RUN_DEFAULT);
	CHECK_INT_EQ(calls, 1);
	CHECK_INT_EQ(closed, 1);
	CHECK_INT_EQ(uv_loop_close(&host), 0);
	check_deleted(&p);
}
