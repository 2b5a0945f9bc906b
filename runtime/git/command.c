/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/command_private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/git/classify.h"

enum { OPERATION_MAX = 600 };

static ep_git_command *command_of(ep_op *op) { return (ep_git_command *)op; }

static const char *verb(const ep_git_command *c) { return c->o.argv[1]; }

/* --- the end --- */

/* The command as one would type it, for err.operation. */
static void tell_operation(ep_git_command *c)
{
	ep_buf line = {0}, masked = {0};
	for (const char *const *arg = c->o.argv; *arg && line.len < OPERATION_MAX; arg++) {
		bool plain = **arg && !(*arg)[strcspn(*arg, " \t\n'\"\\$`;&|<>()*?[]#~!{}\r")];
		ep_buf_printf(&line, plain ? "%s%s" : "%s'%s'", arg == c->o.argv ? "" : " ", *arg);
	}
	ep_mask(&masked, c->o.secrets, ep_buf_text(&line), line.len);
	if (masked.len > OPERATION_MAX) {
		masked.len = OPERATION_MAX;
		ep_buf_puts(&masked, "...");
	}
	if (!ep_buf_failed(&masked)) ep_err_text(&c->error.operation, ep_buf_text(&masked), masked.len);
	ep_buf_fini(&line);
	ep_buf_fini(&masked);
}

static void finish(ep_op *op, int rc)
{
	ep_git_command *c = command_of(op);
	(void)rc;
	if (c->error.code) tell_operation(c);
	if (c->o.on_progress) c->o.on_progress(c->o.arg, NULL);
	ep_op_finish(op, c->error.code);
}

static int clean(ep_op *op)
{
	ep_git_command *c = command_of(op);
	ep_git_leftover_remove(&c->since, c->repository.git_dir, c->repository.common);
	return 0;
}

/* What a git that was killed leaves in a repository is removed before anybody is told. Of a folder that is held all goes. */
static void end(ep_git_command *c)
{
	if (c->killed && c->repository.git_dir && !c->o.held)
		ep_git_step_run(&c->step, &c->op, clean, finish);
	else
		finish(&c->op, 0);
}

/* --- what git's end means --- */

static void explain_auth(ep_git_command *c)
{
	ep_buf text = {0};
	if (c->error.code != EP_EAUTH) return;
	const char *why = c->withheld
		? "the server asks for a credential, and the one that was given is for another address"
		: !ep_git_command_has_credential(c) ? "the server asks for a credential, and none was given"
		: !c->answered                      ? "the server asks for a credential of another place, which it does not get"
											: "the server refused the credential";
	ep_buf_printf(&text, "%s: %s", c->o.what, why);
	if (!ep_buf_failed(&text)) ep_err_text(&c->error.message, text.data, text.len);
	ep_buf_fini(&text);
	c->error.status = 401;
}

/* git says some of its reasons on its standard output; what has a NUL in it are no words. */
static void classify(ep_git_command *c)
{
	ep_git_said said = {0};
	said.words = ep_reader_bytes(&c->proc->err, &said.words_len);
	said.output = ep_reader_bytes(&c->proc->out, &said.output_len);
	said.is_cut = said.words_len >= EP_OUT_MAX;
	if (said.output_len && memchr(said.output, '\0', said.output_len)) said.output_len = 0;
	ep_git_classify(&c->error, c->o.secrets, c->o.what, c->status, &said);
	explain_auth(c);
}

static bool is_accepted(const ep_git_command *c)
{
	return c->o.accepted == EP_GIT_ANY_STATUS || (c->status < 64 && (c->o.accepted >> c->status & 1));
}

