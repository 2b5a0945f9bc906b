/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/check.h"

#include "tests/support/test.h"

static int ref(const char *name) { return ep_git_ref_check(name, strlen(name), NULL); }

TEST(refs)
{
	static const char *const good[] = {"main", "feature/x", "v1.0", "a@b", "ü", "x{y", "HEAD", "a-b", "refs/heads/a"};
	static const char *const bad[] = {"", "-b", "--upload-pack=x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[b",
		"a\\b", "/a", "a/", "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "@", "a@{1}", "a\nb", "a\tb", "a\177"};
	char text[512];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (ref(good[i])) TEST_FAIL("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (ref(bad[i]) != EP_EINVAL) TEST_FAIL("accepted: %s", bad[i]);
	CHECK_INT_EQ(ep_git_ref_check("a\0b", 3, NULL), EP_EINVAL);
	memset(text, 'a', sizeof text);
	CHECK_INT_EQ(ep_git_ref_check(text, 250, NULL), 0);
	CHECK_INT_EQ(ep_git_ref_check(text, 251, NULL), EP_EINVAL);
}

/* Every name of up to three characters of those that matter is judged as git does. */
TEST(refs_as_git)
{
	static const char chars[] = "a.-/@{~";
	char name[4], verdict[8], path[256], command[300];
	snprintf(path, sizeof path, "%s/refs", getenv("TMPDIR"));
	snprintf(command, sizeof command, "sh %s", path);
	FILE *script = fopen(path, "w");
	for (int i = 0; i < 7 * 7 * 7; i++) {
		snprintf(name, sizeof name, "%c%c%c", chars[i / 49], chars[i / 7 % 7], chars[i % 7]);
		fprintf(script, "if git check-ref-format --branch '%s' >/dev/null 2>&1; then echo 1; else echo 0; fi\n", name);
	}
	fclose(script);
	FILE *git = popen(command, "r");
	for (int i = 0; i < 7 * 7 * 7; i++) {
		snprintf(name, sizeof name, "%c%c%c", chars[i / 49], chars[i / 7 % 7], chars[i % 7]);
		CHECK(fgets(verdict, sizeof verdict, git));
		/* With --branch, git takes "@{-1}" and the like for other names; those are refused here. */
		if ((ref(name) == 0) != (verdict[0] == '1')) TEST_FAIL("'%s': git says %c", name, verdict[0]);
	}
	pclose(git);
	unlink(path);
}

TEST(filters)
{
	static const char *const good[] = {
		"blob:none", "blob:limit=10k", "tree:0", "object:type=tree", "combine:blob:none+tree:1"};
	static const char *const bad[] = {"", "-x", "--blob:none", "sparse:oid=x", "blob:limit=1 2", "tree:0\n", "file:x"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK_INT_EQ(ep_git_filter_check(good[i], strlen(good[i]), NULL), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (ep_git_filter_check(bad[i], strlen(bad[i]), NULL) != EP_EINVAL) TEST_FAIL("accepted: %s", bad[i]);
	CHECK_INT_EQ(ep_git_filter_check("tree:\0", 6, NULL), EP_EINVAL);
}

static int url(const char *text)
{
	ep_git_url u;
	int rc = ep_git_url_read(&u, text, strlen(text), false, NULL);
	ep_git_url_fini(&u);
	return rc;
}

TEST(urls)
{
	static const char *const bad[] = {"", "http://", "https://", "https:///x", "https://h", "https://h/", "ftp://h/x",
		"file:///x", "ssh://h/x", "h:x", "/x", "-x", "https://u@h/x", "https://u:p@h/x", "https://h/x?y",
		"https://h/x#y", "https://h/a b", "https://h/a\nb", "https://h/%0a", "https://h/%00", "https://h/%zz",
		"https://h/%4", "https://h:x/y", "https://h:/y", "https://h:123456/y", "https://-h/y", "https://h*/y",
		"https://[::1/y", "https://[x]/y", "http://example.com/x", "http://127.0.0.1.example.com/x",
		"http://127.example.com/x", "http://localhost.example.com/x", "http://[::2]/x"};
	static const char *const good[] = {"https://h/x", "https://a.b-c.d:8443/v1/repo/x.git", "http://127.0.0.1:80/x",
		"http://localhost/x", "http://127.9.9.9/x", "http://[::1]:9/x", "https://[2001:db8::1]/x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (url(bad[i]) != EP_EINVAL) TEST_FAIL("accepted: %s", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (url(good[i])) TEST_FAIL("refused: %s", good[i]);
}

TEST(parts_of_a_url)
{
	ep_git_url u;
	ep_err err = {0};
	const char *text = "https://Host.example:8443/v1/a%20b/x.git/";
	CHECK_INT_EQ(ep_git_url_read(&u, text, strlen(text), false, NULL), 0);
	CHECK_STR_EQ(u.scheme, "https");
	CHECK_STR_EQ(u.host, "Host.example:8443");
	CHECK_STR_EQ(u.path, "v1/a b/x.git");
	CHECK_STR_EQ(u.scope, "https://Host.example:8443");
	CHECK_STR_EQ(u.text, text);
	ep_git_url_fini(&u);
	CHECK_INT_EQ(ep_git_url_read(&u, "http://example.com/x", 20, true, NULL), 0);
	ep_git_url_fini(&u);
	CHECK_INT_EQ(ep_git_url_read(&u, "https://token:hunter22@h/x", 26, false, &err), EP_EINVAL);
	CHECK(!strstr(ep_err_message(&err), "hunter22"));
	ep_err_fini(&err);
}
