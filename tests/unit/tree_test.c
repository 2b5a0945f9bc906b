/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tests/support/tree_world.h"

/* Listing fails with this code, and its message holds the words. */
static void check_error(const char *below, int code, const char *words)
{
	ep_tree *tree = list(below, false);
	CHECK_INT_EQ(tree->op.result, code);
	CHECK_INT_EQ(tree->err.code, code);
	if (!strstr(tree->err.message, words)) TEST_FAIL("\"%s\" has no \"%s\"", tree->err.message, words);
	drop(tree);
}

TEST(plain_folder)
{
	begin();
	sh("mkdir -p b/c empty; printf x >b/c/2; printf 'a\\n' >a; : >z; printf y >b.txt");
	ep_tree *tree = list(NULL, false);
	CHECK_STR_EQ(names_of(tree), "a b.txt b/c/2 z");
	CHECK(!tree->work_tree);
	CHECK_INT_EQ(tree->bytes, 4);
	CHECK_INT_EQ(tree->files[0].size, 2);
	CHECK_INT_EQ(tree->files[0].json_length, 3);
	CHECK_INT_EQ(tree->files[3].json_length, 0);
	CHECK(tree->path[0] == '/' && tree->folder >= 0);
	drop(tree);
	end();
}

TEST(nothing_in_it)
{
	begin();
	check_names(NULL, "");
	sh("git init -q");
	check_names(NULL, "");
	sh("mkdir -p a/b");
	check_names(NULL, "");
	end();
}

TEST(dot_git_is_never_sent)
{
	begin();
	sh("mkdir -p a/.git b/.GIT c; echo x >a/.git/config; echo x >b/.GIT/x; echo 'gitdir: /nowhere' >c/.git; echo x "
	   ">c/d; "
	   "echo x >.gitignore; echo x >a/.gitattributes");
	check_names(NULL, ".gitignore a/.gitattributes c/d");
	end();
}

TEST(a_dot_git_that_is_none)
{
	begin();
	sh("mkdir .git; echo x >a; echo a >.gitignore");
	check_names(NULL, ".gitignore a");
	end();
}

TEST(work_tree)
{
	begin();
	sh("git init -q; printf '*.o\\nout/\\n' >.gitignore; mkdir -p out src; echo x >out/a; echo x >src/a.o; echo x "
	   ">src/a.c; "
	   "echo x >new; echo x >kept.o; echo x >gone; git add -f kept.o gone .gitignore; rm gone; echo src/secret "
	   ">.git/info/exclude; "
	   "echo x >src/secret");
	ep_tree *tree = list(NULL, false);
	CHECK_STR_EQ(names_of(tree), ".gitignore kept.o new src/a.c");
	CHECK(tree->work_tree);
	drop(tree);
	check_names("src", "a.c"); /* the rules above a folder count */
	check_names("out", "a");   /* but one that is ignored as a whole stands for itself */
	check_error(".git/info", EP_EEXIT, "work tree");
	end();
}

TEST(repositories_in_a_work_tree)
{
	begin();
	sh("git init -q; mkdir sub; git -C sub init -q; echo x >sub/a; echo x >b; "
	   "git init -q mod; git -C mod commit -q --allow-empty -m x; git add mod");
	check_names(NULL, "b | mod (repository), sub/ (repository)");
	ep_tree *tree = list(NULL, false); /* they are no error */
	CHECK_INT_EQ(tree->op.result, 0);
	drop(tree);
	check_names("sub", "a");
	end();
}

TEST(worktree_with_a_file_in_place_of_dot_git)
{
	begin();
	sh("git init -q main; cd main; echo x >a; echo '*.o' >.gitignore; git add .; git commit -q -m x; git worktree add "
	   "-q ../other; "
	   "cd ../other; echo x >b.o; echo x >c");
	check_names("other", ".gitignore a c");
	end();
}

TEST(conflict_is_listed_once)
{
	begin();
	sh("git init -q -b main; echo 1 >a; git add a; git commit -q -m 1; git checkout -q -b x; echo 2 >a; git commit "
	   "-qam 2; "
	   "git checkout -q main; echo 3 >a; git commit -qam 3; git merge x || true");
	check_names(NULL, "a");
	end();
}

TEST(sparse_checkout_is_an_error)
{
	begin();
	sh("git init -q; mkdir a b; echo x >a/1; echo x >b/2; git add .; git commit -q -m x; git sparse-checkout set "
	   "--no-cone /a/");
	check_error(NULL, EP_EINVAL, "b/2");
	end();
}

TEST(links)
{
	begin();
	sh("mkdir d; echo x >d/f; ln -s d/f file; ln -s d dir; ln -s . d/loop; ln -s nowhere broken; ln -s self self; ln "
	   "-s /etc/passwd out");
	check_names(
		NULL, "d/f | broken (symlink), d/loop (symlink), dir (symlink), file (symlink), out (symlink), self (symlink)");
	sh("git init -q; git add .");
	check_names(
		NULL, "d/f | broken (symlink), d/loop (symlink), dir (symlink), file (symlink), out (symlink), self (symlink)");
	sh("mv d e; ln -s e d"); /* d/f is tracked, and now behind a link */
	check_names(NULL,
		"e/f | broken (symlink), d (symlink), dir (symlink), e/loop (symlink), file (symlink), out (symlink), self "
		"(symlink)");
	end();
}