static void judge(ep_git_command *c)
{
	const ep_proc *p = c->proc;
	c->status = p->status;
	if (ep_git_step_aborted(&c->op, c->o.what)) {
		c->killed = true;
	} else if (p->op.result == EP_ENOENT && !p->pid) {
		ep_err_set(&c->error, EP_ENOGIT, "%s: there is no git in PATH; install it", c->o.what);
	} else if (p->op.result) {
		ep_err_move(&c->error, &c->proc->error);
		ep_err_set(&c->error, p->op.result, "%s: git failed", c->o.what);
		c->killed = true; /* too much output, for one */
	} else if (p->signal) {
		ep_err_set(&c->error, EP_EEXIT, "%s: git was ended by signal %d", c->o.what, p->signal);
		c->error.status = p->status;
		c->killed = true;
	} else if (p->status && !is_accepted(c)) {
		classify(c);
	}
}

static void on_git_end(ep_op *op)
{
	ep_git_command *c = op->owner;
	c->asked = c->credential.asked;
	c->answered = c->credential.answered;
	judge(c);
	if (c->credential.secret) ep_git_credential_close(&c->credential);
	end(c);
}

/* --- the start of git --- */

static void on_git_words(void *arg, const char *bytes, size_t len)
{
	ep_git_command *c = arg;
	if (c->o.on_progress) ep_git_progress_read(&c->reader, bytes, len, c->o.on_progress, c->o.arg);
}

static void on_output(void *arg, const char *bytes, size_t len)
{
	ep_git_command *c = arg;
	c->o.on_output(c->o.arg, bytes, len);
}

static int start_git(ep_git_command *c, const int *fds, size_t fd_count)
{
	char global[32];
	snprintf(global, sizeof global, "/proc/self/fd/%zu", 2 + fd_count);
	ep_git_command_configure(c, global);
	int rc = ep_git_env_end(&c->env, &c->error);
	ep_proc_options o = {
		.argv = c->o.argv, .env = (const char *const *)c->env.vars, .grace = c->o.grace, .apart = true};
	o.no_core = ep_git_command_has_credential(c);
	o.file_max = c->o.file_max;
	o.fence = c->o.fence;
	o.cwd = c->o.held             ? c->o.directory
		: c->repository.work_tree ? c->repository.work_tree
		: c->repository.git_dir   ? c->repository.git_dir
								  : c->o.cwd;
	o.in = c->o.in_bytes ? EP_PROC_PIPE : EP_PROC_NULL;
	o.in_bytes = c->o.in_bytes;
	o.in_len = c->o.in_len;
	o.out = (ep_output){.mode = EP_OUT_CAPTURE, .max = c->o.max_output ? c->o.max_output : EP_GIT_OUTPUT_MAX};
	if (c->o.on_output) o.out = (ep_output){.mode = EP_OUT_TAIL, .max = 1, .on_bytes = on_output, .arg = c};
	o.err = (ep_output){.mode = EP_OUT_TAIL, .on_bytes = c->o.on_progress ? on_git_words : NULL, .arg = c};
	o.fds = fds;
	o.fd_count = fd_count;
	if (!rc) rc = ep_proc_start(&c->proc, c->procs, &o, &c->error);
	ep_git_env_fini(&c->env);
	return rc;
}

/* The child has the credential's channel as 3, and the machine's settings behind it. */
static void after_prepare(ep_op *op, int rc)
{
	ep_git_command *c = command_of(op);
	int fds[2] = {-1, -1}, channel = -1;
	size_t count = 0;
	if (ep_git_step_aborted(&c->op, c->o.what) || rc) {
		finish(op, rc);
		return;
	}
	if (ep_git_command_has_credential(c))
		rc = ep_git_credential_open(&c->credential, &channel, op, &c->url, c->o.credential);
	if (channel >= 0) fds[count++] = channel;
	fds[count++] = c->global;
	if (rc)
		ep_err_set(&c->error, rc, "%s: opening the channel of the credential: %s", c->o.what, ep_err_slug(rc));
	else
		rc = start_git(c, fds, count);
	if (channel >= 0) close(channel);
	if (!rc) {
		ep_op_wait(&c->proc->op, on_git_end, c);
		return;
	}
	if (c->credential.secret) ep_git_credential_close(&c->credential);
	finish(op, rc);
}

/* --- before git: on a thread --- */

