/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/place.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/test.h"

static char base[256];

/* A path below the test's folder, in memory of its own. */
static char *at(const char *name)
{
	static char path[8][512];
	static int next;
	char *p = path[next++ % 8];
	snprintf(base, sizeof base, "%s/place", getenv("TMPDIR"));
	mkdir(base, 0700);
	snprintf(p, sizeof path[0], "%s/%s", base, name);
	return p;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	CHECK(file);
	fputs(text, file);
	fclose(file);
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

TEST(made_with_parents_and_undone)
{
	ep_git_place p = {.path = at("a/b/c//")};
	CHECK_INT_EQ(ep_git_place_take(&p, NULL), 0);
	CHECK(exists(at("a/b/c")));
	mkdir(at("a/b/c/ro"), 0700);
	write_file(at("a/b/c/ro/file"), "x");
	symlink(base, at("a/b/c/link"));
	write_file(at("outside"), "x");
	chmod(at("a/b/c/ro"), 0500);
	CHECK_INT_EQ(ep_git_place_undo(&p, NULL), 0);
	CHECK(!exists(at("a")));
	CHECK(exists(at("outside")));
	unlink(at("outside"));
	rmdir(base);
}

TEST(a_parent_that_others_use_stays)
{
	mkdir(at("there"), 0700);
	ep_git_place p = {.path = at("there/x/y")};
	CHECK_INT_EQ(ep_git_place_take(&p, NULL), 0);
	write_file(at("there/x/others"), "x");
	CHECK_INT_EQ(ep_git_place_undo(&p, NULL), 0);
	CHECK(!exists(at("there/x/y")) && exists(at("there/x/others")));
	unlink(at("there/x/others"));
	rmdir(at("there/x"));
	CHECK_INT_EQ(rmdir(at("there")), 0);
	rmdir(base);
}

TEST(an_empty_folder_stays)
{
	mkdir(at("empty"), 0700);
	ep_git_place p = {.path = at("empty")};
	CHECK_INT_EQ(ep_git_place_take(&p, NULL), 0);
	mkdir(at("empty/.git"), 0700);
	write_file(at("empty/.git/x"), "x");
	CHECK_INT_EQ(ep_git_place_undo(&p, NULL), 0);
	CHECK_INT_EQ(rmdir(at("empty")), 0);
	rmdir(base);
}

TEST(what_is_there_is_not_touched)
{
	mkdir(at("full"), 0700);
	write_file(at("full/file"), "x");
	symlink("nowhere", at("link"));
	char *paths[] = {at("full"), at("full/file"), at("link")};
	for (size_t i = 0; i < 3; i++) {
		ep_git_place p = {.path = paths[i]};
		CHECK_INT_EQ(ep_git_place_take(&p, NULL), EP_EDESTINATION);
		CHECK_INT_EQ(ep_git_place_undo(&p, NULL), 0);
	}
	ep_git_place below = {.path = at("full/file/x")};
	ep_err err = {0};
	CHECK(ep_git_place_take(&below, &err) < 0);
	CHECK(strstr(ep_err_message(&err), "full/file/x"));
	ep_err_fini(&err);
	CHECK(exists(at("full/file")));
	unlink(at("full/file"));
	unlink(at("link"));
	rmdir(at("full"));
	rmdir(base);
}

TEST(reading_head)
{
	char head[65], *branch;
	static const char id[] = "0123456789abcdef0123456789abcdef01234567";
	char line[200];
	mkdir(at("r"), 0700);
	mkdir(at("r/.git"), 0700);
	write_file(at("r/.git/HEAD"), "ref: refs/heads/a/b\n");
	CHECK_INT_EQ(ep_git_place_read(head, &branch, at("r"), NULL), 0);
	CHECK_STR_EQ(head, "");
	CHECK_STR_EQ(branch, "a/b");
	free(branch);
	snprintf(line, sizeof line, "# pack-refs\n%.39s9 refs/heads/a/bc\n%s refs/heads/a/b\n", id, id);
	write_file(at("r/.git/packed-refs"), line);
	CHECK_INT_EQ(ep_git_place_read(head, &branch, at("r"), NULL), 0);
	CHECK_STR_EQ(head, id);
	free(branch);
	write_file(at("r/.git/HEAD"), id);
	CHECK_INT_EQ(ep_git_place_read(head, &branch, at("r"), NULL), 0);
	CHECK_STR_EQ(head, id);
	CHECK_STR_EQ(branch, NULL);
	write_file(at("r/.git/HEAD"), "nonsense");
	CHECK_INT_EQ(ep_git_place_read(head, &branch, at("r"), NULL), EP_ECORRUPT);
	ep_secret *secret = ep_secret_new(NULL, "hunter22", 8);
	write_file(at("r/.git/config"), "url = https://token:hunter22@h\n");
	CHECK_INT_EQ(ep_git_place_check_config(at("r"), secret, NULL), EP_EIO);
	write_file(at("r/.git/config"), "url = https://h\n");
	CHECK_INT_EQ(ep_git_place_check_config(at("r"), secret, NULL), 0);
	ep_secret_release(secret);
	ep_git_place p = {.path = at("r"), .taken = true, .made = strlen(at("r"))};
	CHECK_INT_EQ(ep_git_place_undo(&p, NULL), 0);
	rmdir(base);
}

TEST(what_takes_its_place_is_not_touched)
{
	ep_git_place p = {.path = at("swap")};
	CHECK_INT_EQ(ep_git_place_take(&p, NULL), 0);
	write_file(at("swap/ours"), "x");
	mkdir(at("victim"), 0700);
	write_file(at("victim/theirs"), "x");
	CHECK_INT_EQ(rename(at("swap"), at("moved")), 0);
	CHECK_INT_EQ(symlink(at("victim"), at("swap")), 0);
	CHECK_INT_EQ(ep_git_place_undo(&p, NULL), 0);
	CHECK(exists(at("victim/theirs")) && exists(at("swap")) && !exists(at("moved/ours")));
	unlink(at("swap"));
	rmdir(at("moved"));
	unlink(at("victim/theirs"));
	rmdir(at("victim"));
	CHECK_INT_EQ(rmdir(base), 0);
}
