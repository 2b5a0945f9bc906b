/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "runtime/base/path.h"

static int check_file(const char *path, size_t len)
{
	ep_err err = {0};
	int rc = ep_repo_path_check(path, len, "filename", &err);
	CHECK_INT_EQ(err.code, rc);
	CHECK_INT_EQ(ep_repo_path_check(path, len, NULL, NULL), rc);
	if (rc) CHECK(!strncmp(err.message, "filename '", 10));
	ep_err_fini(&err);
	return rc;
}

#define CHECK_FILE(text) check_file(text, sizeof(text) - 1)

TEST(rules)
{
	CHECK_INT_EQ(CHECK_FILE("a"), 0);
	CHECK_INT_EQ(CHECK_FILE("src/a b.c"), 0);
	CHECK_INT_EQ(CHECK_FILE("\xc3\xa9/..."), 0);
	CHECK_INT_EQ(CHECK_FILE(".github/x"), 0);
	CHECK_INT_EQ(CHECK_FILE("-rf"), 0);
	CHECK_INT_EQ(CHECK_FILE(""), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("/etc/passwd"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a//b"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a/"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a/./b"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("../b"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a/.."), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a/.GiT/config"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a\\b"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a\nb"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a\0b"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("a\x7f"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE("\xff"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE(".git"), EP_EINVAL);
	CHECK_INT_EQ(CHECK_FILE(".gitx/a.git"), 0);
}

TEST(lengths)
{
	char long_path[5000];
	memset(long_path, 'a', sizeof long_path);
	CHECK_INT_EQ(check_file(long_path, 255), 0);
	CHECK_INT_EQ(check_file(long_path, 256), EP_EINVAL);
	for (size_t i = 200; i < sizeof long_path; i += 200) long_path[i] = '/';
	CHECK_INT_EQ(check_file(long_path, 4096), 0);
	CHECK_INT_EQ(check_file(long_path, 4097), EP_EINVAL);
}

static void check_message(const char *path, size_t len, const char *expected)
{
	ep_err err = {0};
	CHECK_INT_EQ(ep_repo_path_check(path, len, "filename", &err), EP_EINVAL);
	CHECK_STR_EQ(err.message, expected);
	ep_err_fini(&err);
}

TEST(messages_are_fit_for_a_terminal)
{
	check_message("", 0, "filename '' is empty");
	check_message("/a", 2, "filename '/a' is absolute");
	check_message("a//b", 4, "filename 'a//b' has an empty segment");
	check_message("a\x1b[2J\n", 6, "filename 'a?[2J?' has a control byte");
	check_message("\xc3\xa9/\xff\xc3", 5, "filename '\xc3\xa9/?\?' is not UTF-8");
	char long_path[300] = {0};
	for (size_t i = 0; i < 300; i += 3) memcpy(long_path + i, "\xe2\x82\xac", 3);
	char expected[200] = "filename '";
	memcpy(expected + 10, long_path, 60);
	memcpy(expected + 70, "...' has a segment of more than 255 bytes", 42);
	check_message(long_path, 300, expected);
}

TEST(random_paths_end)
{
	char path[40], part[][5] = {"a", "/", ".", "..", ".git", ".GIT", "\xc3\xa9", "\xff", "\\", "\n", ""};
	unsigned seed = 1;
	for (int round = 0; round < 20000; round++) {
		size_t len = 0;
		for (int i = 0; i < 6; i++) {
			seed = seed * 1103515245 + 12345;
			const char *next = part[(seed >> 16) % 11];
			memcpy(path + len, next, strlen(next));
			len += strlen(next);
		}
		check_file(path, len);
	}
}
