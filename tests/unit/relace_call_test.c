/* SPDX-License-Identifier: Apache-2.0 */
/* The client as a C program uses it, without Lua, against a peer on a thread of this process. */
#include "tests/support/relace_peer.h"

#include "runtime/base/mem.h"
#include "runtime/relace/repo.h"
#include "runtime/relace/token.h"

#define REPO "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
#define TOKEN "rlcr-00112233445566778899aabbccddeeff00112233"
#define TOKEN_JSON "{\"token\":\"" TOKEN "\",\"name\":\"ci\",\"repo_ids\":[\"" REPO "\"],\"expires_at\":null}"

static const char created[] = ANSWER("201", "", TOKEN_JSON);
static const char gone[] = ANSWER("204", "Content-Length: 0\r\n", "");
static const char busy[] = ANSWER("503", "Retry-After-Ms: 10\r\n", "");

static int create(world *w, ep_relace_call **call, ep_err *err)
{
	const ep_relace_text id = {REPO, sizeof REPO - 1};
	return ep_relace_token_create(call, w->client, (ep_relace_text){"ci", 2}, &id, 1, 900, NULL, err);
}

TEST(a_token_is_made_read_and_deleted)
{
	world w;
	ep_relace_call *call;
	ep_relace_token token;
	open_world(&w, (const char *const[]){created, gone, NULL});
	CHECK_INT_EQ(create(&w, &call, NULL), 0);
	CHECK_INT_EQ(await(&call->op), 0);
	CHECK_INT_EQ(call->status, 201);
	CHECK_INT_EQ(ep_relace_token_read(&token, call, true, &w.secrets, NULL), 0);
	CHECK_STR_EQ(ep_secret_reveal(token.secret, NULL), TOKEN);
	CHECK_STR_EQ(token.name, "ci");
	CHECK_STR_EQ(token.expires_at, NULL);
	CHECK_INT_EQ(token.repo_count, 1);
	CHECK_STR_EQ(token.repo_ids[0], REPO);
	ep_op_release(&call->op);
	CHECK_INT_EQ(ep_relace_token_delete(&call, w.client, token.secret, NULL, NULL), 0);
	ep_buf text = {0};
	call->op.class->describe(&call->op, &text);
	CHECK(strstr(ep_buf_text(&text), "DELETE 127.0.0.1:") && strstr(ep_buf_text(&text), "/v1/repo_token/****"));
	ep_buf_fini(&text);
	CHECK_INT_EQ(await(&call->op), 0);
	ep_op_release(&call->op);
	ep_relace_token_fini(&token);
	CHECK_STR_EQ(w.peer.seen[0], "POST /v1/repo_token HTTP/1.1");
	CHECK_STR_EQ(w.peer.seen[1], "DELETE /v1/repo_token/" TOKEN " HTTP/1.1");
	close_world(&w);
}

TEST(refusals_are_repeated)
{
	world w;
	ep_relace_call *call;
	open_world(&w, (const char *const[]){busy, busy, created, NULL});
	CHECK_INT_EQ(create(&w, &call, NULL), 0);
	CHECK_INT_EQ(await(&call->op), 0);
	CHECK_INT_EQ(call->attempts, 3);
	ep_op_release(&call->op);
	CHECK_INT_EQ(w.peer.count, 3);
	close_world(&w);
}

TEST(a_lost_answer_of_a_create_leaves_doubt)
{
	world w;
	ep_relace_call *call;
	open_world(&w, (const char *const[]){"", NULL});
	CHECK_INT_EQ(create(&w, &call, NULL), 0);
	CHECK_INT_EQ(await(&call->op), EP_EINDOUBT);
	CHECK(call->err.maybe_sent && !call->err.retryable);
	CHECK(strstr(call->err.message, "a token may exist until its ttl ends"));
	CHECK_INT_EQ(call->err.attempts, 1);
	ep_op_release(&call->op);
	CHECK_INT_EQ(w.peer.count, 1);
	close_world(&w);
}

TEST(a_lost_answer_of_a_read_is_asked_for_again)
{
	world w;
	ep_relace_call *call;
	const ep_relace_options quick = {.max_retries = 3, .max_retry_wait = 10};
	open_world(
		&w, (const char *const[]){"", ANSWER("200", "Content-Length: 9\r\n", "{\"a\""), ANSWER("200", "", "{}"), NULL});
	CHECK_INT_EQ(ep_relace_repo_get(&call, w.client, (ep_relace_text){"a", 1}, &quick, NULL), 0);
	CHECK_INT_EQ(await(&call->op), 0);
	CHECK_STR_EQ(ep_buf_text(&call->body), "{}");
	CHECK_INT_EQ(call->attempts, 3);
	ep_op_release(&call->op);
	close_world(&w);
}

TEST(a_cancelled_create_deletes_what_its_answer_brings)
{
	world w;
	ep_relace_call *call;
	open_world(&w, (const char *const[]){created, gone, NULL});
	w.peer.delay = 50000;
	CHECK_INT_EQ(create(&w, &call, NULL), 0);
	ep_op *nap = ep_sleep_start(w.loop, 20 * EP_MSEC);
	await(nap);
	ep_op_release(nap);
	ep_op_cancel(&call->op, EP_ECANCELLED);
	CHECK_INT_EQ(await(&call->op), EP_ECANCELLED);
	CHECK(!call->err.maybe_sent);
	ep_op_release(&call->op);
	CHECK_INT_EQ(w.peer.count, 2);
	CHECK_STR_EQ(w.peer.seen[1], "DELETE /v1/repo_token/" TOKEN " HTTP/1.1");
	close_world(&w);
}

