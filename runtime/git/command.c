/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/git/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/git/classify.h"

enum { DEFAULT_STALL_SECONDS = 60, OPERATION_MAX = 600, WORDS_OF_OUTPUT = 4096 };

static ep_git_command *command_of(ep_op *op) { return (ep_git_command *)op; }

static const char *verb(const ep_git_command *c) { return c->o.argv[1]; }

/* A credential goes to its address alone. */
static bool has_credential(const ep_git_command *c) { return c->o.credential && c->url.text; }

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

/* What a git that was killed leaves in a repository is removed before anybody is told. */
static void end(ep_git_command *c)
{
	if (c->killed && c->repository.git_dir)
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
		: !has_credential(c) ? "the server asks for a credential, and none was given"
		: !c->answered       ? "the server asks for a credential of another place, which it does not get"
							 : "the server refused the credential";
	ep_buf_printf(&text, "%s: %s", c->o.what, why);
	if (!ep_buf_failed(&text)) ep_err_text(&c->error.message, text.data, text.len);
	ep_buf_fini(&text);
	c->error.status = 401;
}

/* git says some of its reasons on its standard output; what has a NUL in it are no words. */
static void classify(ep_git_command *c)
{
	size_t len, out_len;
	const char *words = ep_reader_bytes(&c->proc->err, &len), *out = ep_reader_bytes(&c->proc->out, &out_len);
	ep_buf all = {0};
	ep_buf_add(&all, words, len);
	if (out_len > WORDS_OF_OUTPUT) out_len = WORDS_OF_OUTPUT;
	if (out_len && !memchr(out, '\0', out_len)) ep_buf_add(&all, out, out_len);
	ep_git_classify(&c->error, c->o.secrets, c->o.what, c->status, ep_buf_text(&all), all.len);
	ep_buf_fini(&all);
	explain_auth(c);
}

static bool is_accepted(const ep_git_command *c) { return c->status < 64 && (c->o.accepted >> c->status & 1); }

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

/* Commands that enter the repositories within a repository are stopped at the first, whose git would read its own
 * configuration: git status, which they run there, does not take this word. For status and commit env.c has another way. */
static void add_fuse(ep_git_command *c)
{
	if (!c->o.trust && strcmp(verb(c), "status") != 0 && strcmp(verb(c), "commit") != 0)
		ep_git_env_config(&c->env, "status.showUntrackedFiles", "nested");
}

/* SECTION.SUBSECTION.KEY = value */
static void set(ep_git_env *env, const char *section, const char *subsection, const char *key, const char *value)
{
	ep_buf name = {0};
	ep_buf_printf(&name, "%s.%s.%s", section, subsection, key);
	if (ep_buf_failed(&name))
		env->failed = true;
	else
		ep_git_env_config(env, name.data, value);
	ep_buf_fini(&name);
}

static void set_variable(ep_git_env *env, const char *name, const char *value)
{
	ep_buf variable = {0};
	ep_buf_printf(&variable, "%s=%s", name, value);
	if (ep_buf_failed(&variable))
		env->failed = true;
	else
		ep_git_env_add(env, variable.data);
	ep_buf_fini(&variable);
}

/* A driver without a command changes nothing. */
static void disarm_filters(ep_git_env *env, const ep_buf *names)
{
	for (size_t at = 0; at < names->len; at += strlen(names->data + at) + 1) {
		set(env, "filter", names->data + at, "clean", "");
		set(env, "filter", names->data + at, "smudge", "");
		set(env, "filter", names->data + at, "process", "");
		set(env, "filter", names->data + at, "required", "false");
	}
}

