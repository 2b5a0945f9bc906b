/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/clone.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/git/classify.h"
#include "runtime/git/env.h"

enum { DEFAULT_STALL_SECONDS = 60, ARGS_MAX = 16, ARG_MAX_LEN = 300 };

/* --- steps on a thread: they are short, and run to their end also while the loop closes, as no ep_work does --- */

static void on_uv_work(uv_work_t *work)
{
	ep_git_clone *c = work->data;
	c->rc = c->run(c);
}

static void on_uv_after(uv_work_t *work, int status)
{
	ep_git_clone *c = work->data;
	ep_loop *loop = c->op.loop;
	(void)status; /* never cancelled */
	c->after(c, c->rc);
	ep_op_unref(&c->op);
	ep_loop_handle_closed(loop);
}

static void run_step(ep_git_clone *c, int (*run)(ep_git_clone *), void (*after)(ep_git_clone *, int))
{
	c->run = run;
	c->after = after;
	c->work.data = c;
	ep_op_retain(&c->op);
	ep_loop_handle_opened(c->op.loop);
	uv_queue_work(ep_loop_uv(c->op.loop), &c->work, on_uv_work, on_uv_after);
}

/* --- the end --- */

static void finish(ep_git_clone *c)
{
	if (c->on_progress) c->on_progress(c->arg, NULL);
	ep_op_finish(&c->op, c->error.code);
}

static int undo(ep_git_clone *c)
{
	c->disk_full = ep_git_place_full(&c->place);
	return ep_git_place_undo(&c->place, &c->undo_error);
}

