/* SPDX-License-Identifier: Apache-2.0 */

/* One thing is under way at any time: a call, a read of its answer, or a step on a thread. What fails ends in a step that removes
 * the new file; only when the loop closes, and no step can be made, the last count of the file does it. */
#include "runtime/relace/download.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/fs/replace.h"
#include "runtime/loop/work.h"
#include "runtime/relace/file.h"

enum { STEP_OPEN, STEP_WRITE, STEP_EMPTY, STEP_COMMIT, STEP_DISCARD };

/* The new file, which a thread may be using when all else is gone. */
typedef struct target {
	unsigned refs;
	ep_replace *file; /* NULL: none yet, or no more */
	char path[];
} target;

typedef struct step {
	ep_work work;
	target *target;
	int what;
	ep_buf bytes;
} step;

typedef struct download {
	ep_relace_download pub;
	target *target;
	ep_http_read *read;
	step *step;
	int failed; /* what the op will end with, once the file is removed */
} download;

static void target_unref(target *t)
{
	if (--t->refs) return;
	ep_replace_discard(t->file);
	ep_free(t);
}

/* --- steps --- */

static int take_step(step *s, target *t)
{
	ep_replace *file = t->file;
	switch (s->what) {
	case STEP_OPEN: return ep_replace_open(&t->file, t->path, 0666);
	case STEP_WRITE: return ep_replace_write(file, s->bytes.data, s->bytes.len, &s->work.stop);
	case STEP_EMPTY: return ep_replace_empty(file);
	case STEP_COMMIT: t->file = NULL; return ep_replace_commit(file, false, false);
	default:
		t->file = NULL;
		ep_replace_discard(file);
		return 0;
	}
}

static int run_step(ep_work *work)
{
	step *s = (step *)work;
	ep_buf text = {0};
	int failed = take_step(s, s->target);
	if (!failed) return 0;
	if (failed == -ECANCELED) return EP_ECANCELLED;
	if (failed == -EINVAL && s->what == STEP_OPEN)
		return ep_err_set(&work->err, EP_EINVAL, "writing %s: it is no regular file", s->target->path);
	ep_buf_printf(&text, "writing %s", s->target->path);
	int rc = ep_err_set_errno(&work->err, failed, ep_buf_text(&text));
	ep_buf_fini(&text);
	return rc;
}

static void free_step(ep_op *op)
{
	step *s = (step *)op;
	target_unref(s->target);
	ep_buf_fini(&s->bytes);
	ep_err_fini(&s->work.err);
	ep_free(s);
}

static void describe_step(const ep_op *op, ep_buf *text) { ep_buf_puts(text, ((const step *)op)->target->path); }

static const ep_op_class step_class = {
	.name = "fs", .abort = ep_work_abort, .free = free_step, .describe = describe_step};

static void on_step(ep_op *op);

/* Takes the bytes. All is set before the thread may begin. */
static int start_step(download *d, int what, ep_buf *bytes)
{
	step *s = ep_calloc(1, sizeof *s);
	if (!s) return ep_err_set(&d->pub.err, EP_ENOMEM, "no memory to write a file");
	*s = (step){.target = d->target, .what = what, .bytes = bytes ? *bytes : (ep_buf){0}};
	if (bytes) *bytes = (ep_buf){0};
	d->target->refs++;
	if (ep_work_start(&s->work, d->pub.op.loop, &step_class, run_step)) {
		d->target->refs--;
		ep_buf_fini(&s->bytes);
		ep_free(s);
		return ep_err_set(&d->pub.err, EP_ENOMEM, "no memory to write a file");
	}
	d->step = s;
	ep_op_wait(&s->work.op, on_step, d);
	return 0;
}

/* --- the flow --- */

static void finish(download *d, int result)
{
	if (result && d->pub.call) ep_relace_call_facts(d->pub.call, &d->pub.err);
	ep_op_finish(&d->pub.op, result);
}

static void fail(download *d, int code)
{
	d->failed = code;
	if (d->pub.op.state == EP_OP_ENDING) {
		bool late = d->pub.op.why == EP_ETIMEOUT;
		d->failed = EP_ECANCELLED;
		ep_err_fini(&d->pub.err);
		ep_err_set(&d->pub.err, d->pub.op.why, late ? "the deadline of the call is over" : "the call was cancelled");
	}
	ep_err_set(&d->pub.err, code, "%s", ep_err_slug(code));
	if (!d->target->file || start_step(d, STEP_DISCARD, NULL)) finish(d, d->failed);
}

static bool ending(const download *d) { return d->pub.op.state == EP_OP_ENDING; }

static void on_read(ep_op *op);

