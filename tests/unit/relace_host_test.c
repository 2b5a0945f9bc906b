/* SPDX-License-Identifier: Apache-2.0 */
/* timeout: 120 */
/* epact_relace.h: the round of an agent from C, without Lua, on a local server. */
#include <epact_relace.h>
#include <sys/stat.h>

#include "test.h"
#include "server_thread.h"

static server_thread server;

typedef struct seen {
	int calls, code, status;
	char text[256], slug[32];
	epact_value *value;
} seen;

static void on_done(void *arg, const epact_result *result)
{
	seen *s = arg;
	s->calls++;
	s->code = result->failure ? result->failure->code : 0;
	s->status = result->failure ? result->failure->status : 0;
	snprintf(s->text, sizeof s->text, "%s", result->failure ? result->failure->text : "");
	snprintf(s->slug, sizeof s->slug, "%s", result->failure ? result->failure->slug : "");
	epact_value_free(s->value);
	s->value = result->count ? epact_value_copy(&result->values[0]) : NULL;
}

static epact_relace *open_with(const char *key, struct uv_loop_s *loop)
{
	epact_relace *r;
	const epact_relace_options options = {
		.size = sizeof options, .loop = loop, .api_key = key, .base_url = server.url, .max_retries = -1};
	CHECK_INT_EQ(epact_relace_open(&r, &options), 0);
	return r;
}

/* Behind the start of a call: what it came to. */
static const epact_value *ran(epact_relace *r, seen *s)
{
	CHECK_INT_EQ(s->calls, 0);
	CHECK_INT_EQ(epact_relace_run(r), 0);
	CHECK_INT_EQ(s->calls, 1);
	if (s->code) TEST_FAIL("%s", s->text);
	return s->value;
}

static seen forgotten(const seen *s)
{
	epact_value_free(s->value);
	return (seen){0};
}

