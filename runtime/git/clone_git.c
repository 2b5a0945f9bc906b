/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/git/classify.h"
#include "runtime/git/clone_private.h"
#include "runtime/git/env.h"

/* A clone that nothing is asked of but the whole of it is one run of git, FETCH. */
enum stage { FETCH, COUNT, NARROW, CHECKOUT, DONE };

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

static bool has_caps(const ep_git_clone *c) { return c->caps.files || c->caps.bytes; }

/* Whether the checkout is a stage of its own, because something comes before it. */
static bool is_staged(const ep_git_clone *c) { return has_caps(c) || c->sparse; }

static void add_fetch(arguments *a, const ep_git_clone *c)
{
	char depth[32];
	snprintf(depth, sizeof depth, "%u", c->depth);
	add(a, "clone");
	add(a, "--template=");
	add(a, "--no-recurse-submodules");
	add(a, c->on_progress ? "--progress" : "--quiet");
	add_value(a, "--depth", c->depth ? depth : NULL);
	if (c->single_branch) add(a, c->single_branch == EP_GIT_YES ? "--single-branch" : "--no-single-branch");
	add_value(a, "--branch", c->chosen);
	add_value(a, "--filter", c->filter);
	add_value(a, "--reference", c->reference);
	if (c->reference) add(a, "--dissociate");
	if (is_staged(c)) add(a, "--no-checkout");
	add(a, "--");
	add(a, c->url.text);
	add(a, c->place.path);
}

static void make_arguments(arguments *a, const ep_git_clone *c)
{
	*a = (arguments){.argv = {"git"}, .count = 1};
	switch (c->stage) {
	case FETCH: add_fetch(a, c); break;
	case COUNT:
		add(a, "ls-tree");
		add(a, "-rz");
		if (!c->filter) add(a, "-l"); /* sizes, which a partial clone would have to fetch one by one */
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
		add(a, c->on_progress ? "--progress" : "--quiet");
		add(a, "--force");
		add(a, "HEAD");
		add(a, "--");
	}
}

static void configure(ep_git_env *env, const ep_git_clone *c)
{
	char seconds[32];
	ep_buf key = {0};
	snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)((c->stall + EP_SECOND - 1) / EP_SECOND));
	ep_git_env_start(env, &(ep_git_env_options){.ca_file = c->ca_file});
	ep_git_env_config(env, "http.lowSpeedLimit", "1");
	ep_git_env_config(env, "http.lowSpeedTime", seconds);
	ep_buf_printf(&key, "credential.%s.helper", c->url.scope);
	if (ep_buf_failed(&key))
		env->failed = true;
	else if (c->secret)
		ep_git_env_config(env, key.data, ep_git_credential_helper);
	ep_buf_fini(&key);
}

/* The folders of a sparse checkout as git reads them: one a line, quoted as in C. */
static void list_folders(ep_buf *text, const ep_git_clone *c)
{
	for (char **folder = c->sparse; *folder; folder++) {
		ep_buf_putc(text, '"');
		for (const char *at = *folder; *at; at++) {
			if (*at == '"' || *at == '\\') ep_buf_putc(text, '\\');
			ep_buf_putc(text, *at);
		}
		ep_buf_puts(text, "\"\n");
	}
}

/* --- what came of it --- */

static void explain_auth(ep_git_clone *c)
{
	if (c->error.code != EP_EAUTH) return;
	const char *why = !c->secret  ? "the server asks for a credential, and none was given"
		: !c->credential.answered ? "the server asks for a credential of another place, which it does not get"
								  : "the server refused the credential";
	ep_git_clone_say(c, "%s: %s", c->what, why);
	c->error.status = 401;
}

/* max_bytes is also the limit of each file's size: what would write more fails with EFBIG. */
static bool met_file_limit(const ep_git_clone *c, const char *words)
{
	return c->caps.bytes && strstr(words, "File too large");
}

static void explain_exit(ep_git_clone *c, const ep_proc *p)
{
	size_t len;
	const char *words = ep_reader_bytes(&p->err, &len);
	if (p->op.result == EP_ENOENT && !p->pid && c->stage == FETCH) {
		ep_err_set(&c->error, EP_ENOGIT, "%s: there is no git in PATH; install it", c->what);
	} else if (p->op.result) {
		ep_err_move(&c->error, &c->proc->error);
		ep_err_set(&c->error, p->op.result, "%s: git failed", c->what);
	} else if (met_file_limit(c, words)) {
		ep_git_caps_check(&c->caps, &(ep_git_caps){.bytes = UINT64_MAX}, c->what, &c->error);
	} else if (p->signal) {
		ep_err_set(&c->error, EP_EEXIT, "%s: git was ended by signal %d", c->what, p->signal);
		c->error.status = p->status;
	} else {
		ep_git_classify(&c->error, c->secrets, c->what, p->status, words, len);
		explain_auth(c);
	}
}

/* --- from stage to stage --- */

