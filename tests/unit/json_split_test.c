/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json_split.h"

#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "test.h"

/* Writes each element in angle brackets, of a document that comes in pieces of n. Returns the first failure. */
static int split(ep_buf *out, const char *doc, size_t len, size_t n, size_t max, ep_err *err)
{
	ep_json_split s;
	int rc = 0;
	ep_json_split_init(&s, "files", max);
	for (size_t from = 0; from < len && rc >= 0; from += n) {
		char piece[512];
		size_t size = len - from < n ? len - from : n, element_len;
		memcpy(piece, doc + from, size);
		const char *at = piece, *element;
		while ((rc = ep_json_split_next(&s, &at, piece + size, &element, &element_len, err)) > 0) {
			ep_json *value = NULL;
			int bad = ep_json_parse(&value, element, element_len, NULL, NULL);
			ep_buf_printf(out, "<%.*s>%s", (int)element_len, element, bad ? "!" : "");
			ep_json_free(value);
		}
	}
	if (!rc) rc = ep_json_split_end(&s, err);
	ep_json_split_fini(&s);
	return rc;
}

static void check_split(int line, const char *doc, size_t max, const char *expected, int code, const char *words)
{
	for (size_t n = 1; n <= strlen(doc) + 1; n++) {
		ep_buf out = {0};
		ep_err err = {0};
		int rc = split(&out, doc, strlen(doc), n, max, &err);
		if (rc != code || strcmp(ep_buf_text(&out), expected) || (words && !strstr(ep_err_message(&err), words)))
			TEST_FAIL(
				"line %d, pieces of %zu: %d %s, %s", line, n, rc, ep_buf_text(&out), rc ? ep_err_message(&err) : "");
		ep_buf_fini(&out);
		ep_err_fini(&err);
	}
}

#define CHECK_SPLIT(doc, expected) check_split(__LINE__, doc, 0, expected, 0, NULL)
#define CHECK_FAILS(doc, expected, words) check_split(__LINE__, doc, 0, expected, EP_EJSON, words)

TEST(elements_come_one_by_one)
{
	CHECK_SPLIT("{\"files\":[]}", "");
	CHECK_SPLIT(" {\"files\" : [ \n] } \n", "");
	CHECK_SPLIT("{\"files\":[1]}", "<1>");
	CHECK_SPLIT(
		"{\"files\":[{\"filename\":\"a\"},{\"filename\":\"b\"}]}", "<{\"filename\":\"a\"}><{\"filename\":\"b\"}>");
	CHECK_SPLIT("{\"files\":[ 1 , [2,[3,{}]] ]}", "< 1 >< [2,[3,{}]] >");
	CHECK_SPLIT("{\"files\":[\"a,]}\\\"\",\"\\\\\",\"[\"]}", "<\"a,]}\\\"\"><\"\\\\\"><\"[\">");
}

TEST(other_members_may_stand_anywhere)
{
	CHECK_SPLIT("{}", "");
	CHECK_SPLIT("{\"files\":null}", "");
	CHECK_SPLIT("{\"a\":[1,2],\"files\":[3],\"b\":{\"files\":[4]}}", "<3>");
	CHECK_SPLIT("{\"a\":\"files\",\"b\":[{\"files\":[1]}],\"fil\\u0065s\":[2]}", "<2>");
	CHECK_SPLIT("{\"a\":{\"files\":[1]},\"files\":[2],\"files2\":[3],\"x\":\"\\\"files\\\":[\"}", "<2>");
}

TEST(what_is_no_json_is_refused)
{
	CHECK_FAILS("", "", "empty");
	CHECK_FAILS("  ", "", "empty");
	CHECK_FAILS("[1]", "", "no object");
	CHECK_FAILS("<html>", "", "no object");
	CHECK_FAILS("{\"files\":[1,2", "<1>", "ends before");
	CHECK_FAILS("{\"files\":[1,2]", "<1><2>", "ends before");
	CHECK_FAILS("{\"files\":[\"a", "", "ends before");
	CHECK_FAILS("{\"files\":[1]}x", "<1>", "behind");
	CHECK_FAILS("{\"files\":[1]}{}", "<1>", "behind");
	CHECK_FAILS("{\"files\":[1}]", "", "bracket");
	CHECK_FAILS("{\"files\":[1],}", "<1>", "beside");
	CHECK_FAILS("{\"files\":[1] \"a\":2}", "<1>", "beside");
	CHECK_FAILS("{\"files\" [1]}", "", "beside");
	CHECK_FAILS("{\"files\":1 [2]}", "<2>", "beside");
	CHECK_FAILS("{\"a\":\"\xff\"}", "", "beside");
	CHECK_FAILS("{\"files\":[1],\"files\":[2]}", "<1>", "twice");
	CHECK_FAILS("{\"files\":{}}", "", "no array");
	CHECK_FAILS("{\"files\":\"\"}", "", "no array");
	CHECK_FAILS("{]", "", "beside");
	CHECK_FAILS("{\"a\":1 \t\n 2}", "", "beside");
}

TEST(what_is_no_json_within_an_element_is_left_to_its_reader)
{
	CHECK_SPLIT("{\"files\":[1,]}", "<1><>!");
	CHECK_SPLIT("{\"files\":[,1]}", "<>!<1>");
	CHECK_SPLIT("{\"files\":[1 2,{\"a\":1]]}", "<1 2>!<{\"a\":1]>!");
}

TEST(an_element_has_a_limit)
{
	check_split(__LINE__, "{\"files\":[1,\"0123456789\",2]}", 8, "<1>", EP_ETOOLARGE, "8 bytes");
	check_split(__LINE__, "{\"files\":[\"012345\",\"abcdef\"]}", 8, "<\"012345\"><\"abcdef\">", 0, NULL);
}

TEST(what_stands_beside_the_elements_has_a_limit)
{
	ep_json_split s;
	ep_err err = {0};
	const char *element, *at;
	size_t len;
	char text[1024];
	int rc = 0, rounds = 0;
	memset(text, 'x', sizeof text);
	memcpy(text, "{\"", 2);
	ep_json_split_init(&s, "files", 0);
	do {
		at = text + (rounds ? 2 : 0);
		rc = ep_json_split_next(&s, &at, text + sizeof text, &element, &len, &err);
	} while (!rc && ++rounds < 4096);
	CHECK_INT_EQ(rc, EP_ETOOLARGE);
	CHECK(rounds > 1000 && strstr(err.message, "beside"));
	at = text;
	CHECK_INT_EQ(ep_json_split_next(&s, &at, text + 1, &element, &len, NULL), EP_ETOOLARGE);
	CHECK_INT_EQ(ep_json_split_end(&s, NULL), EP_ETOOLARGE);
	ep_err_fini(&err);
	ep_json_split_fini(&s);
}

TEST(every_allocation_may_fail)
{
	static const char doc[] = "{\"a\":1,\"fil\\u0065s\":[{\"b\":2},3]}";
	int rc = EP_ENOMEM;
	long nth = 1;
	for (; rc; nth++) {
		ep_buf out = {0};
		ep_buf_reserve(&out, 100);
		ep_mem_fail_after(nth);
		rc = split(&out, doc, sizeof doc - 1, 7, 0, NULL);
		ep_mem_fail_after(0);
		if (rc) CHECK(rc == EP_ENOMEM || rc == EP_EJSON); /* a key that could not be read is none */
		ep_buf_fini(&out);
	}
	CHECK(nth > 3);
}