TEST(a_loop_that_closes_waits_for_no_answer)
{
	world w;
	ep_relace_call *call;
	open_world(&w, (const char *const[]){created, NULL});
	w.peer.delay = 100000;
	CHECK_INT_EQ(create(&w, &call, NULL), 0);
	ep_op_release(&call->op); /* a cancel that nobody waits for */
	close_world(&w);
}

/* --- streamed answers --- */

static int start_streamed(world *w, ep_relace_call **call)
{
	ep_relace_request request = ep_relace_request_of("POST", "/x", 2, EP_REPEAT_SAFE, NULL);
	request.stream = true;
	request.body = EP_RELACE_JSON;
	ep_buf_puts(&request.bytes, "{}");
	return ep_relace_start(call, w->client, &request, NULL);
}

/* Reads on until the end or a failure, which is returned. */
static int read_all(ep_relace_call *call, ep_buf *text)
{
	for (;;) {
		ep_http_read *r;
		CHECK_INT_EQ(ep_http_read_start(&r, call->http, 0, NULL), 0);
		int rc = await(&r->op);
		bool end = rc || !r->chunk.len;
		ep_buf_add(text, r->chunk.data, r->chunk.len);
		ep_op_release(&r->op);
		if (end) return rc;
	}
}

TEST(a_streamed_call_ends_with_the_head_of_a_success)
{
	world w;
	ep_relace_call *call;
	ep_buf text = {0};
	open_world(&w, (const char *const[]){busy, "", ANSWER("200", "Content-Length: 5\r\n", "hello"), NULL});
	CHECK_INT_EQ(start_streamed(&w, &call), 0);
	CHECK_INT_EQ(await(&call->op), 0);
	CHECK(call->status == 200 && call->attempts == 3 && !call->body.len);
	CHECK_INT_EQ(read_all(call, &text), 0);
	CHECK_STR_EQ(ep_buf_text(&text), "hello");
	ep_buf_fini(&text);
	ep_op_release(&call->op);
	close_world(&w);
}

TEST(what_fails_behind_the_head_is_not_repeated)
{
	world w;
	ep_relace_call *call;
	ep_buf text = {0};
	open_world(&w, (const char *const[]){ANSWER("200", "Content-Length: 9\r\n", "hello"), NULL});
	CHECK_INT_EQ(start_streamed(&w, &call), 0);
	CHECK_INT_EQ(await(&call->op), 0);
	CHECK_INT_EQ(read_all(call, &text), EP_ETRUNCATED);
	CHECK_STR_EQ(ep_buf_text(&text), "hello");
	ep_buf_fini(&text);
	ep_op_release(&call->op);
	CHECK_INT_EQ(w.peer.count, 1);
	close_world(&w);
}

TEST(a_refusal_of_a_streamed_call_has_its_words)
{
	world w;
	ep_relace_call *call;
	open_world(&w, (const char *const[]){ANSWER("422", "Content-Length: 21\r\n", "{\"error\":\"no query\"}\n"), NULL});
	CHECK_INT_EQ(start_streamed(&w, &call), 0);
	CHECK_INT_EQ(await(&call->op), EP_EUNPROCESSABLE);
	CHECK(strstr(call->err.message, "no query"));
	ep_op_release(&call->op);
	close_world(&w);
}

TEST(releasing_a_streamed_call_ends_its_transfer)
{
	world w;
	ep_relace_call *call;
	ep_http_read *r;
	open_world(&w, (const char *const[]){ANSWER("200", "Content-Length: 9\r\n", ""), NULL});
	w.peer.linger = 200000;
	CHECK_INT_EQ(start_streamed(&w, &call), 0);
	CHECK_INT_EQ(await(&call->op), 0);
	CHECK_INT_EQ(ep_http_read_start(&r, call->http, 0, NULL), 0);
	ep_op_release(&call->op);
	CHECK_INT_EQ(await(&r->op), EP_ECLOSED);
	CHECK(ep_http_ended(r->call));
	ep_op_release(&r->op);
	close_world(&w);
}

/* One round with the nth allocation failing: each step ends well, or with no_memory and nothing lost. */
static bool round_of(world *w, long nth)
{
	ep_relace_call *call;
	ep_err err = {0};
	ep_mem_fail_after(nth);
	int rc = open_client(w, 0, &err);
	if (!rc) rc = create(w, &call, &err);
	if (rc) {
		ep_mem_fail_after(0);
		ep_err_fini(&err);
		ep_relace_client_release(w->client);
		w->client = NULL;
		CHECK_INT_EQ(rc, EP_ENOMEM);
		return false;
	}
	rc = await(&call->op);
	ep_relace_token token = {0};
	int read = rc ? rc : ep_relace_token_read(&token, call, true, &w->secrets, NULL);
	ep_mem_fail_after(0);
	if (rc) CHECK(rc == EP_ENOMEM || rc == EP_ETIMEOUT || rc == EP_EINDOUBT || rc == EP_ECONNECT);
	if (!rc && read) CHECK_INT_EQ(read, EP_ENOMEM);
	ep_relace_token_fini(&token);
	ep_op_release(&call->op);
	ep_relace_client_release(w->client);
	w->client = NULL;
	return !read;
}

TEST(every_allocation_may_fail)
{
	world w;
	open_world(&w, (const char *const[]){created, NULL});
	ep_relace_client_release(w.client);
	w.client = NULL;
	long nth = 1;
	while (nth < 400 && !round_of(&w, nth)) nth++;
	CHECK(nth > 10 && nth < 400);
	close_world(&w);
}
