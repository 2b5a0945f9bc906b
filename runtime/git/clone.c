/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/git/clone_private.h"

enum { DEFAULT_STALL_SECONDS = 60 };

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

void ep_git_clone_step(ep_git_clone *c, int (*run)(ep_git_clone *), void (*after)(ep_git_clone *, int))
{
	c->run = run;
	c->after = after;
	c->work.data = c;
	ep_op_retain(&c->op);
	ep_loop_handle_opened(c->op.loop);
	uv_queue_work(ep_loop_uv(c->op.loop), &c->work, on_uv_work, on_uv_after);
}

/* --- the end --- */

/* What only the runs of git need. */
static void let_go(ep_git_clone *c)
{
	ep_git_meter_stop(c);
	c->asked = c->credential.asked;
	c->answered = c->credential.answered;
	if (c->credential.secret) ep_git_credential_close(&c->credential);
	if (c->channel >= 0) close(c->channel);
	c->channel = -1;
}

void ep_git_clone_finish(ep_git_clone *c)
{
	let_go(c);
	if (c->on_progress) c->on_progress(c->arg, NULL);
	ep_op_finish(&c->op, c->error.code);
}

static int undo(ep_git_clone *c)
{
	c->disk_full = ep_git_place_full(&c->place);
	return ep_git_place_undo(&c->place, &c->undo_error);
}

void ep_git_clone_say(ep_git_clone *c, const char *format, ...)
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
		ep_git_clone_say(c, "%s: the disk is full", c->what);
	}
	if (rc) /* what was left behind is said, behind the cause */
		ep_git_clone_say(c, "%s; and what it left could not be removed: %s", ep_err_message(&c->error),
			ep_err_message(&c->undo_error));
	ep_git_clone_finish(c);
}

void ep_git_clone_fail(ep_git_clone *c)
{
	ep_git_meter_stop(c);
	ep_err_text(&c->error.operation, "git clone", 9);
	ep_git_clone_step(c, undo, after_undo);
}

bool ep_git_clone_gave_up(ep_git_clone *c)
{
	if (c->op.state != EP_OP_ENDING) return c->over && ep_git_caps_check(&c->caps, &c->seen, c->what, &c->error);
	const char *why =
		c->op.why == EP_ETIMEOUT ? "it did not end in time and was stopped" : "stopped, because it was cancelled";
	ep_err_fini(&c->error);
	ep_err_set(&c->error, c->op.why, "%s: %s", c->what, why);
	c->error.retryable = c->op.why == EP_ETIMEOUT;
	return true;
}

void ep_git_clone_exceed(ep_git_clone *c, const ep_git_caps *seen)
{
	if (!c->over) c->seen = *seen;
	c->over = true;
	if (c->proc) ep_op_cancel(&c->proc->op, EP_ECANCELLED);
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
	ep_free(c->reference);
	for (char **folder = c->sparse; folder && *folder; folder++) ep_free(*folder);
	ep_free(c->sparse);
	ep_git_listing_fini(&c->listing);
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

static int take(ep_git_clone *c)
{
	int rc = c->reference ? ep_git_reference_check(c->reference, &c->error) : 0;
	return rc ? rc : ep_git_place_take(&c->place, &c->error);
}

static void after_take(ep_git_clone *c, int rc)
{
	if (ep_git_clone_gave_up(c) || rc)
		ep_git_clone_fail(c);
	else
		ep_git_clone_run(c);
}

static int check(const ep_git_clone_options *o, ep_err *err)
{
	int rc = o->branch ? ep_git_ref_check(o->branch, strlen(o->branch), err) : 0;
	if (!rc && o->filter) rc = ep_git_filter_check(o->filter, strlen(o->filter), err);
	for (size_t i = 0; !rc && o->sparse && o->sparse[i]; i++) rc = ep_git_sparse_check(o->sparse[i], err);
	if (!rc && o->reference && !*o->reference) rc = ep_err_set(err, EP_EINVAL, "the reference of a clone has no name");
	if (!rc && !*o->directory) rc = ep_err_set(err, EP_EINVAL, "the folder of a clone has no name");
	return rc;
}

/* Copies the list, the slashes at the ends of its folders left out. */
static int copy_sparse(ep_git_clone *c, const char *const *folders)
{
	size_t count = 0;
	while (folders[count]) count++;
	c->sparse = ep_calloc(count + 1, sizeof *c->sparse);
	for (size_t i = 0; c->sparse && i < count; i++) {
		size_t len = strlen(folders[i]);
		if (len && folders[i][len - 1] == '/') len--;
		c->sparse[i] = ep_strndup(folders[i], len);
		if (!c->sparse[i]) return EP_ENOMEM;
	}
	c->listing.folders = (const char *const *)c->sparse;
	return c->sparse ? 0 : EP_ENOMEM;
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
	c->reference = ep_strdup(o->reference);
	c->ca_file = ep_strdup(o->ca_file);
	c->caps = o->caps;
	c->secret = o->credential ? ep_secret_retain(o->credential) : NULL;
	c->secrets = o->secrets;
	c->depth = o->depth;
	c->single_branch = o->single_branch;
	c->stall = o->stall ? o->stall : DEFAULT_STALL_SECONDS * EP_SECOND;
	c->grace = o->grace;
	c->on_progress = o->on_progress;
	c->arg = o->arg;
	if (o->sparse && copy_sparse(c, o->sparse)) return EP_ENOMEM;
	if ((o->caps.files || o->caps.bytes) && ep_git_meter_start(c)) return EP_ENOMEM;
	bool lost = !c->what || !c->place.path || (o->branch && !c->chosen) || (o->filter && !c->filter) ||
		(o->reference && !c->reference);
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
	c->credential.fd = c->channel = -1;
	if (copy(c, o)) {
		ep_git_meter_stop(c);
		ep_op_unref(&c->op);
		return ep_err_set(err, EP_ENOMEM, "no memory for a clone");
	}
	ep_op_start(&c->op);
	ep_git_clone_step(c, take, after_take);
	*out = c;
	return 0;
}