static const char *text_at(const epact_value *map, const char *key)
{
	const epact_value *v = epact_get(map, key);
	if (!v || v->type != EPACT_STRING) TEST_FAIL("there is no text '%s'", key);
	return v->as.string;
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void make_path(char path[256], const char *name) { snprintf(path, 256, "%s/%s", getenv("TMPDIR"), name); }

TEST(the_round_of_an_agent)
{
	char source[256], work[256], id[64], token[128];
	seen s = {0};
	server_start(&server);
	make_path(source, "source");
	make_path(work, "work");
	CHECK_INT_EQ(mkdir(source, 0700), 0);
	write_file(source, "README.md", "# Hello\n");
	epact_relace *r = open_with(server.key, NULL);
	CHECK_INT_EQ(epact_relace_repo_create(NULL, r, source, on_done, &s), 0);
	snprintf(id, sizeof id, "%s", text_at(ran(r, &s), "repo_id"));
	s = forgotten(&s);
	const char *repos[] = {id};
	CHECK_INT_EQ(epact_relace_token_create(NULL, r, "agent", repos, 1, 600, on_done, &s), 0);
	snprintf(token, sizeof token, "%s", text_at(ran(r, &s), "token"));
	s = forgotten(&s);

	epact_relace *agent = open_with(token, NULL);
	CHECK_INT_EQ(epact_relace_clone(NULL, agent, id, work, NULL, 1, on_done, &s), 0);
	CHECK_STR_EQ(text_at(ran(agent, &s), "directory"), work);
	CHECK_STR_EQ(text_at(s.value, "branch"), "main");
	s = forgotten(&s);
	write_file(work, "NEW.md", "new\n");
	CHECK_INT_EQ(epact_relace_overwrite(NULL, agent, id, work, 0, on_done, &s), 0);
	CHECK(epact_get(ran(agent, &s), "repo_head") != NULL);
	s = forgotten(&s);
	char path[128];
	snprintf(path, sizeof path, "/repo/%s/file/NEW.md", id);
	CHECK_INT_EQ(epact_relace_request(NULL, agent, "GET", path, NULL, 0, on_done, &s), 0);
	CHECK_STR_EQ(ran(agent, &s)->as.string, "new\n");
	s = forgotten(&s);

	CHECK_INT_EQ(epact_relace_token_delete(NULL, r, token, on_done, &s), 0);
	CHECK(ran(r, &s) == NULL);
	s = forgotten(&s);
	CHECK_INT_EQ(epact_relace_clone(NULL, agent, id, path + 1, NULL, 1, on_done, &s), 0);
	epact_relace_run(agent);
	CHECK_INT_EQ(s.code, EPACT_EAUTH);
	CHECK_STR_EQ(s.slug, "authentication");
	CHECK(!strstr(s.text, token));
	s = forgotten(&s);
	CHECK_INT_EQ(epact_relace_repo_delete(NULL, r, id, on_done, &s), 0);
	ran(r, &s);
	CHECK_INT_EQ(epact_relace_request(NULL, r, "POST", "/repo_token", "{}", 2, on_done, &s), 0);
	epact_relace_run(r);
	CHECK(s.code == EPACT_EUNPROCESSABLE || s.code == EPACT_EBADREQUEST);
	CHECK(s.status >= 400);
	s = forgotten(&s);
	epact_relace_close(agent, NULL, NULL);
	epact_relace_close(r, NULL, NULL);
	server_stop(&server);
	CHECK_INT_EQ(system("exec rm -rf -- \"$TMPDIR\"/work \"$TMPDIR\"/source"), 0);
}

TEST(bad_arguments_come_by_the_callback)
{
	seen s = {0};
	server_start(&server);
	epact_relace *r = open_with(server.key, NULL);
	CHECK_INT_EQ(epact_relace_repo_delete(NULL, r, "../x", on_done, &s), 0);
	CHECK_INT_EQ(s.calls, 0);
	epact_relace_run(r);
	CHECK_INT_EQ(s.code, EPACT_EINVAL);
	CHECK_INT_EQ(epact_relace_request(NULL, r, "STEAL", "/repo", NULL, 0, on_done, &s), 0);
	epact_relace_run(r);
	CHECK_STR_EQ(s.text, "'STEAL' is not GET, POST, PUT, PATCH or DELETE");
	CHECK_INT_EQ(epact_relace_clone(NULL, r, "no-such-repo", "--upload-pack=x", NULL, 1, on_done, &s), 0);
	epact_relace_run(r);
	CHECK_INT_EQ(s.calls, 3);
	CHECK(s.code != 0);
	epact_relace_close(r, NULL, NULL);
	server_stop(&server);
}

/* Each fails by its callback; an overwrite with nothing would empty the repo. */
TEST(what_is_null_is_a_bad_argument)
{
	char id[64];
	seen s = {0};
	server_start(&server);
	epact_relace *r = open_with(server.key, NULL);
	CHECK_INT_EQ(epact_relace_repo_create(NULL, r, NULL, on_done, &s), 0);
	snprintf(id, sizeof id, "%s", text_at(ran(r, &s), "repo_id"));
	s = forgotten(&s);
	const char *const none[] = {NULL};
	CHECK_INT_EQ(epact_relace_overwrite(NULL, r, id, NULL, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_overwrite(NULL, r, NULL, "/tmp", 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_clone(NULL, r, NULL, NULL, NULL, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_clone(NULL, r, id, NULL, NULL, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_token_create(NULL, r, NULL, none, 1, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_token_create(NULL, r, "x", none, 1, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_token_create(NULL, r, "x", NULL, 2, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_token_create(NULL, r, "x", NULL, 0, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_token_delete(NULL, r, NULL, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_repo_delete(NULL, r, NULL, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_request(NULL, r, NULL, "/repo", NULL, 0, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_request(NULL, r, "GET", NULL, NULL, 0, on_done, &s), 0);
	for (int calls = 0; calls < 12; calls = s.calls) {
		CHECK_INT_EQ(epact_relace_run(r), 0);
		CHECK_INT_EQ(s.code, EPACT_EINVAL);
	}
	epact_relace_close(r, NULL, NULL);
	epact_relace_close(NULL, NULL, NULL);
	server_stop(&server);
}

TEST(settings_that_cannot_be)
{
	char why[200] = "";
	epact_relace *r;
	epact_relace_options options = {.size = sizeof options, .why = why, .why_size = sizeof why};
	CHECK_INT_EQ(epact_relace_open(&r, &options), EPACT_EINVAL);
	CHECK_STR_EQ(why, "api_key is missing");
	options.api_key = "rlc-secret-key-of-mine";
	options.base_url = "http://example.com/v1?key=rlc-secret-key-of-mine";
	CHECK_INT_EQ(epact_relace_open(&r, &options), EPACT_EINVAL);
	CHECK(*why && !strstr(why, "secret-key"));
	CHECK_INT_EQ(epact_relace_open(&r, NULL), EPACT_EINVAL);
}

static int closed;

static void on_closed(void *arg)
{
	CHECK_INT_EQ(((seen *)arg)->calls, 4);
	closed++;
}

/* Four calls under way on a lent loop are cancelled, or their client is closed, at each turn. */
static bool end_at(int turns, bool cancel)
{
	uv_loop_t host;
	char work[256];
	seen s = {0};
	epact_relace_call *calls[4];
	make_path(work, "cut");
	closed = 0;
	CHECK_INT_EQ(uv_loop_init(&host), 0);
	epact_relace *r = open_with(server.key, &host);
	CHECK_INT_EQ(epact_relace_request(&calls[0], r, "GET", "/repo", NULL, 0, on_done, &s), 0);
	CHECK_INT_EQ(
		epact_relace_clone(&calls[1], r, "00000000-0000-0000-0000-000000000000", work, NULL, 1, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_overwrite(&calls[2], r, "none", getenv("TMPDIR"), 1, on_done, &s), 0);
	CHECK_INT_EQ(epact_relace_repo_delete(&calls[3], r, "/", on_done, &s), 0);
	for (int i = 0; i < turns && s.calls < 4; i++) uv_run(&host, UV_RUN_ONCE);
	bool early = s.calls < 4;
	for (int i = 0; cancel && !s.calls && i < 4; i++) epact_relace_cancel(calls[i]);
	epact_relace_close(r, on_closed, &s);
	CHECK_INT_EQ(epact_relace_request(NULL, r, "GET", "/repo", NULL, 0, on_done, &s), EPACT_ECLOSED);
	uv_run(&host, UV_RUN_DEFAULT);
	epact_value_free(s.value);
	CHECK_INT_EQ(s.calls, 4);
	CHECK_INT_EQ(closed, 1);
	CHECK_INT_EQ(uv_loop_close(&host), 0);
	return early;
}

TEST(close_and_cancel_at_every_turn)
{
	server_start(&server);
	for (int cancel = 0; cancel < 2; cancel++)
		for (int turns = 0; end_at(turns, cancel); turns++) continue;
	server_stop(&server);
	CHECK_INT_EQ(system("exec rm -rf -- \"$TMPDIR\"/*"), 0);
}
