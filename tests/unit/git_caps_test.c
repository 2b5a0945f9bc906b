/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/caps.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/base/mem.h"
#include "tests/support/test.h"

#define ID "0123456789012345678901234567890123456789"

#define FOLDERS(...) ((const char *const[]){__VA_ARGS__, NULL})

TEST(what_is_in_a_cone)
{
	const char *const *folders = FOLDERS("a/b", "x");
	CHECK(ep_git_in_cone(folders, "top"));
	CHECK(ep_git_in_cone(folders, "a/beside"));
	CHECK(ep_git_in_cone(folders, "a/b/in"));
	CHECK(ep_git_in_cone(folders, "a/b/c/d/in"));
	CHECK(ep_git_in_cone(folders, "x/y/in"));
	CHECK(!ep_git_in_cone(folders, "a/bc/out"));
	CHECK(!ep_git_in_cone(folders, "ab/out"));
	CHECK(!ep_git_in_cone(folders, "xy/out"));
	CHECK(!ep_git_in_cone(folders, "a/c/out"));
	CHECK(!ep_git_in_cone(folders, "z/x/out"));
	CHECK(ep_git_in_cone(FOLDERS(NULL), "top"));
	CHECK(!ep_git_in_cone(FOLDERS(NULL), "a/out"));
}

static void read_in_pieces(ep_git_listing *l, const char *text, size_t len, size_t piece)
{
	for (size_t at = 0; at < len; at += piece) ep_git_listing_read(l, text + at, len - at < piece ? len - at : piece);
}

TEST(a_listing_is_counted_however_it_comes)
{
	static const char with[] = "100644 blob " ID "       7\ta b\0"
							   "120000 blob " ID "   1000\tdir/l\n\tx\0"
							   "160000 commit " ID "       -\tsub\0";
	static const char without[] = "100644 blob " ID "\t12\0"
								  "100644 blob " ID "\tdir/34\0";
	for (size_t piece = 1; piece < sizeof with; piece++) {
		ep_git_listing l = {0};
		read_in_pieces(&l, with, sizeof with - 1, piece);
		CHECK_INT_EQ(l.files, 3);
		CHECK_INT_EQ(l.bytes, 1007);
		ep_git_listing_fini(&l);
		l = (ep_git_listing){.folders = FOLDERS(NULL)};
		read_in_pieces(&l, without, sizeof without - 1, piece);
		CHECK_INT_EQ(l.files, 1);
		CHECK_INT_EQ(l.bytes, 0);
		CHECK(!l.lost);
		ep_git_listing_fini(&l);
	}
}

TEST(a_listing_without_memory_says_so)
{
	ep_git_listing l = {0};
	ep_mem_fail_after(1);
	ep_git_listing_read(&l, "100644 blob " ID "\ta", 54);
	ep_mem_fail_after(0);
	CHECK(l.lost);
	ep_git_listing_fini(&l);
}

static void put(const char *name, size_t size)
{
	FILE *file = fopen(name, "w");
	CHECK(file);
	for (size_t i = 0; i < size; i++) putc('x', file);
	fclose(file);
}

TEST(a_folder_is_measured)
{
	ep_git_caps now;
	CHECK_INT_EQ(chdir(getenv("TMPDIR")), 0);
	CHECK_INT_EQ(mkdir("m", 0755) | mkdir("m/.git", 0755) | mkdir("m/sub", 0755) | mkdir("m/sub/.git", 0755), 0);
	put("m/a", 100);
	put("m/.git/b", 20);
	put("m/sub/c.git", 3);
	put("m/sub/.git/d", 4);
	CHECK_INT_EQ(ep_git_measure(&now, "m", NULL), 0);
	CHECK_INT_EQ(now.bytes, 127);
	CHECK_INT_EQ(now.files, 2);
	CHECK_INT_EQ(ep_git_caps_check(&(ep_git_caps){.files = 2, .bytes = 127}, &now, "x", NULL), 0);
	CHECK_INT_EQ(ep_git_caps_check(&(ep_git_caps){.files = 1}, &now, "x", NULL), EP_ETOOLARGE);
	CHECK_INT_EQ(ep_git_caps_check(&(ep_git_caps){.bytes = 126}, &now, "x", NULL), EP_ETOOLARGE);
	CHECK_INT_EQ(ep_git_measure(&now, "none", NULL), 0);
	CHECK_INT_EQ(now.bytes, 0);
	CHECK_INT_EQ(system("rm -r m"), 0);
}