static void read_more(download *d)
{
	int rc = ending(d) ? EP_ECANCELLED : ep_http_read_start(&d->read, d->pub.call->http, 0, &d->pub.err);
	if (rc)
		fail(d, rc);
	else
		ep_op_wait(&d->read->op, on_read, d);
}

static void on_step(ep_op *op)
{
	download *d = op->owner;
	int what = d->step->what, rc = op->result;
	if (rc && what != STEP_DISCARD) ep_err_move(&d->pub.err, &d->step->work.err);
	d->step = NULL;
	ep_op_release(op);
	if (rc == EP_ECLOSED)
		finish(d, rc); /* the loop closes: a thread may still be at it, and the last count removes the file */
	else if (what == STEP_DISCARD)
		finish(d, d->failed);
	else if (what == STEP_COMMIT && !rc)
		finish(d, 0);
	else if (rc)
		fail(d, rc);
	else
		read_more(d);
}

static void on_head(ep_op *op)
{
	download *d = op->owner;
	int rc = op->result;
	if (rc) ep_err_move(&d->pub.err, &d->pub.call->err);
	if (!rc && ending(d)) rc = EP_ECANCELLED;
	if (!rc) rc = start_step(d, d->target->file ? STEP_EMPTY : STEP_OPEN, NULL);
	if (rc) fail(d, rc);
}

/* The answer has broken off: another one, from its beginning. */
static void begin_anew(download *d, int code)
{
	ep_relace_call *call;
	int rc = ending(d) ? code : ep_relace_call_again(&call, d->pub.call, code, NULL);
	if (rc) {
		fail(d, code);
		return;
	}
	ep_err_fini(&d->pub.err);
	ep_op_release(&d->pub.call->op);
	d->pub.call = call;
	d->pub.bytes = 0;
	ep_op_wait(&call->op, on_head, d);
}

static void on_read(ep_op *op)
{
	download *d = op->owner;
	ep_http_read *r = d->read;
	int rc = op->result;
	d->read = NULL;
	if (rc) {
		ep_err_move(&d->pub.err, &r->err);
		ep_op_release(op);
		begin_anew(d, rc);
		return;
	}
	d->pub.bytes += r->chunk.len;
	rc = start_step(d, r->chunk.len ? STEP_WRITE : STEP_COMMIT, &r->chunk);
	ep_op_release(op);
	if (rc) fail(d, rc);
}

/* --- the op --- */

static void abort_download(ep_op *op)
{
	download *d = (download *)op;
	if (d->step) return; /* it ends soon, and its file is then removed; when the loop closes it is aborted itself */
	ep_op_cancel(d->read ? &d->read->op : &d->pub.call->op, op->why);
}

static void free_download(ep_op *op)
{
	download *d = (download *)op;
	if (d->read) ep_op_release(&d->read->op);
	if (d->step) ep_op_release(&d->step->work.op);
	if (d->pub.call) ep_op_release(&d->pub.call->op);
	target_unref(d->target);
	ep_err_fini(&d->pub.err);
	ep_free(d);
}

static void describe(const ep_op *op, ep_buf *text)
{
	const ep_relace_call *call = ((const ep_relace_download *)op)->call;
	call->op.class->describe(&call->op, text);
}

static const ep_op_class download_class = {
	.name = "download", .abort = abort_download, .free = free_download, .describe = describe};

static download *new_download(const char *to)
{
	size_t len = strlen(to) + 1;
	download *d = ep_calloc(1, sizeof *d);
	target *t = ep_calloc(1, sizeof *t + len);
	if (!d || !t) {
		ep_free(d);
		ep_free(t);
		return NULL;
	}
	t->refs = 1;
	memcpy(t->path, to, len);
	d->target = t;
	return d;
}

int ep_relace_download_start(ep_relace_download **out, ep_relace_client *client, ep_relace_text repo_id,
	ep_relace_text path, const char *to, uint64_t stall, const ep_relace_options *options, ep_err *err)
{
	ep_relace_options own = options ? *options : EP_RELACE_NO_OPTIONS;
	uint64_t deadline = own.deadline;
	own.deadline = 0; /* it is ours: the body counts too */
	download *d = new_download(to);
	if (!d) return ep_err_set(err, EP_ENOMEM, "no memory for a download");
	ep_op_init(&d->pub.op, ep_relace_client_loop(client), &download_class, &d->pub.err);
	int rc = ep_relace_file_download(&d->pub.call, client, repo_id, path, true, stall, &own, err);
	if (rc) {
		ep_op_release(&d->pub.op);
		return rc;
	}
	ep_op_wait(&d->pub.call->op, on_head, d);
	ep_op_start(&d->pub.op);
	if (deadline && ep_op_deadline(&d->pub.op, deadline)) ep_op_cancel(&d->pub.op, EP_ENOMEM);
	*out = &d->pub;
	return 0;
}
