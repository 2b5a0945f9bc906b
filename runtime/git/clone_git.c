/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/git/clone_private.h"

/* A clone that nothing is asked of but the whole of it is one run of git, FETCH. */
enum stage { FETCH, FOLLOW, COUNT, NARROW, CHECKOUT, DONE };

enum { ARGS_MAX = 24 };

static void run_stage(ep_git_clone *c);

/* --- what git is told --- */

typedef struct arguments {
	const char *argv[ARGS_MAX + 1];
	size_t count;
	char *owned[ARGS_MAX];
	size_t owned_count;
	bool failed;
} arguments;

static void add(arguments *a, const char *arg) { a->argv[a->count++] = arg; }

static void add_value(arguments *a, const char *option, const char *value)
{
	ep_buf text = {0};
	if (!value) return;
	ep_buf_printf(&text, "%s=%s", option, value);
	char *arg = ep_buf_take(&text);
	ep_buf_fini(&text);
	if (!arg) {
		a->failed = true;
		return;
	}
	a->owned[a->owned_count++] = arg;
	add(a, arg);
}

static void free_arguments(arguments *a)
{
	while (a->owned_count) ep_free(a->owned[--a->owned_count]);
}

static bool has_caps(const ep_git_clone *c) { return c->o.caps.files || c->o.caps.bytes; }

/* Whether the checkout is a stage of its own, because something comes before it. */
static bool is_staged(const ep_git_clone *c) { return has_caps(c) || c->sparse; }

static void add_fetch(arguments *a, const ep_git_clone *c)
{
	char depth[32];
	snprintf(depth, sizeof depth, "%u", c->o.depth);
	add(a, "clone");
	add(a, "--template=");
	add(a, "--no-recurse-submodules");
	add(a, c->o.on_progress ? "--progress" : "--quiet");
	add_value(a, "--depth", c->o.depth ? depth : NULL);
	if (c->o.single_branch) add(a, c->o.single_branch == EP_GIT_YES ? "--single-branch" : "--no-single-branch");
	add_value(a, "--branch", c->o.branch);
	add_value(a, "--filter", c->o.filter);
	add_value(a, "--reference", c->o.reference);
	if (c->o.reference) add(a, "--dissociate");
	if (is_staged(c)) add(a, "--no-checkout");
	add(a, "--");
	add(a, c->url.text);
	/* It runs in the folder: its own clean-up removes nothing else. But it makes a path of this when it starts, by which it
	 * writes: the fence holds it to the folder. */
	add(a, ".");
}

static void make_arguments(arguments *a, const ep_git_clone *c)
{
	*a = (arguments){.argv = {"git"}, .count = 1};
	switch (c->stage) {
	case FETCH: add_fetch(a, c); break;
	case FOLLOW:
		add(a, "config");
		add(a, "remote.origin.fetch");
		add(a, "+refs/heads/*:refs/remotes/origin/*");
		break;
	case COUNT:
		add(a, "ls-tree");
		add(a, "-rz");
		if (!c->o.filter) add(a, "-l"); /* sizes, which a partial clone would have to fetch one by one */
		add(a, "HEAD");
		break;
	case NARROW:
		add(a, "sparse-checkout");
		add(a, "set");
		add(a, "--cone");
		add(a, "--stdin");
		break;
	default:
		add(a, "checkout");
		add(a, c->o.on_progress ? "--progress" : "--quiet");
		add(a, "--force");
		add(a, "HEAD");
		add(a, "--");
	}
}

/* The folders of a sparse checkout as git reads them: one a line, quoted as in C. */
static void list_folders(ep_buf *text, const ep_git_clone *c)
{
	for (char **folder = c->sparse; *folder; folder++) {
		ep_buf_putc(text, '"');
		for (const char *at = *folder; *at; at++) {
			if (*at == '"') ep_buf_putc(text, '\\');
			ep_buf_putc(text, *at);
		}
		ep_buf_puts(text, "\"\n");
	}
}

/* --- from stage to stage --- */

/* A clone whose folder is elsewhere is none: its caller would go on with what took the folder's place. */
static int check_there(ep_git_clone *c)
{
	if (ep_git_place_is_there(&c->place)) return 0;
	return ep_err_set(&c->error, EP_EDESTINATION, "%s: the folder was moved", c->what);
}

static int inspect(ep_op *op)
{
	ep_git_clone *c = ep_git_clone_of(op);
	int rc = check_there(c);
	if (rc) return rc;
	rc = c->o.credential ? ep_git_place_check_config(c->place.at, c->o.credential, &c->error) : 0;
	return rc ? rc : ep_git_place_read(c->head, &c->branch, c->place.at, &c->error);
}

static int measure(ep_op *op)
{
	ep_git_clone *c = ep_git_clone_of(op);
	ep_git_caps now;
	int rc = check_there(c);
	if (rc || !has_caps(c)) return rc;
	rc = ep_git_measure(&now, c->place.at, NULL);
	if (rc) return ep_err_set(&c->error, rc, "%s: no memory to measure it", c->what);
	return ep_git_caps_check(&c->o.caps, &now, c->what, &c->error);
}

