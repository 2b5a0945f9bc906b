/* SPDX-License-Identifier: Apache-2.0 */

/* The steps of listing a tree, each an op whose end starts the next: find the folder (pool), ask git (a process), look at the
 * files (pool). */
#include "runtime/relace/tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/relace/tree_scan.h"

enum { LIST_MAX = 256 * 1024 * 1024, STDERR_MAX = 4096, ENV_MAX = 12 };

/* Work on the pool. It keeps the tree, which its thread may still be using after a cancel. */
struct step {
	ep_work work;
	ep_tree *tree;
};

const char *ep_tree_reason(int reason)
{
	switch (reason) {
	case EP_LEFT_BINARY: return "binary";
	case EP_LEFT_UNREADABLE: return "unreadable";
	case EP_LEFT_SYMLINK: return "symlink";
	case EP_LEFT_SPECIAL: return "special";
	case EP_LEFT_NAME: return "name";
	case EP_LEFT_REPOSITORY: return "repository";
	default: return "unknown";
	}
}

static void free_tree(ep_op *op)
{
	ep_tree *tree = (ep_tree *)op;
	struct ep_tree_plan *plan = tree->plan;
	if (tree->folder >= 0) close(tree->folder);
	ep_fs_list_fini(&plan->walked);
	ep_free(plan->listed);
	ep_free(plan->folder);
	ep_free(plan);
	ep_free(tree->path);
	ep_free(tree->files);
	ep_free(tree->left);
	ep_err_fini(&tree->err);
	ep_free(tree);
}

static void abort_tree(ep_op *op)
{
	ep_op *inner = ((ep_tree *)op)->plan->inner;
	if (inner)
		ep_op_cancel(inner, EP_ECANCELLED); /* its end is ours */
	else
		ep_op_finish(op, EP_ECANCELLED);
}

static void describe_tree(const ep_op *op, ep_buf *text)
{
	ep_buf_printf(text, "listing %s", ((const ep_tree *)op)->plan->folder);
}

static const ep_op_class tree_class = {
	.name = "tree", .abort = abort_tree, .free = free_tree, .describe = describe_tree};

static void finish(ep_tree *tree, int code)
{
	if (code == EP_ENOMEM) ep_err_set(&tree->err, EP_ENOMEM, "not enough memory");
	ep_op_finish(&tree->op, code);
}

/* Whether a step went well and the next is to start; else ends the tree. */
static bool go_on(ep_tree *tree, int result)
{
	tree->plan->inner = NULL;
	if (!result && tree->op.state == EP_OP_OPEN) return true;
	finish(tree, result ? result : EP_ECANCELLED);
	return false;
}

/* --- steps on the pool --- */

static void free_step(ep_op *op)
{
	struct step *step = (struct step *)op;
	ep_err_fini(&step->work.err);
	ep_op_unref(&step->tree->op);
	ep_free(step);
}

static const ep_op_class step_class = {.name = "tree step", .abort = ep_work_abort, .free = free_step};

static void start_step(ep_tree *tree, int (*run)(ep_work *), void (*done)(ep_op *))
{
	struct step *step = ep_calloc(1, sizeof *step);
	if (step) step->tree = tree; /* the thread may run at once */
	if (!step || ep_work_start(&step->work, tree->op.loop, &step_class, run)) {
		ep_free(step);
		finish(tree, EP_ENOMEM);
		return;
	}
	ep_op_retain(&tree->op);
	tree->plan->inner = &step->work.op;
	ep_op_wait(&step->work.op, done, tree);
}

/* The end of a step: moves its error to the tree. */
static bool end_step(ep_op *op, ep_tree *tree)
{
	int result = op->result;
	if (result && op->err) ep_err_move(&tree->err, op->err);
	bool more = go_on(tree, result);
	ep_op_release(op);
	return more;
}

static int run_scan(ep_work *work) { return ep_tree_scan(((struct step *)work)->tree, &work->stop, &work->err); }

static void on_scanned(ep_op *op)
{
	ep_tree *tree = op->owner;
	if (end_step(op, tree)) ep_op_finish(&tree->op, 0);
}

static void scan(ep_tree *tree) { start_step(tree, run_scan, on_scanned); }

/* --- git --- */

/* Only what git needs to find its configuration: that says what is ignored, and which work trees of others are trusted. */
static bool make_env(char *env[ENV_MAX])
{
	static const char *const kept[] = {
		"PATH", "HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"};
	static const char *const set[] = {"LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0"};
	size_t n = 0;
	for (size_t i = 0; i < sizeof set / sizeof *set; i++)
		if (!(env[n++] = ep_strdup(set[i]))) return false;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const char *value = getenv(kept[i]);
		ep_buf text = {0};
		if (!value) continue;
		ep_buf_printf(&text, "%s=%s", kept[i], value);
		if (!(env[n++] = ep_buf_take(&text))) return false;
	}
	return true;
}