static void set_message(ep_git_clone *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void set_message(ep_git_clone *c, const char *format, ...)
{
	ep_buf text = {0};
	va_list args;
	va_start(args, format);
	ep_buf_vprintf(&text, format, args);
	va_end(args);
	if (!ep_buf_failed(&text)) ep_err_text(&c->error.message, text.data, text.len);
	ep_buf_fini(&text);
}

static void after_undo(ep_git_clone *c, int rc)
{
	if (c->error.code == EP_EIO && c->disk_full) { /* git does not always say why it cannot write */
		c->error.code = EP_ENOSPACE;
		set_message(c, "%s: the disk is full", c->what);
	}
	if (rc) /* what was left behind is said, behind the cause */
		set_message(c, "%s; and what it left could not be removed: %s", ep_err_message(&c->error),
			ep_err_message(&c->undo_error));
	finish(c);
}

/* c->error says why. */
static void fail(ep_git_clone *c)
{
	ep_err_text(&c->error.operation, "git clone", 9);
	run_step(c, undo, after_undo);
}

/* True when the op was aborted meanwhile; the error is set then. */
static bool was_aborted(ep_git_clone *c)
{
	if (c->op.state != EP_OP_ENDING) return false;
	const char *why =
		c->op.why == EP_ETIMEOUT ? "it did not end in time and was stopped" : "stopped, because it was cancelled";
	ep_err_fini(&c->error);
	ep_err_set(&c->error, c->op.why, "%s: %s", c->what, why);
	c->error.retryable = c->op.why == EP_ETIMEOUT;
	return true;
}

static int inspect(ep_git_clone *c)
{
	int rc = c->secret ? ep_git_place_check_config(c->place.path, c->secret, &c->error) : 0;
	return rc ? rc : ep_git_place_read(c->head, &c->branch, c->place.path, &c->error);
}

static void after_inspect(ep_git_clone *c, int rc)
{
	if (was_aborted(c) || rc)
		fail(c);
	else
		finish(c);
}

/* --- git --- */

static void explain_auth(ep_git_clone *c)
{
	if (c->error.code != EP_EAUTH) return;
	const char *why = !c->secret ? "the server asks for a credential, and none was given"
		: !c->answered           ? "the server asks for a credential of another place, which it does not get"
								 : "the server refused the credential";
	set_message(c, "%s: %s", c->what, why);
	c->error.status = 401;
}

static void explain_exit(ep_git_clone *c, const ep_proc *p)
{
	size_t len;
	const char *words = ep_reader_bytes(&p->err, &len);
	if (p->op.result == EP_ENOENT && !p->pid) {
		ep_err_set(&c->error, EP_ENOGIT, "%s: there is no git in PATH; install it", c->what);
	} else if (p->op.result) {
		ep_err_move(&c->error, &c->proc->error);
		ep_err_set(&c->error, p->op.result, "%s: git failed", c->what);
	} else if (p->signal) {
		ep_err_set(&c->error, EP_EEXIT, "%s: git was ended by signal %d", c->what, p->signal);
		c->error.status = p->status;
	} else {
		ep_git_classify(&c->error, c->secrets, c->what, p->status, words, len);
		explain_auth(c);
	}
}

static void on_git_end(ep_op *op)
{
	ep_git_clone *c = op->owner;
	ep_proc *p = c->proc;
	c->asked = c->credential.asked;
	c->answered = c->credential.answered;
	if (c->secret) ep_git_credential_close(&c->credential);
	bool failed = was_aborted(c);
	if (!failed && (op->result || p->status)) {
		failed = true;
		explain_exit(c, p);
	}
	c->proc = NULL;
	ep_proc_release(p);
	if (failed)
		fail(c);
	else
		run_step(c, inspect, after_inspect);
}

static void on_git_words(void *arg, const char *bytes, size_t len)
{
	ep_git_clone *c = arg;
	if (c->on_progress) ep_git_progress_read(&c->reader, bytes, len, c->on_progress, c->arg);
}

typedef struct arguments {
	const char *argv[ARGS_MAX + 1];
	char branch[ARG_MAX_LEN], filter[ARG_MAX_LEN], depth[32];
	size_t count;
} arguments;

static void add(arguments *a, const char *arg) { a->argv[a->count++] = arg; }

static void make_arguments(arguments *a, const ep_git_clone *c)
{
	*a = (arguments){.argv = {"git", "clone", "--template=", "--no-recurse-submodules"}, .count = 4};
	add(a, c->on_progress ? "--progress" : "--quiet");
	if (c->depth) {
		snprintf(a->depth, sizeof a->depth, "--depth=%u", c->depth);
		add(a, a->depth);
	}
	if (c->single_branch) add(a, c->single_branch == EP_GIT_YES ? "--single-branch" : "--no-single-branch");
	if (c->chosen) {
		snprintf(a->branch, sizeof a->branch, "--branch=%s", c->chosen);
		add(a, a->branch);
	}
	if (c->filter) {
		snprintf(a->filter, sizeof a->filter, "--filter=%s", c->filter);
		add(a, a->filter);
	}
	add(a, "--");
	add(a, c->url.text);
	add(a, c->place.path);
}

static void configure(ep_git_env *env, const ep_git_clone *c)
{
	char seconds[32];
	ep_buf key = {0};
	snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)((c->stall + EP_SECOND - 1) / EP_SECOND));
	ep_git_env_start(env, c->ca_file);
	ep_git_env_config(env, "http.lowSpeedLimit", "1");
	ep_git_env_config(env, "http.lowSpeedTime", seconds);
	ep_buf_printf(&key, "credential.%s.helper", c->url.scope);
	if (ep_buf_failed(&key))
		env->failed = true;
	else if (c->secret)
		ep_git_env_config(env, key.data, ep_git_credential_helper);
	ep_buf_fini(&key);
}

static int start_git(ep_git_clone *c, int *child)
{
	arguments a;
	ep_git_env env = {0};
	make_arguments(&a, c);
	configure(&env, c);
	int rc = ep_git_env_end(&env, &c->error);
	ep_proc_options o = {.argv = a.argv, .env = (const char *const *)env.vars, .grace = c->grace, .apart = true};
	o.no_core = c->secret != NULL;
	o.err = (ep_output){.mode = EP_OUT_TAIL, .on_bytes = c->on_progress ? on_git_words : NULL, .arg = c};
	o.fds = child;
	o.fd_count = *child >= 0;
	if (!rc) rc = ep_proc_start(&c->proc, c->procs, &o, &c->error);
	ep_git_env_fini(&env);
	return rc;
}