static void configure(ep_git_command *c, const char *global)
{
	char seconds[32];
	ep_git_env *env = &c->env;
	ep_buf protocols = {0};
	uint64_t stall = c->o.stall ? c->o.stall : DEFAULT_STALL_SECONDS * EP_SECOND;
	snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)((stall + EP_SECOND - 1) / EP_SECOND));
	ep_buf_printf(&protocols, "http:https%s%s", c->o.protocols ? ":" : "", c->o.protocols ? c->o.protocols : "");
	for (const char *const *v = c->o.env; v && *v; v++) ep_git_env_add(env, *v);
	if (c->repository.git_dir) set_variable(env, "GIT_DIR", c->repository.git_dir);
	if (c->repository.work_tree) set_variable(env, "GIT_WORK_TREE", c->repository.work_tree);
	ep_git_env_start(env, &(ep_git_env_options){ep_buf_text(&protocols), global, c->o.ca_file, c->o.trust});
	ep_buf_fini(&protocols);
	ep_git_env_config(env, "http.lowSpeedLimit", "1");
	ep_git_env_config(env, "http.lowSpeedTime", seconds);
	add_fuse(c);
	disarm_filters(env, &c->repository.filters);
	for (const char *const *pair = c->o.config; pair && *pair; pair += 2) ep_git_env_config(env, pair[0], pair[1]);
	if (has_credential(c)) set(env, "credential", c->url.scope, "helper", ep_git_credential_helper);
	/* To this machine there is no proxy in between, which over http would read the credential. */
	if (c->loopback) set(env, "http", c->loopback, "proxy", "");
}

