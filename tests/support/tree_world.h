/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_WORLD_H
#define TREE_WORLD_H

/* A loop, its processes and a fresh folder to list, for the tests of trees and bodies. Include it behind test.h. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/fs/fs.h"
#include "runtime/relace/tree.h"

static ep_loop *loop;
static ep_procs *procs;
static char top[256];

static inline void begin(void)
{
	snprintf(top, sizeof top, "%s/tree.XXXXXX", getenv("TMPDIR"));
	CHECK(mkdtemp(top));
	CHECK_INT_EQ(ep_loop_open(&loop, NULL, NULL), 0);
	procs = ep_procs_open(loop);
	CHECK(procs);
}

static inline void on_closed(void *arg) { *(bool *)arg = true; }

static inline void end(void)
{
	bool closed = false;
	ep_err err = {0};
	ep_procs_close(procs);
	ep_loop_close(loop, on_closed, &closed);
	CHECK(closed);
	CHECK_INT_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_INT_EQ(ep_fs_remove_tree(top, &err), 0);
}

/* Runs a script of the shell in the folder. */
static inline void sh(const char *script)
{
	char line[4096];
	snprintf(line, sizeof line, "cd '%s' && set -e && { %s\n} >/dev/null 2>&1", top, script);
	int status = system(line);
	if (status) TEST_FAIL("status %d of: %s", status, script);
}

static inline void put(const char *name, const void *bytes, size_t len)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", top, name);
	FILE *file = fopen(path, "w");
	CHECK(file);
	CHECK_INT_EQ(fwrite(bytes, 1, len, file), len);
	CHECK_INT_EQ(fclose(file), 0);
}

static inline void on_tree_done(ep_op *op) { *(bool *)op->owner = true; }

static inline int await_tree(ep_tree *tree)
{
	bool done = false;
	ep_op_wait(&tree->op, on_tree_done, &done);
	CHECK_INT_EQ(ep_loop_run(loop, &done), 0);
	return tree->op.result;
}

/* A tree of the folder, or of one below it (NULL: not), whatever its result. */
static inline ep_tree *list(const char *below, bool skip_binary)
{
	char path[1024];
	ep_tree_options options = {.skip_binary = skip_binary};
	snprintf(path, sizeof path, "%s%s%s", top, below ? "/" : "", below ? below : "");
	ep_tree *tree = ep_tree_start(procs, path, &options);
	CHECK(tree);
	await_tree(tree);
	return tree;
}

/* The names of a good one's files: "a b/c | link (symlink)". */
static inline const char *names_of(const ep_tree *tree)
{
	static char text[4096];
	size_t n = 0;
	if (tree->op.result) TEST_FAIL("%d: %s", tree->op.result, ep_err_message(&tree->err));
	text[0] = '\0';
	for (size_t i = 0; i < tree->count; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", tree->files[i].name);
	for (size_t i = 0; i < tree->left_count; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s (%s)", i ? ", " : " | ", tree->left[i].name,
			ep_tree_reason(tree->left[i].reason));
	CHECK(n < sizeof text);
	return text;
}

static inline void drop(ep_tree *tree) { ep_op_release(&tree->op); }

static inline void check_names(const char *below, const char *expected)
{
	ep_tree *tree = list(below, true);
	CHECK_STR_EQ(names_of(tree), expected);
	drop(tree);
}

#endif