TEST(folder_is_a_link)
{
	begin();
	sh("mkdir d; echo x >d/f; ln -s d link; mkdir -p a/b; ln -s ../a/b d/up");
	ep_tree *tree = list("link", true);
	CHECK_STR_EQ(names_of(tree), "f | up (symlink)");
	CHECK(!strcmp(tree->path + strlen(tree->path) - 2, "/d"));
	drop(tree);
	end();
}

TEST(what_is_no_text)
{
	begin();
	sh("printf 'a\\0b' >nul; printf '\\377' >latin; printf 'a\\303' >cut; printf '\\355\\240\\200' >surrogate; mkfifo "
	   "pipe; "
	   "printf '\\303\\251' >good");
	check_names(NULL, "good | cut (binary), latin (binary), nul (binary), pipe (special), surrogate (binary)");
	check_error(NULL, EP_EINVAL, "5 of the files in ");
	check_error(NULL, EP_EINVAL, ": cut (binary), latin (binary), nul (binary), pipe (special), surrogate (binary); ");
	check_error(NULL, EP_EINVAL, "skip_binary");
	sh("git init -q");
	check_names(NULL, "good | cut (binary), latin (binary), nul (binary), surrogate (binary)");
	sh("for i in $(seq 30); do printf '\\0' >b$i; done");
	check_error(NULL, EP_EINVAL, ", and 14 more; ");
	end();
}

TEST(characters_across_chunks)
{
	enum { CHUNK = 256 * 1024 };
	char *text = malloc(CHUNK + 8);
	begin();
	for (int before = 0; before < 4; before++) {
		memset(text, 'x', CHUNK + 8);
		memcpy(text + CHUNK - before, "\xf0\x9f\x98\x80", 4);
		put("a", text, CHUNK + 8);
		check_names(NULL, "a");
		put("a", text, (size_t)(CHUNK - before + 3));
		check_names(NULL, " | a (binary)");
	}
	free(text);
	end();
}

TEST(names)
{
	begin();
	sh("touch -- \"$(printf 'a\\nb')\" \"$(printf 'l\\351')\" 'q\"uote' 'back\\slash' -dash \"$(printf '\\303\\251')\" "
	   "' "
	   "blank '");
	const char *expected = " blank  -dash q\"uote \xc3\xa9 | a\nb (name), back\\slash (name), l\xe9 (name)";
	check_names(NULL, expected);
	check_error(NULL, EP_EINVAL, "a\\x0ab (name), back\\slash (name), l\\xe9 (name)");
	sh("git init -q");
	check_names(NULL, expected);
	end();
}

TEST(unreadable)
{
	if (geteuid() == 0) return; /* root reads everything */
	begin();
	sh("mkdir d; echo x >d/a; echo x >b; echo x >c; chmod 0 d c");
	check_names(NULL, "b | c (unreadable), d (unreadable)");
	check_error(NULL, EP_EINVAL, "c (unreadable), d (unreadable)");
	sh("chmod 700 d");
	end();
}

TEST(no_folder)
{
	begin();
	put("file", "x", 1);
	check_error("nothing", EP_ENOENT, "nothing");
	check_error("file", EP_ENOENT, "ot a directory");
	end();
}

TEST(many_files)
{
	begin();
	sh("mkdir d; cd d; for i in $(seq -f %05g 600); do : >$i; done; git init -q");
	ep_tree *tree = list("d", false);
	CHECK_INT_EQ(tree->count, 600);
	for (size_t i = 1; i < tree->count; i++) CHECK(strcmp(tree->files[i - 1].name, tree->files[i].name) < 0);
	drop(tree);
	end();
}

static void on_tick(ep_op *op) { *(bool *)op->owner = true; }

/* A cancel at any moment ends the op once, with nothing left. */
TEST(cancel)
{
	begin();
	sh("git init -q; for i in $(seq -f %05g 500); do : >$i; done");
	for (int turn = 0; turn < 24; turn++) {
		bool ticked = false;
		ep_tree *tree = ep_tree_start(procs, top, NULL);
		CHECK(tree);
		ep_op *pause = ep_sleep_start(loop, (uint64_t)turn * 400000);
		ep_op_wait(pause, on_tick, &ticked);
		if (turn) CHECK_INT_EQ(ep_loop_run(loop, &ticked), 0);
		ep_op_cancel(&tree->op, EP_ECANCELLED);
		int result = await_tree(tree);
		CHECK(result == 0 || result == EP_ECANCELLED);
		drop(tree);
		if (!ticked) CHECK_INT_EQ(ep_loop_run(loop, &ticked), 0);
		ep_op_release(pause);
	}
	end();
}

/* Several at once share the pool. */
TEST(at_once)
{
	enum { TREES = 12 };
	ep_tree *tree[TREES];
	begin();
	sh("git init -q; echo x >a; echo b >.gitignore; echo x >b");
	for (int i = 0; i < TREES; i++) CHECK(tree[i] = ep_tree_start(procs, top, NULL));
	for (int i = 0; i < TREES; i++) {
		await_tree(tree[i]);
		CHECK_STR_EQ(names_of(tree[i]), ".gitignore a");
		drop(tree[i]);
	}
	end();
}
