/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "runtime/relace/answer.h"

static void check_words(const char *body, const char *expected)
{
	ep_buf out = {0};
	ep_answer_words(&out, body, strlen(body));
	CHECK_STR_EQ(ep_buf_text(&out), expected);
	ep_buf_fini(&out);
}

TEST(words_in_their_order)
{
	check_words("{\"error\":\"a\",\"message\":\"b\",\"detail\":\"c\"}", "a");
	check_words("{\"error\":{\"code\":\"x\",\"message\":\"m\"},\"message\":\"b\"}", "m");
	check_words("{\"message\":\"b\",\"detail\":\"c\"}", "b");
	check_words("{\"detail\":\"c\"}", "c");
	check_words(
		"{\"detail\":[{\"loc\":[\"body\",\"name\"],\"msg\":\"field required\"}]}", "field required (body.name)");
	check_words("{\"detail\":[{\"loc\":[\"files\",3,\"content\"],\"msg\":\"too long\"}]}", "too long (files.content)");
	check_words("{\"detail\":[{\"loc\":5,\"msg\":\"wrong\"}]}", "wrong");
	check_words("{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"wrong\"}]}", "wrong");
	check_words("{\"error\":\"\",\"message\":\"b\"}", "b");
}

TEST(words_of_what_is_no_known_shape)
{
	check_words("", "");
	check_words("{\"a\":1}", "{\"a\":1}");
	check_words("[]", "[]");
	check_words("null", "null");
	check_words("upstream\r\nfailed\n", "upstream  failed");
	check_words(" \n", "");
	check_words("{\"error\":\"cut", "{\"error\":\"cut");
	check_words("{\"detail\":[]}", "{\"detail\":[]}");
}

TEST(long_words_are_cut_between_characters)
{
	char body[1000], *p = body;
	for (int i = 0; i < 299; i++) *p++ = 'x';
	memcpy(p, "\xe2\x82\xac\xe2\x82\xac", 7);
	ep_buf out = {0};
	ep_answer_words(&out, body, strlen(body));
	CHECK_INT_EQ(out.len, 299 + 3);
	CHECK_STR_EQ(out.data + 299, "...");
	ep_buf_fini(&out);
}

TEST(a_huge_body_is_shown_by_its_start)
{
	size_t len = 10 << 20;
	char *body = malloc(len);
	memset(body, 'e', len);
	ep_err err = {0};
	ep_answer_error(&err, 500, body, len, NULL);
	CHECK_INT_EQ(err.code, EP_ESERVER);
	CHECK_INT_EQ(err.status, 500);
	CHECK(strlen(err.message) < 400);
	CHECK(strlen(err.detail) < 2100);
	ep_err_fini(&err);
	free(body);
}

TEST(codes_of_statuses)
{
	static const struct {
		int status, code;
	} rows[] = {{302, EP_EREDIRECT}, {400, EP_EBADREQUEST}, {401, EP_EAUTH}, {403, EP_EPERMISSION}, {404, EP_ENOENT},
		{405, EP_EMETHOD}, {408, EP_ETIMEOUT}, {409, EP_ECONFLICT}, {413, EP_ETOOLARGE}, {418, EP_ESTATUS},
		{422, EP_EUNPROCESSABLE}, {423, EP_ELOCKED}, {429, EP_ERATELIMIT}, {500, EP_ESERVER}, {599, EP_ESERVER}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) CHECK_INT_EQ(ep_answer_code(rows[i].status), rows[i].code);
}

TEST(no_secret_in_texts)
{
	ep_secrets all;
	ep_secrets_init(&all);
	ep_secret *key = ep_secret_new(&all, "opensesame", 10);
	const char *body = "{\"error\":\"bad key opensesame and rlcr-00112233445566778899aabbccddeeff00112233\"}";
	ep_err err = {0};
	ep_answer_error(&err, 401, body, strlen(body), &all);
	CHECK(!strstr(err.message, "opensesame") && !strstr(err.detail, "opensesame"));
	CHECK(!strstr(err.message, "0011") && !strstr(err.detail, "0011"));
	CHECK(strstr(err.message, "bad key **** and rlcr-****"));
	ep_err_fini(&err);
	/* One that the cut of the detail would split. */
	char page[400];
	memset(page, 'x', sizeof page);
	memcpy(page + 195, "opensesame", 10);
	ep_answer_no_json(&err, 200, "it is HTML", page, sizeof page, &all);
	CHECK(!strstr(err.detail, "opens"));
	CHECK_INT_EQ(err.code, EP_EJSON);
	ep_err_fini(&err);
	ep_secret_release(key);
	ep_secrets_fini(&all);
}