static int inspect(ep_git_clone *c)
{
	int rc = c->secret ? ep_git_place_check_config(c->place.path, c->secret, &c->error) : 0;
	return rc ? rc : ep_git_place_read(c->head, &c->branch, c->place.path, &c->error);
}

static int measure(ep_git_clone *c)
{
	ep_git_caps now;
	int rc = ep_git_measure(&now, c->place.path, NULL);
	if (rc) return ep_err_set(&c->error, rc, "%s: no memory to measure it", c->what);
	return ep_git_caps_check(&c->caps, &now, c->what, &c->error);
}

static void after_measure(ep_git_clone *c, int rc)
{
	if (ep_git_clone_gave_up(c) || rc)
		ep_git_clone_fail(c);
	else
		ep_git_clone_finish(c);
}

static bool is_wanted(const ep_git_clone *c, int stage)
{
	if (!*c->head) return false; /* an empty repository */
	switch (stage) {
	/* Without trees, listing them would fetch them one by one. */
	case COUNT: return has_caps(c) && !(c->filter && strncmp(c->filter, "blob:", 5) != 0);
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
	else if (has_caps(c))
		ep_git_clone_step(c, measure, after_measure);
	else
		ep_git_clone_finish(c);
}

static void after_inspect(ep_git_clone *c, int rc)
{
	if (ep_git_clone_gave_up(c) || rc)
		ep_git_clone_fail(c);
	else
		next_stage(c);
}

static void on_git_end(ep_op *op)
{
	ep_git_clone *c = op->owner;
	ep_proc *p = c->proc;
	bool failed = ep_git_clone_gave_up(c);
	if (!failed && (op->result || p->status)) {
		failed = true;
		explain_exit(c, p);
	}
	if (!failed && c->listing.lost)
		failed = ep_err_set(&c->error, EP_ENOMEM, "%s: no memory to count its files", c->what) != 0;
	c->proc = NULL;
	ep_proc_release(p);
	if (failed)
		ep_git_clone_fail(c);
	else if (c->stage == FETCH)
		ep_git_clone_step(c, inspect, after_inspect);
	else
		next_stage(c);
}

static void on_git_words(void *arg, const char *bytes, size_t len)
{
	ep_git_clone *c = arg;
	if (c->on_progress) ep_git_progress_read(&c->reader, bytes, len, c->on_progress, c->arg);
}

static void on_tree(void *arg, const char *bytes, size_t len)
{
	ep_git_clone *c = arg;
	ep_git_listing_read(&c->listing, bytes, len);
	ep_git_caps seen = {.files = c->listing.files, .bytes = c->listing.bytes};
	if (!c->over && ep_git_caps_check(&c->caps, &seen, c->what, NULL)) ep_git_clone_exceed(c, &seen);
}

static int start_git(ep_git_clone *c)
{
	arguments a;
	ep_git_env env = {0};
	ep_buf input = {0};
	make_arguments(&a, c);
	configure(&env, c);
	if (c->stage == NARROW) list_folders(&input, c);
	int rc = ep_git_env_end(&env, &c->error);
	if (!rc && (a.failed || ep_buf_failed(&input))) rc = ep_err_set(&c->error, EP_ENOMEM, "no memory to run git");
	ep_proc_options o = {.argv = a.argv, .env = (const char *const *)env.vars, .grace = c->grace, .apart = true};
	o.cwd = c->stage == FETCH ? NULL : c->place.path;
	o.in = c->stage == NARROW ? EP_PROC_PIPE : EP_PROC_NULL;
	o.in_bytes = ep_buf_text(&input);
	o.in_len = input.len;
	if (c->stage == COUNT) o.out = (ep_output){.mode = EP_OUT_TAIL, .max = 1, .on_bytes = on_tree, .arg = c};
	o.err = (ep_output){.mode = EP_OUT_TAIL, .on_bytes = c->on_progress ? on_git_words : NULL, .arg = c};
	o.no_core = c->secret != NULL;
	o.file_max = c->caps.bytes;
	o.fds = &c->channel;
	o.fd_count = c->channel >= 0;
	if (!rc) rc = ep_proc_start(&c->proc, c->procs, &o, &c->error);
	ep_git_env_fini(&env);
	free_arguments(&a);
	ep_buf_fini(&input);
	return rc;
}

static void run_stage(ep_git_clone *c)
{
	if (start_git(c))
		ep_git_clone_fail(c);
	else
		ep_op_wait(&c->proc->op, on_git_end, c);
}

void ep_git_clone_run(ep_git_clone *c)
{
	int rc = c->secret ? ep_git_credential_open(&c->credential, &c->channel, &c->op, &c->url, c->secret) : 0;
	c->stage = FETCH;
	if (!rc) {
		run_stage(c);
		return;
	}
	ep_err_set(&c->error, rc, "%s: opening the channel of the credential: %s", c->what, ep_err_slug(rc));
	ep_git_clone_fail(c);
}
