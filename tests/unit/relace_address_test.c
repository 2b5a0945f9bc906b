/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "runtime/relace/address.h"

static void check_base(const char *url, const char *expected)
{
	ep_buf out = {0};
	ep_err err = {0};
	CHECK_INT_EQ(ep_relace_base_url(&out, url, strlen(url), false, &err), 0);
	CHECK_STR_EQ(ep_buf_text(&out), expected);
	ep_buf_fini(&out);
}

static void check_no_base(const char *url, const char *word)
{
	ep_buf out = {0};
	ep_err err = {0};
	if (ep_relace_base_url(&out, url, strlen(url), false, &err) != EP_EINVAL) TEST_FAIL("accepted: %s", url);
	if (!strstr(err.message, word)) TEST_FAIL("\"%s\" has no \"%s\"", err.message, word);
	CHECK(!strstr(err.message, "sesame"));
	ep_err_fini(&err);
	ep_buf_fini(&out);
}

TEST(base_urls)
{
	check_base("https://api.relace.run/v1", "https://api.relace.run/v1");
	check_base(" HTTPS://api.relace.run/v1/ ", "https://api.relace.run/v1");
	check_base("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1");
	check_base("http://localhost:1", "http://localhost:1");
	check_base("http://localhost:65535/", "http://localhost:65535");
	check_base("http://[::1]:80/v1", "http://[::1]:80/v1");
	check_base("https://a/v1//", "https://a/v1/");
}

TEST(base_urls_that_are_none)
{
	check_no_base("", "must start with");
	check_no_base("api.relace.run/v1", "must start with");
	check_no_base("ftp://a/v1", "must start with");
	check_no_base("file:///etc/passwd", "must start with");
	check_no_base("https://", "no host");
	check_no_base("https:///v1", "no host");
	check_no_base("https://token:sesame@a/v1", "no credentials");
	check_no_base("https://sesame@a/v1", "no credentials");
	check_no_base("https://a/v1?key=sesame", "no query");
	check_no_base("https://a/v1#x", "no query");
	check_no_base("https://a:0/v1", "port");
	check_no_base("https://a:65536/v1", "port");
	check_no_base("https://a:99999999999999999999/v1", "port");
	check_no_base("https://a:8x/v1", "port");
	check_no_base("https://a:/v1", "port");
	check_no_base("https://[::1/v1", "]");
	check_no_base("https://a b/v1", "0x20");
	check_no_base("https://a/v1\r\nX: y", "0x0d");
	check_no_base("https://a\\b/v1", "0x5c");
	check_no_base("https://a/../v1", "'..'");
	check_no_base("http://example.com/v1", "https://");
	check_no_base("http://127.evil.com/v1", "https://");
	check_no_base("http://127.0.0.1.evil.com/v1", "https://");
	check_no_base("http://localhost.evil.com/v1", "https://");
}

TEST(http_to_others_when_told)
{
	ep_buf out = {0};
	CHECK_INT_EQ(ep_relace_base_url(&out, "http://10.0.0.1/v1", 18, true, NULL), 0);
	ep_buf_fini(&out);
}

static int check_id(const char *id, size_t len)
{
	ep_err err = {0};
	int rc = ep_relace_check_id(id, len, "repo_id", &err);
	if (rc) CHECK(strstr(err.message, "repo_id"));
	ep_err_fini(&err);
	return rc;
}

TEST(ids)
{
	CHECK_INT_EQ(check_id("5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21", 36), 0);
	CHECK_INT_EQ(check_id("A_1", 3), 0);
	CHECK_INT_EQ(check_id("", 0), EP_EINVAL);
	CHECK_INT_EQ(check_id("-x", 2), EP_EINVAL);
	CHECK_INT_EQ(check_id("..", 2), EP_EINVAL);
	CHECK_INT_EQ(check_id("a/b", 3), EP_EINVAL);
	CHECK_INT_EQ(check_id("a.git", 5), EP_EINVAL);
	CHECK_INT_EQ(check_id("a\n", 2), EP_EINVAL);
	CHECK_INT_EQ(check_id("a\0b", 3), EP_EINVAL);
	CHECK_INT_EQ(check_id("a%2f", 4), EP_EINVAL);
	CHECK_INT_EQ(check_id("\xc3\xa9", 2), EP_EINVAL);
	char longest[129];
	memset(longest, 'a', sizeof longest);
	CHECK_INT_EQ(check_id(longest, 128), 0);
	CHECK_INT_EQ(check_id(longest, 129), EP_EINVAL);
}