static int copy(char **to, const char *text)
{
	ep_free(*to);
	*to = ep_strdup(text);
	return *to ? 0 : EP_ENOMEM;
}

/* By the names that they have in the folder that is held. */
static int name_from_within(ep_git_command *c)
{
	ep_git_repository *r = &c->repository;
	size_t len = r->work_tree ? strlen(r->work_tree) : 0;
	if (!len || strncmp(r->git_dir, r->work_tree, len) != 0 || strcmp(r->git_dir + len, "/.git") != 0)
		return ep_err_set(&c->error, EP_ECORRUPT, "%s: the git directory is not in the folder", c->o.what);
	return copy(&r->work_tree, ".") || copy(&r->git_dir, ".git") ? EP_ENOMEM : 0;
}

static int prepare(ep_op *op)
{
	ep_git_command *c = command_of(op);
	int rc = 0;
	if (c->o.directory)
		rc = ep_git_repository_read(&c->repository, c->o.directory, c->o.git_dir, c->o.trust, verb(c), &c->error);
	if (!rc) rc = ep_git_command_find_remote(c);
	if (!rc && c->o.held) rc = name_from_within(c);
	if (!rc) rc = ep_git_machine_open(&c->global, &c->machine, &c->error);
	if (rc) ep_err_set(&c->error, rc, "%s: no memory", c->o.what); /* who fails otherwise has said why */
	ep_git_leftover_start(&c->since);
	return rc;
}

/* --- the op --- */

/* A step on a thread is waited for: it sees the abort when it comes back. */
static void abort_command(ep_op *op)
{
	ep_git_command *c = command_of(op);
	if (c->proc) ep_op_cancel(&c->proc->op, op->why);
}

static void free_command(ep_op *op)
{
	ep_git_command *c = command_of(op);
	if (c->proc) ep_proc_release(c->proc);
	if (c->global >= 0) close(c->global);
	ep_git_repository_fini(&c->repository);
	ep_git_machine_fini(&c->machine);
	ep_git_env_fini(&c->env);
	ep_git_url_fini(&c->url);
	ep_secret_release(c->o.credential);
	ep_err_fini(&c->error);
	ep_buf_wipe(&c->texts);
	ep_free(c->lists);
	ep_free(c->loopback);
	ep_free(c);
}

static void describe_command(const ep_op *op, ep_buf *text) { ep_buf_puts(text, ((const ep_git_command *)op)->o.what); }

static const ep_op_class command_class = {
	.name = "git", .abort = abort_command, .free = free_command, .describe = describe_command};

int ep_git_command_start(ep_git_command **out, ep_procs *procs, const ep_git_command_options *o, ep_err *err)
{
	ep_git_url url = {0};
	if (!o->argv[0] || !o->argv[1]) return ep_err_set(err, EP_EINVAL, "which command of git is to run was not said");
	int rc = o->url ? ep_git_url_read(&url, o->url, strlen(o->url), o->allow_http, err) : 0;
	if (rc) return rc;
	ep_git_command *c = ep_calloc(1, sizeof *c);
	if (!c) {
		ep_git_url_fini(&url);
		return ep_err_set(err, EP_ENOMEM, "no memory for a command of git");
	}
	ep_op_init(&c->op, ep_procs_loop(procs), &command_class, &c->error);
	c->procs = procs;
	c->url = url;
	c->credential.fd = c->global = -1;
	if (ep_git_command_copy(c, o)) {
		ep_op_unref(&c->op);
		return ep_err_set(err, EP_ENOMEM, "no memory for a command of git");
	}
	ep_op_start(&c->op);
	ep_git_step_run(&c->step, &c->op, prepare, after_prepare);
	*out = c;
	return 0;
}

const char *ep_git_command_output(const ep_git_command *c, size_t *len) { return ep_reader_bytes(&c->proc->out, len); }

const char *ep_git_command_words(const ep_git_command *c, size_t *len) { return ep_reader_bytes(&c->proc->err, len); }

void ep_git_command_release(ep_git_command *c) { ep_op_release(&c->op); }