static void start_git(ep_tree *tree, const char *const argv[], void (*done)(ep_op *))
{
	char *env[ENV_MAX] = {0};
	ep_proc *git = NULL;
	int code = EP_ENOMEM;
	if (make_env(env)) {
		const ep_proc_options options = {
			.argv = argv,
			.env = (const char *const *)env,
			.cwd = tree->path,
			.out = {.mode = EP_OUT_CAPTURE, .max = LIST_MAX},
			.err = {.mode = EP_OUT_TAIL, .max = STDERR_MAX},
		};
		code = ep_proc_start(&git, tree->plan->procs, &options, &tree->err);
	}
	for (size_t i = 0; i < ENV_MAX; i++) ep_free(env[i]);
	if (code == EP_ENOENT) {
		ep_err_fini(&tree->err);
		code = ep_err_set(&tree->err, EP_ENOGIT,
			"%s is in a git work tree, but git, which knows what is ignored there, was not found", tree->path);
	}
	if (code) {
		finish(tree, code);
		return;
	}
	tree->plan->inner = &git->op;
	ep_op_wait(&git->op, done, tree);
}

static int fail_git(ep_tree *tree, const ep_proc *git)
{
	size_t len;
	const char *text = ep_reader_bytes(&git->err, &len);
	int code = ep_err_set(&tree->err, EP_EEXIT, "git could not list the files of %s: %.*s", tree->path,
		(int)(len && text[len - 1] == '\n' ? len - 1 : len), text);
	tree->err.status = git->status;
	return code;
}

static bool says_no_repository(const ep_proc *git)
{
	static const char words[] = "not a git repository";
	size_t len;
	const char *text = ep_reader_bytes(&git->err, &len);
	return memmem(text, len, words, sizeof words - 1) != NULL;
}

/* A folder that is ignored as a whole is no part of the work tree around it. */
static void on_ignore_checked(ep_op *op)
{
	ep_tree *tree = op->owner;
	ep_proc *git = (ep_proc *)op;
	struct ep_tree_plan *plan = tree->plan;
	if (op->result && op->err) ep_err_move(&tree->err, op->err);
	if (go_on(tree, op->result)) {
		if (git->status == 0) {
			ep_free(plan->listed);
			plan->listed = NULL;
			tree->work_tree = false;
		}
		if (git->status == 0 || git->status == 1)
			scan(tree);
		else
			finish(tree, fail_git(tree, git));
	}
	ep_proc_release(git);
}

static void check_ignored(ep_tree *tree)
{
	static const char *const argv[] = {"git", "-c", "core.fsmonitor=false", "check-ignore", "-q", ".", NULL};
	start_git(tree, argv, on_ignore_checked);
}

static void take_list(ep_tree *tree, ep_proc *git)
{
	struct ep_tree_plan *plan = tree->plan;
	size_t len;
	const char *bytes = ep_reader_bytes(&git->out, &len);
	plan->listed = ep_strndup(bytes, len);
	plan->listed_len = len;
	tree->work_tree = true;
	if (!plan->listed)
		finish(tree, EP_ENOMEM);
	else if (len)
		scan(tree);
	else
		check_ignored(tree);
}

static void on_listed(ep_op *op)
{
	ep_tree *tree = op->owner;
	ep_proc *git = (ep_proc *)op;
	if (op->result && op->err) ep_err_move(&tree->err, op->err);
	if (go_on(tree, op->result)) {
		if (git->status == 0)
			take_list(tree, git);
		else if (says_no_repository(git))
			scan(tree);
		else
			finish(tree, fail_git(tree, git));
	}
	ep_proc_release(git);
}

static void ask_git(ep_tree *tree)
{
	static const char *const argv[] = {"git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c",
		"core.quotePath=false", "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", NULL};
	start_git(tree, argv, on_listed);
}

/* --- the start --- */

static int run_locate(ep_work *work) { return ep_tree_locate(((struct step *)work)->tree, &work->err); }

static void on_located(ep_op *op)
{
	ep_tree *tree = op->owner;
	if (!end_step(op, tree)) return;
	if (tree->plan->in_work_tree)
		ask_git(tree);
	else
		scan(tree);
}

ep_tree *ep_tree_start(ep_procs *procs, const char *folder, const ep_tree_options *options)
{
	ep_tree *tree = ep_calloc(1, sizeof *tree);
	struct ep_tree_plan *plan = ep_calloc(1, sizeof *plan);
	char *copy = ep_strdup(folder);
	if (!tree || !plan || !copy) {
		ep_free(tree);
		ep_free(plan);
		ep_free(copy);
		return NULL;
	}
	ep_op_init(&tree->op, ep_procs_loop(procs), &tree_class, &tree->err);
	plan->procs = procs;
	plan->folder = copy;
	plan->skip_binary = options && options->skip_binary;
	plan->ids = options && options->ids;
	tree->plan = plan;
	tree->folder = -1;
	ep_op_start(&tree->op);
	start_step(tree, run_locate, on_located);
	return tree;
}