static int start_git(ep_git_command *c, const int *fds, size_t fd_count)
{
	char global[32];
	snprintf(global, sizeof global, "/proc/self/fd/%zu", 2 + fd_count);
	configure(c, global);
	int rc = ep_git_env_end(&c->env, &c->error);
	ep_proc_options o = {
		.argv = c->o.argv, .env = (const char *const *)c->env.vars, .grace = c->o.grace, .apart = true};
	o.no_core = has_credential(c);
	o.file_max = c->o.file_max;
	o.cwd = c->repository.work_tree ? c->repository.work_tree
		: c->repository.git_dir     ? c->repository.git_dir
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
	if (has_credential(c)) rc = ep_git_credential_open(&c->credential, &channel, op, &c->url, c->o.credential);
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

static int note_loopback(ep_git_command *c)
{
	if (!c->url.text || !c->url.loopback) return 0;
	c->loopback = ep_strdup(c->url.scope);
	return c->loopback ? 0 : EP_ENOMEM;
}

static void withhold(ep_git_command *c)
{
	c->withheld = c->o.credential != NULL;
	ep_git_url_fini(&c->url);
}

/* The credential is for what lies at the scope or below it. */
static bool is_covered(const char *url, const char *scope)
{
	size_t len = scope ? strlen(scope) : 0;
	while (len && scope[len - 1] == '/') len--;
	return len && !strncmp(url, scope, len) && (!url[len] || url[len] == '/');
}

static int take_url(ep_git_command *c, const char *url)
{
	ep_err why = {0};
	if (ep_git_is_other_transport(url, c->o.protocols)) {
		withhold(c);
		return 0;
	}
	int rc = ep_git_url_read(&c->url, url, strlen(url), c->o.allow_http, &why);
	if (rc) ep_err_set(&c->error, rc, "%s: the remote '%s': %s", c->o.what, c->o.remote, ep_err_message(&why));
	ep_err_fini(&why);
	if (!rc) rc = note_loopback(c);
	if (!rc && !is_covered(url, c->o.scope)) withhold(c);
	return rc;
}

static const char *remote_setting(const ep_git_command *c, const char *name, size_t len, const char *key)
{
	ep_buf full = {0};
	ep_buf_printf(&full, "remote.%.*s.%s", (int)len, name, key);
	const char *value = ep_buf_failed(&full) ? NULL : ep_git_repository_get(&c->repository, full.data, true);
	ep_buf_fini(&full);
	return value;
}

static int find_remote(ep_git_command *c)
{
	const char *name = c->o.remote, *url = NULL;
	if (strstr(name, "://")) return take_url(c, name);
	if (c->o.push) url = remote_setting(c, name, strlen(name), "pushurl");
	if (!url) url = remote_setting(c, name, strlen(name), "url");
	if (!url) return ep_err_set(&c->error, EP_ENOENT, "%s: the repository has no remote '%s'", c->o.what, name);
	return take_url(c, url);
}

/* In a partial clone any command may fetch; one that does not is not to fail because of the remote's URL. */
static void find_promisor(ep_git_command *c)
{
	size_t len;
	const char *name = ep_git_repository_promisor(&c->repository, &len);
	const char *url = name ? remote_setting(c, name, len, "url") : NULL;
	if (!url || !is_covered(url, c->o.scope) || ep_git_url_read(&c->url, url, strlen(url), c->o.allow_http, NULL))
		withhold(c);
}

static int prepare(ep_op *op)
{
	ep_git_command *c = command_of(op);
	int rc = 0;
	if (c->o.directory)
		rc = ep_git_repository_read(&c->repository, c->o.directory, c->o.git_dir, c->o.trust, verb(c), &c->error);
	if (!rc && c->o.url) rc = note_loopback(c);
	if (!rc && c->o.remote) rc = find_remote(c);
	if (!rc && !c->o.remote && !c->o.url && c->o.credential) find_promisor(c);
	if (!rc) rc = ep_git_machine_open(&c->global, &c->machine, &c->error);
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

/* --- the options, copied: room for all is made before, so that no address changes --- */

static size_t size_of(const char *text) { return text ? strlen(text) + 1 : 0; }

static size_t size_of_list(const char *const *list, size_t *count)
{
	size_t size = 0;
	for (; list && *list; list++, ++*count) size += size_of(*list);
	return size;
}

static const char *keep_bytes(ep_buf *texts, const char *bytes, size_t len)
{
	const char *at = texts->data + texts->len;
	if (!bytes) return NULL;
	ep_buf_add(texts, bytes, len);
	ep_buf_putc(texts, '\0');
	return at;
}

static const char *keep(ep_buf *texts, const char *text) { return keep_bytes(texts, text, text ? strlen(text) : 0); }

static const char *const *keep_list(ep_git_command *c, const char *const *list, size_t *used)
{
	const char **to = c->lists + *used;
	size_t n = 0;
	if (!list) return NULL;
	for (; list[n]; n++) to[n] = keep(&c->texts, list[n]);
	to[n] = NULL;
	*used += n + 1;
	return to;
}

static void describe(ep_buf *what, const ep_git_command_options *o)
{
	ep_buf_printf(what, "git %s", o->argv[1]);
	if (o->directory) ep_buf_printf(what, " in '%s'", o->directory);
}

static int copy(ep_git_command *c, const ep_git_command_options *o)
{
	ep_buf what = {0};
	ep_git_command_options *to = &c->o;
	size_t count = 3, used = 0;
	if (o->what)
		ep_buf_puts(&what, o->what);
	else
		describe(&what, o);
	size_t size = what.len + 1 + size_of(o->directory) + size_of(o->git_dir) + size_of(o->protocols) + o->in_len + 1 +
		size_of(o->remote) + size_of(o->scope) + size_of(o->ca_file) + size_of_list(o->argv, &count) +
		size_of_list(o->config, &count) + size_of_list(o->env, &count) + 1;
	c->lists = ep_calloc(count, sizeof *c->lists);
	*to = *o;
	to->credential = o->credential ? ep_secret_retain(o->credential) : NULL;
	if (ep_buf_failed(&what) || !c->lists || !ep_buf_reserve(&c->texts, size)) {
		ep_buf_fini(&what);
		to->what = "git";
		return EP_ENOMEM;
	}
	to->what = keep(&c->texts, ep_buf_text(&what));
	ep_buf_fini(&what);
	to->argv = keep_list(c, o->argv, &used);
	to->config = keep_list(c, o->config, &used);
	to->env = keep_list(c, o->env, &used);
	to->directory = keep(&c->texts, o->directory);
	to->git_dir = keep(&c->texts, o->git_dir);
	to->protocols = keep(&c->texts, o->protocols);
	to->in_bytes = keep_bytes(&c->texts, o->in_bytes, o->in_len);
	to->remote = keep(&c->texts, o->remote);
	to->scope = keep(&c->texts, o->scope);
	to->ca_file = keep(&c->texts, o->ca_file);
	return ep_git_machine_find(&c->machine);
}

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
	if (copy(c, o)) {
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
