/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/secret.h"

#include "runtime/base/mem.h"
#include "test.h"

static const char key[] = "rlc-0123456789abcdefghijklmnopqrstuv";
static const char token[] = "rlcr-00112233445566778899aabbccddeeff00112233";

static void masks_to(const ep_secrets *all, const char *text, const char *expected)
{
	ep_buf b = {0};
	CHECK_INT_EQ(ep_mask(&b, all, text, strlen(text)), 0);
	CHECK_STR_EQ(ep_buf_text(&b), expected);
	ep_buf_fini(&b);
}

TEST(reveal_and_count)
{
	ep_secret *s = ep_secret_new(NULL, "a\0b", 3);
	size_t len = 0;
	CHECK(ep_secret_retain(s) == s);
	ep_secret_release(s);
	CHECK_MEM_EQ(ep_secret_reveal(s, &len), "a\0b", 4);
	CHECK_INT_EQ(len, 3);
	ep_secret_release(s);
	ep_secret_release(NULL);
}

TEST(how_it_prints)
{
	static const char *const cases[][2] = {{token, "rlcr-****"}, {key, "rlc-****"}, {"password", "****"}, {"", "****"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ep_secret *s = ep_secret_new(NULL, cases[i][0], strlen(cases[i][0]));
		CHECK_STR_EQ(ep_secret_masked(s), cases[i][1]);
		ep_secret_release(s);
	}
}

TEST(known_secrets_are_hidden_while_they_live)
{
	ep_secrets all;
	ep_secrets_init(&all);
	ep_secret *s = ep_secret_new(&all, "hunter2!", 8), *longer = ep_secret_new(&all, "hunter2!more", 12);
	ep_secret *brief = ep_secret_new(&all, "abc", 3);
	masks_to(&all, "hunter2!", "****");
	masks_to(&all, "x hunter2! y hunter2!more z hunter2", "x **** y **** z hunter2");
	masks_to(&all, "hunter2!hunter2!", "********");
	masks_to(&all, "abc", "abc"); /* short ones would mask half of any text */
	masks_to(&all, "", "");
	ep_secret_release(longer);
	masks_to(&all, "hunter2!more", "****more");
	ep_secret_release(s);
	masks_to(&all, "hunter2!", "hunter2!");
	ep_secrets_fini(&all);
	ep_secret_release(brief);
}

TEST(what_looks_like_a_credential_is_hidden_always)
{
	masks_to(NULL, "Bearer rlc-0123456789abcdefghijklmnopqrstuv.", "Bearer rlc-****.");
	masks_to(NULL, "rlcr-00112233445566778899aabbccddeeff00112233", "rlcr-****");
	masks_to(NULL, "\"rlc-a_b-c0123456789\"", "\"rlc-****\"");
	masks_to(NULL, "the prefix rlc- alone, and rlc-short", "the prefix rlc- alone, and rlc-short");
	masks_to(NULL, "curlc-0123456789", "curlc-0123456789");
	masks_to(NULL, "Basic dG9rZW46cmxjci1/YWJjZA== x", "Basic **** x");
	masks_to(NULL, "dG9rZW4", "dG9rZW4");
	masks_to(NULL, "https://token:s3cr3t@host/x", "https://****@host/x");
	masks_to(NULL, "https://host/a@b", "https://host/a@b");
	masks_to(NULL, "a://u:p@h b://c:d@e", "a://****@h b://****@e");
}

TEST(masking_fails_rather_than_show)
{
	for (long nth = 1;; nth++) {
		ep_buf b = {0};
		char text[300];
		snprintf(text, sizeof text, "%200s %s %s", "words", token, key);
		ep_mem_fail_after(nth);
		int rc = ep_mask(&b, NULL, text, strlen(text));
		ep_mem_fail_after(0);
		CHECK(strstr(ep_buf_text(&b), token + 5) == NULL && strstr(ep_buf_text(&b), key + 4) == NULL);
		ep_buf_fini(&b);
		if (!rc) break;
	}
}

TEST(the_set_may_end_first)
{
	ep_secrets all;
	ep_secrets_init(&all);
	ep_secret *s = ep_secret_new(&all, "lives on", 8);
	ep_secrets_fini(&all);
	CHECK_STR_EQ(ep_secret_reveal(s, NULL), "lives on");
	ep_secret_release(s);
}