static void after_measure(ep_op *op, int rc)
{
	ep_git_clone *c = ep_git_clone_of(op);
	if (ep_git_clone_gave_up(c) || rc)
		ep_git_clone_fail(c);
	else
		ep_git_clone_finish(c);
}

/* An empty repository has no branch that could be the single one: git would follow none, and a later fetch bring nothing. */
static bool follows_none(const ep_git_clone *c)
{
	return !*c->head && (c->o.single_branch ? c->o.single_branch == EP_GIT_YES : c->o.depth > 0);
}

static bool is_wanted(const ep_git_clone *c, int stage)
{
	if (stage == FOLLOW) return follows_none(c);
	if (!*c->head) return false; /* an empty repository */
	switch (stage) {
	/* Without trees, listing them would fetch them one by one. */
	case COUNT: return has_caps(c) && !(c->o.filter && strncmp(c->o.filter, "blob:", 5) != 0);
	case NARROW: return c->sparse != NULL;
	case CHECKOUT: return is_staged(c);
	default: return false;
	}
}

static void next_stage(ep_git_clone *c)
{
	do c->stage++;
	while (c->stage != DONE && !is_wanted(c, c->stage));
	if (c->stage != DONE)
		run_stage(c);
	else if (is_staged(c))
		ep_git_step_run(&c->step, &c->op, measure, after_measure);
	else
		ep_git_clone_finish(c);
}

static void after_inspect(ep_op *op, int rc)
{
	ep_git_clone *c = ep_git_clone_of(op);
	if (ep_git_clone_gave_up(c) || rc)
		ep_git_clone_fail(c);
	else
		next_stage(c);
}

/* max_bytes is also the limit of each file's size: what would write more fails with EFBIG. */
static bool met_file_limit(const ep_git_clone *c, const ep_git_command *git)
{
	return c->o.caps.bytes && git->error.code == EP_ETOOLARGE;
}

/* Whether all is well so far; c->error is set if not. */
static bool judge(ep_git_clone *c, ep_git_command *git)
{
	if (ep_git_clone_gave_up(c)) return false;
	if (met_file_limit(c, git)) {
		ep_git_caps_check(&c->o.caps, &(ep_git_caps){.bytes = UINT64_MAX}, c->what, &c->error);
	} else if (git->op.result) {
		ep_err_move(&c->error, &git->error);
		ep_err_set(&c->error, git->op.result, "%s: git failed", c->what);
	} else if (c->listing.lost) {
		ep_err_set(&c->error, EP_ENOMEM, "%s: no memory to count its files", c->what);
	}
	return !c->error.code;
}

static void on_git_end(ep_op *op)
{
	ep_git_clone *c = op->owner;
	ep_git_command *git = c->git;
	bool well = judge(c, git);
	c->asked += git->asked;
	c->answered += git->answered;
	c->git = NULL;
	ep_git_command_release(git);
	if (!well)
		ep_git_clone_fail(c);
	else if (c->stage == FETCH)
		ep_git_step_run(&c->step, &c->op, inspect, after_inspect);
	else
		next_stage(c);
}

/* The end of a stage is not that of the clone. */
static void on_git_progress(void *arg, const ep_git_progress *now)
{
	const ep_git_clone *c = arg;
	if (now && c->o.on_progress) c->o.on_progress(c->o.arg, now);
}

static void on_tree(void *arg, const char *bytes, size_t len)
{
	ep_git_clone *c = arg;
	ep_git_listing_read(&c->listing, bytes, len);
	ep_git_caps seen = {.files = c->listing.files, .bytes = c->listing.bytes};
	if (!c->over && ep_git_caps_check(&c->o.caps, &seen, c->what, NULL)) ep_git_clone_exceed(c, &seen);
}

static int start_git(ep_git_clone *c)
{
	arguments a;
	ep_buf input = {0};
	make_arguments(&a, c);
	if (c->stage == NARROW) list_folders(&input, c);
	ep_git_command_options o = {.argv = a.argv, .what = c->what, .arg = c};
	o.fence = c->fence;
	o.held = c->stage != FETCH;
	if (o.held)
		o.directory = c->place.at;
	else
		o.cwd = c->place.at;
	o.url = c->url.text;
	if (c->stage == NARROW) {
		o.in_bytes = ep_buf_text(&input);
		o.in_len = input.len;
	}
	if (c->stage == COUNT) o.on_output = on_tree;
	if (c->o.on_progress) o.on_progress = on_git_progress;
	o.credential = c->o.credential;
	o.secrets = c->o.secrets;
	o.ca_file = c->o.ca_file;
	o.allow_http = c->o.allow_http;
	o.stall = c->o.stall;
	o.grace = c->o.grace;
	o.file_max = c->o.caps.bytes;
	int rc = a.failed || ep_buf_failed(&input) ? ep_err_set(&c->error, EP_ENOMEM, "no memory to run git") : 0;
	if (!rc) rc = ep_git_command_start(&c->git, c->procs, &o, &c->error);
	free_arguments(&a);
	ep_buf_fini(&input);
	return rc;
}

static void run_stage(ep_git_clone *c)
{
	if (start_git(c))
		ep_git_clone_fail(c);
	else
		ep_op_wait(&c->git->op, on_git_end, c);
}

void ep_git_clone_run(ep_git_clone *c)
{
	c->stage = FETCH;
	run_stage(c);
}
