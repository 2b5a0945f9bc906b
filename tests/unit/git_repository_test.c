/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/repository.h"

#include <limits.h>
#include <sys/stat.h>

#include "runtime/base/mem.h"
#include "runtime/git/leftover.h"
#include "runtime/git/machine.h"
#include "tests/support/test.h"

static void sh(const char *script)
{
	char command[2048];
	snprintf(command, sizeof command, "set -e; cd '%s'; rm -rf r; mkdir r; cd r; %s", getenv("TMPDIR"), script);
	CHECK_INT_EQ(system(command), 0);
}

static void clear(void)
{
	char command[512];
	snprintf(command, sizeof command, "rm -rf '%s/r'", getenv("TMPDIR"));
	CHECK_INT_EQ(system(command), 0);
}

static const char *at(const char *name)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/r/%s", getenv("TMPDIR"), name);
	return path;
}

static int try(const char *name, const char *git_dir, bool trust)
{
	ep_git_repository r = {0};
	int rc = ep_git_repository_read(&r, at(name), git_dir, trust, "status", NULL);
	ep_git_repository_fini(&r);
	return rc;
}

TEST(where_a_git_directory_is)
{
	ep_git_repository r = {0};
	sh("git init -q a; git init -q --bare b; git -C a -c user.name=a -c user.email=a commit -q --allow-empty -m x;"
	   "git -C a worktree add -q ../w; mkdir c d e; ln -s ../a/.git c/.git; echo 'gitdir: ../a/.git' >d/.git; mkdir "
	   "a/sub");
	CHECK_INT_EQ(ep_git_repository_read(&r, at("w"), NULL, false, "status", NULL), 0);
	CHECK(strstr(r.work_tree, "/r/w") && strstr(r.git_dir, "/a/.git/worktrees/w") && strstr(r.common, "/a/.git"));
	ep_git_repository_fini(&r);
	CHECK_INT_EQ(ep_git_repository_read(&r, at("b"), NULL, false, "status", NULL), 0);
	CHECK(!r.work_tree && strstr(r.git_dir, "/r/b"));
	CHECK_STR_EQ(ep_git_repository_get(&r, "core.bare", false), "true");
	CHECK(!ep_git_repository_get(&r, "core.none", false));
	ep_git_repository_fini(&r);
	CHECK_INT_EQ(try("a", NULL, false), 0);
	CHECK_INT_EQ(try("c", NULL, false), EP_EUNSAFE);
	CHECK_INT_EQ(try("c", NULL, true), 0);
	CHECK_INT_EQ(try("d", NULL, false), EP_EUNSAFE);
	CHECK_INT_EQ(try("d", NULL, true), 0);
	CHECK_INT_EQ(try("e", at("a/.git"), false), 0);
	CHECK_INT_EQ(try("e", at("none"), false), EP_ENOENT);
	CHECK_INT_EQ(try("e", NULL, false), EP_ENOENT);
	CHECK_INT_EQ(try("a/sub", NULL, false), EP_ENOENT);
	CHECK_INT_EQ(try("none", NULL, false), EP_ENOENT);
	clear();
}

TEST(settings)
{
	ep_git_repository r = {0};
	ep_err err = {0};
	size_t len;
	sh("git init -q a; cd a; git config remote.o.url x; git config --add remote.o.url y; git config remote.p.promisor "
	   "true;"
	   "git config remote.q.promisor false; git config filter.a.b.clean x; git config filter.c.smudge y");
	CHECK_INT_EQ(ep_git_repository_read(&r, at("a"), NULL, false, "status", NULL), 0);
	CHECK_STR_EQ(ep_git_repository_get(&r, "remote.o.url", true), "x");
	CHECK_STR_EQ(ep_git_repository_get(&r, "remote.o.url", false), "y");
	const char *name = ep_git_repository_promisor(&r, &len);
	CHECK(name && len == 1 && *name == 'p');
	CHECK_INT_EQ(r.filters.len, 6);
	CHECK(!memcmp(r.filters.data, "a.b\0c", 6));
	ep_git_repository_fini(&r);
	sh("git init -q --bare b; git -C b config core.worktree /tmp; git init -q a; git -C a config include.path "
	   "/dev/null");
	CHECK_INT_EQ(try("b", NULL, false), EP_EUNSAFE);
	CHECK_INT_EQ(ep_git_repository_read(&r, at("a"), NULL, false, "status", &err), EP_EUNSAFE);
	CHECK(strstr(ep_err_message(&err), "include.path"));
	ep_err_fini(&err);
	ep_git_repository_fini(&r);
	clear();
}

/* Whichever allocation fails: an error, and nothing lost. */
TEST(no_memory)
{
	int rc = EP_ENOMEM;
	sh("git init -q a; git -C a config remote.o.url x; git -C a config filter.a.clean x");
	for (long n = 1; rc; n++) {
		ep_git_repository r = {0};
		ep_git_machine m;
		int fd = -1;
		ep_err err = {0};
		ep_mem_fail_after(n);
		rc = ep_git_repository_read(&r, at("a"), NULL, false, "status", &err);
		int found = ep_git_machine_find(&m);
		if (!found) found = ep_git_machine_open(&fd, &m, &err);
		if (!rc) rc = found;
		ep_mem_fail_after(0);
		if (rc) CHECK_INT_EQ(rc, EP_ENOMEM);
		if (fd >= 0) close(fd);
		ep_git_machine_fini(&m);
		ep_git_repository_fini(&r);
		ep_err_fini(&err);
		CHECK(n < 500);
	}
	clear();
}

TEST(locks)
{
	struct timespec since;
	struct stat st;
	sh("mkdir -p g/refs/heads/a g/objects; touch g/old.lock");
	usleep(20000);
	ep_git_leftover_start(&since);
	usleep(20000);
	FILE *held = fopen(at("g/held.lock"), "w"), *file = fopen(at("g/refs/heads/a/x.lock"), "w");
	fclose(file);
	file = fopen(at("g/index.lock"), "w");
	fclose(file);
	CHECK_INT_EQ(symlink("old.lock", at("g/link.lock")), 0);
	CHECK_INT_EQ(ep_git_leftover_remove(&since, at("g"), at("g")), 2);
	CHECK(!stat(at("g/old.lock"), &st) && !stat(at("g/held.lock"), &st) && !lstat(at("g/link.lock"), &st));
	fclose(held);
	CHECK_INT_EQ(ep_git_leftover_remove(&since, at("g"), at("g")), 1);
	clear();
}

TEST(locks_behind_links_are_those_of_others)
{
	struct timespec since;
	struct stat st;
	ep_git_leftover_start(&since);
	usleep(20000);
	sh("mkdir -p g/refs theirs/deep h; touch theirs/a.lock theirs/deep/b.lock g/refs/ours.lock;"
	   "ln -s ../theirs g/logs; ln -s ../../theirs g/refs/heads; ln -s g link; ln -s ../theirs h/refs");
	CHECK_INT_EQ(ep_git_leftover_remove(&since, at("link"), at("link")), 0);
	CHECK_INT_EQ(ep_git_leftover_remove(&since, at("h"), at("h")), 0);
	CHECK_INT_EQ(ep_git_leftover_remove(&since, at("g"), at("g")), 1);
	CHECK(!stat(at("theirs/a.lock"), &st) && !stat(at("theirs/deep/b.lock"), &st));
	clear();
}