static void after_take(ep_git_clone *c, int rc)
{
	int child = -1;
	if (was_aborted(c) || rc) {
		fail(c);
		return;
	}
	if (c->secret) rc = ep_git_credential_open(&c->credential, &child, &c->op, &c->url, c->secret);
	if (rc)
		ep_err_set(&c->error, rc, "%s: opening the channel of the credential: %s", c->what, ep_err_slug(rc));
	else
		rc = start_git(c, &child);
	if (child >= 0) close(child);
	if (!rc) {
		ep_op_wait(&c->proc->op, on_git_end, c);
		return;
	}
	if (c->credential.secret) ep_git_credential_close(&c->credential);
	fail(c);
}

/* --- the op --- */

/* A step on a thread is waited for: it sees the abort when it comes back. */
static void abort_clone(ep_op *op)
{
	ep_git_clone *c = (ep_git_clone *)op;
	if (c->proc) ep_op_cancel(&c->proc->op, op->why);
}

static void free_clone(ep_op *op)
{
	ep_git_clone *c = (ep_git_clone *)op;
	ep_git_url_fini(&c->url);
	ep_secret_release(c->secret);
	ep_free(c->place.path);
	ep_free(c->chosen);
	ep_free(c->filter);
	ep_free(c->ca_file);
	ep_free(c->what);
	ep_free(c->branch);
	ep_err_fini(&c->error);
	ep_err_fini(&c->undo_error);
	ep_free(c);
}

static void describe_clone(const ep_op *op, ep_buf *text) { ep_buf_puts(text, ((const ep_git_clone *)op)->what); }

static const ep_op_class clone_class = {
	.name = "git clone", .abort = abort_clone, .free = free_clone, .describe = describe_clone};

static int take(ep_git_clone *c) { return ep_git_place_take(&c->place, &c->error); }

static int check(const ep_git_clone_options *o, ep_err *err)
{
	int rc = o->branch ? ep_git_ref_check(o->branch, strlen(o->branch), err) : 0;
	if (!rc && o->filter) rc = ep_git_filter_check(o->filter, strlen(o->filter), err);
	if (!rc && !*o->directory) rc = ep_err_set(err, EP_EINVAL, "the folder of a clone has no name");
	return rc;
}

/* Copies what outlives the call. */
static int copy(ep_git_clone *c, const ep_git_clone_options *o)
{
	ep_buf what = {0};
	ep_buf_printf(&what, "cloning %s", c->url.text);
	c->what = ep_buf_take(&what);
	c->place.path = ep_strdup(o->directory);
	c->chosen = ep_strdup(o->branch);
	c->filter = ep_strdup(o->filter);
	c->ca_file = ep_strdup(o->ca_file);
	c->secret = o->credential ? ep_secret_retain(o->credential) : NULL;
	c->secrets = o->secrets;
	c->depth = o->depth;
	c->single_branch = o->single_branch;
	c->stall = o->stall ? o->stall : DEFAULT_STALL_SECONDS * EP_SECOND;
	c->grace = o->grace;
	c->on_progress = o->on_progress;
	c->arg = o->arg;
	bool lost = !c->what || !c->place.path || (o->branch && !c->chosen) || (o->filter && !c->filter);
	return lost || (o->ca_file && !c->ca_file) ? EP_ENOMEM : 0;
}

int ep_git_clone_start(ep_git_clone **out, ep_procs *procs, const ep_git_clone_options *o, ep_err *err)
{
	ep_git_url url;
	int rc = check(o, err);
	if (!rc) rc = ep_git_url_read(&url, o->url, strlen(o->url), o->allow_http, err);
	if (rc) return rc;
	ep_git_clone *c = ep_calloc(1, sizeof *c);
	if (!c) {
		ep_git_url_fini(&url);
		return ep_err_set(err, EP_ENOMEM, "no memory for a clone");
	}
	ep_op_init(&c->op, ep_procs_loop(procs), &clone_class, &c->error);
	c->procs = procs;
	c->url = url;
	c->credential.fd = -1;
	if (copy(c, o)) {
		ep_op_unref(&c->op);
		return ep_err_set(err, EP_ENOMEM, "no memory for a clone");
	}
	ep_op_start(&c->op);
	run_step(c, take, after_take);
	*out = c;
	return 0;
}