static int check_path(const char *path) { return ep_relace_check_path(path, strlen(path), "path", NULL); }

TEST(paths_of_requests)
{
	CHECK_INT_EQ(check_path("/repo"), 0);
	CHECK_INT_EQ(check_path("/repo/a/file/src%2Fa.c"), 0);
	CHECK_INT_EQ(check_path("/repo/a/file/..."), 0);
	CHECK_INT_EQ(check_path("/a/.b"), 0);
	CHECK_INT_EQ(check_path(""), EP_EINVAL);
	CHECK_INT_EQ(check_path("repo"), EP_EINVAL);
	CHECK_INT_EQ(check_path("//evil.com/x"), EP_EINVAL);
	CHECK_INT_EQ(check_path("/repo/.."), EP_EINVAL);
	CHECK_INT_EQ(check_path("/repo/%2e%2E/x"), EP_EINVAL);
	CHECK_INT_EQ(check_path("/repo/.%2e"), EP_EINVAL);
	CHECK_INT_EQ(check_path("/repo/./x"), EP_EINVAL);
	CHECK_INT_EQ(check_path("/repo?x=1"), EP_EINVAL);
	CHECK_INT_EQ(check_path("/repo#x"), EP_EINVAL);
	CHECK_INT_EQ(check_path("/repo x"), EP_EINVAL);
	CHECK_INT_EQ(check_path("/repo\r\nX: y"), EP_EINVAL);
	CHECK_INT_EQ(check_path("/r\xc3\xa9po"), EP_EINVAL);
}

static int check_target(const char *target) { return ep_relace_check_target(target, strlen(target), "path", NULL); }

TEST(paths_with_queries)
{
	CHECK_INT_EQ(check_target("/repo"), 0);
	CHECK_INT_EQ(check_target("/repo?"), 0);
	CHECK_INT_EQ(check_target("/repo?page_size=1&x=..%2F/../?"), 0);
	CHECK_INT_EQ(check_target("?page_size=1"), EP_EINVAL);
	CHECK_INT_EQ(check_target("@evil.com/"), EP_EINVAL);
	CHECK_INT_EQ(check_target("/repo/../x?a"), EP_EINVAL);
	CHECK_INT_EQ(check_target("/repo?a b"), EP_EINVAL);
	CHECK_INT_EQ(check_target("/repo?a#b"), EP_EINVAL);
	CHECK_INT_EQ(check_target("/repo?a\r\nX: y"), EP_EINVAL);
	CHECK_INT_EQ(check_target("/repo?\xc3\xa9"), EP_EINVAL);
}

TEST(credentials)
{
	CHECK_INT_EQ(ep_relace_check_credential("rlc-x", 5, "api_key", NULL), 0);
	CHECK_INT_EQ(ep_relace_check_credential("any thing", 9, "api_key", NULL), EP_EINVAL);
	CHECK_INT_EQ(ep_relace_check_credential("", 0, "api_key", NULL), EP_EINVAL);
	CHECK_INT_EQ(ep_relace_check_credential("a\r\nb", 4, "api_key", NULL), EP_EINVAL);
	CHECK_INT_EQ(ep_relace_check_credential("a\0b", 3, "api_key", NULL), EP_EINVAL);
}

static void check_shown(const char *path, const char *expected)
{
	ep_buf out = {0};
	ep_relace_show_path(&out, path, strlen(path));
	CHECK_STR_EQ(ep_buf_text(&out), expected);
	ep_buf_fini(&out);
}

TEST(shown_paths_hide_tokens)
{
	check_shown("a/v1/repo_token", "a/v1/repo_token");
	check_shown("a/v1/repo_token/", "a/v1/repo_token/");
	check_shown("a/v1/repo_token/secret", "a/v1/repo_token/****");
	check_shown("a/v1/repo_token/se%20cret/more", "a/v1/repo_token/****");
	check_shown("a/v1/repo?page_size=1", "a/v1/repo");
}
