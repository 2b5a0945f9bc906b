/* SPDX-License-Identifier: Apache-2.0 */
/* Git's ids of listed files, and diffs that are made of a tree. */
#include "test.h"

#include "runtime/base/mem.h"
#include "runtime/crypto/crypto.h"
#include "runtime/relace/files_body.h"
#include "runtime/relace/upload.h"
#include "tests/support/tree_world.h"

static ep_tree *list_with_ids(void)
{
	const ep_tree_options options = {.skip_binary = true, .ids = true};
	ep_tree *tree = ep_tree_start(procs, top, &options);
	CHECK(tree);
	CHECK_INT_EQ(await_tree(tree), 0);
	return tree;
}

static void check_id(const unsigned char id[EP_SHA1_SIZE], const char *expected)
{
	char hex[2 * EP_SHA1_SIZE + 1] = {0};
	ep_hex(hex, id, EP_SHA1_SIZE);
	CHECK_STR_EQ(hex, expected);
}

/* The ids are those of `git hash-object`. */
TEST(ids_are_gits)
{
	begin();
	put("a", "a\n", 2);
	put("binary", "a\0b", 3);
	put("empty", "", 0);
	put("latin", "caf\xe9\n", 5);
	sh("yes 0123456789abcde | head -c 1000000 >large");
	ep_tree *tree = list_with_ids();
	CHECK_INT_EQ(tree->count, 3);
	check_id(tree->files[0].id, "78981922613b2afb6025042ff6bd878ac1994e85");
	check_id(tree->files[1].id, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
	CHECK_STR_EQ(tree->files[2].name, "large");
	check_id(tree->files[2].id, "48048f13d868f10cd76f5a73fef2d7ec09480c27");
	CHECK_INT_EQ(tree->files[2].json_length, 1000000 + 62500);
	CHECK_INT_EQ(tree->left_count, 2);
	CHECK_INT_EQ(tree->left[0].size, 3);
	check_id(tree->left[0].id, "20b5be91886d0b6f26dc98a225c0dac05fe2c86e");
	check_id(tree->left[1].id, "6f83395d973c448cdb70a7b21f7fc8018797acf6");
	drop(tree);
	end();
}

static void check_change(const ep_relace_tree_change *change, const char *expected)
{
	ep_err err = {0};
	CHECK_INT_EQ(ep_relace_tree_change_length(change, &err), (int64_t)strlen(expected));
}

#define HEAD "{\"source\":{\"type\":\"diff\",\"operations\":["

TEST(a_diff_of_a_tree)
{
	static const char expected[] = HEAD "{\"type\":\"delete\",\"filename\":\"x\"},"
										"{\"type\":\"write\",\"filename\":\"c\",\"content\":\"3\\n\"},"
										"{\"type\":\"write\",\"filename\":\"a\",\"content\":\"1\\n\"}]}}";
	static const char others[] = "{\"type\":\"delete\",\"filename\":\"x\"}",
					  prefix[] = "{\"source\":{\"type\":\"diff\",\"operations\":";
	const size_t chosen[] = {2, 0};
	ep_files_body *body;
	ep_err err = {0};
	begin();
	put("a", "1\n", 2);
	put("b", "2\n", 2);
	put("c", "3\n", 2);
	ep_tree *tree = list_with_ids();
	CHECK_INT_EQ(ep_files_body_of_writes(&body, tree, chosen, 2, others, prefix, "}}", &err), 0);
	char text[512];
	for (int round = 0; round < 2; round++) {
		long len = ep_files_body_source.read(body, text, sizeof text);
		CHECK_INT_EQ(len, (long)sizeof expected - 1);
		CHECK_INT_EQ(ep_files_body_length(body), len);
		CHECK_MEM_EQ(text, expected, sizeof expected - 1);
		CHECK_INT_EQ(ep_files_body_source.rewind(body), 0);
	}
	put("a", "longer\n", 7); /* not what was listed */
	CHECK_INT_EQ(ep_files_body_source.read(body, text, sizeof text), EP_ECONFLICT);
	ep_files_body_free(body);
	drop(tree);
	end();
}

TEST(lengths_of_changes)
{
	const size_t first[] = {0};
	ep_buf others = {0};
	ep_err err = {0};
	begin();
	put("a", "1\n", 2);
	ep_tree *tree = list_with_ids();
	check_change(&(ep_relace_tree_change){.tree = tree}, HEAD "]}}");
	check_change(&(ep_relace_tree_change){.tree = tree, .writes = first, .count = 1},
		HEAD "{\"type\":\"write\",\"filename\":\"a\",\"content\":\"1\\n\"}]}}");
	ep_buf_puts(&others, "{}");
	check_change(&(ep_relace_tree_change){.tree = tree, .others = &others}, HEAD "{}]}}");
	check_change(&(ep_relace_tree_change){.tree = tree, .whole = true},
		"{\"source\":{\"type\":\"files\",\"files\":[{\"filename\":\"a\",\"content\":\"1\\n\"}]}}");
	/* Without memory there is none. */
	for (long nth = 1; nth < 6; nth++) {
		ep_mem_fail_after(nth);
		int64_t length = ep_relace_tree_change_length(
			&(ep_relace_tree_change){.tree = tree, .writes = first, .count = 1, .others = &others}, &err);
		ep_mem_fail_after(0);
		CHECK(length > 0 || length == EP_ENOMEM);
		ep_err_fini(&err);
	}
	ep_buf_fini(&others);
	drop(tree);
	end();
}
