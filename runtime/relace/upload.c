/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/upload.h"

#include "runtime/base/mem.h"
#include "runtime/relace/private.h"
#include "runtime/relace/repo.h"
#include "runtime/relace/source.h"

typedef struct upload {
	ep_relace_upload pub;
	ep_relace_client *client;
	ep_repeat repeat;
	const char *doubt;
	ep_buf path, before, behind, query;
	ep_relace_options options; /* without headers and deadline, which are set already */
	ep_http_headers *headers;
} upload;

/* --- the end --- */

static void finish(upload *u, int result) { ep_op_finish(&u->pub.op, result); }

/* Ends with the failure of one of the two ops. */
static void finish_as(upload *u, const ep_op *op, ep_err *err)
{
	ep_err_move(&u->pub.err, err);
	finish(u, op->result);
}

static void free_upload(ep_op *op)
{
	upload *u = (upload *)op;
	if (u->pub.tree) ep_op_release(&u->pub.tree->op);
	if (u->pub.call) ep_op_release(&u->pub.call->op);
	ep_buf_fini(&u->path);
	ep_buf_fini(&u->before);
	ep_buf_fini(&u->behind);
	ep_buf_fini(&u->query);
	ep_http_headers_release(u->headers);
	ep_err_fini(&u->pub.err);
	ep_relace_client_release(u->client);
	ep_free(u);
}

/* --- the call --- */

static void on_called(ep_op *op)
{
	upload *u = op->owner;
	if (op->result)
		finish_as(u, op, &u->pub.call->err);
	else
		finish(u, 0);
}

static const ep_err *body_error(void *ctx) { return ep_files_body_error(ctx); }

static void close_body(void *ctx) { ep_files_body_free(ctx); }

/* Takes the body. */
static int start_call(upload *u, ep_files_body *body)
{
	ep_relace_request request = ep_relace_request_of("POST", u->path.data, u->path.len, u->repeat, &u->options);
	request.body = EP_RELACE_JSON_STREAM;
	request.headers = u->headers;
	u->headers = NULL;
	request.source = (ep_relace_source){.source = &ep_files_body_source,
		.ctx = body,
		.len = ep_files_body_length(body),
		.error = body_error,
		.close = close_body};
	request.bulk = true;
	request.doubt = u->doubt;
	int rc = u->pub.tree ? ep_relace_source_ahead(&request.source, u->pub.op.loop, 0, &u->pub.err) : 0;
	if (rc) {
		ep_relace_request_fini(&request);
		return rc;
	}
	rc = ep_relace_start(&u->pub.call, u->client, &request, &u->pub.err);
	if (!rc) ep_op_wait(&u->pub.call->op, on_called, u);
	return rc;
}

/* --- the folder --- */

static void on_listed(ep_op *op)
{
	upload *u = op->owner;
	ep_files_body *body;
	if (u->pub.op.state == EP_OP_ENDING) {
		bool late = u->pub.op.why == EP_ETIMEOUT;
		ep_err_set(&u->pub.err, u->pub.op.why, "%s while the folder was listed; nothing was sent",
			late ? "the deadline of the call was over" : "the call was cancelled");
		finish(u, EP_ECANCELLED);
		return;
	}
	if (op->result) {
		finish_as(u, op, &u->pub.tree->err);
		return;
	}
	int rc = ep_files_body_of_tree(&body, u->pub.tree, ep_buf_text(&u->before), ep_buf_text(&u->behind), &u->pub.err);
	if (!rc) rc = start_call(u, body);
	if (rc) finish(u, rc);
}

/* What an upload is made of. */
struct content {
	ep_procs *procs;
	const ep_relace_files *files;
	const ep_relace_tree_change *change; /* in place of files */
};

static int start_tree(upload *u, const struct content *c)
{
	ep_tree_options options = {.skip_binary = c->files->skip_binary};
	u->pub.tree = ep_tree_start(c->procs, c->files->folder, &options);
	if (!u->pub.tree) return ep_err_set(&u->pub.err, EP_ENOMEM, "no memory for a list of files");
	ep_op_wait(&u->pub.tree->op, on_listed, u);
	return 0;
}

static int start_list(upload *u, const ep_relace_files *files)
{
	ep_files_body *body;
	int rc = ep_files_body_of_list(
		&body, files->list, files->count, ep_buf_text(&u->before), ep_buf_text(&u->behind), &u->pub.err);
	return rc ? rc : start_call(u, body);
}

static int start_files(upload *u, const struct content *c)
{
	const ep_relace_files *files = c->files;
	int rc = ep_relace_write_files_frame(&u->before, &u->behind, files->metadata, files->auto_index, &u->pub.err);
	if (rc) return rc;
	return files->folder ? start_tree(u, c) : start_list(u, files);
}

/* --- a listed tree --- */

static int make_body(ep_files_body **out, const ep_relace_tree_change *c, ep_err *err)
{
	static const char files[] = "{\"source\":{\"type\":\"files\",\"files\":",
					  diff[] = "{\"source\":{\"type\":\"diff\",\"operations\":";
	if (c->whole) return ep_files_body_of_tree(out, c->tree, files, "}}", err);
	return ep_files_body_of_writes(
		out, c->tree, c->writes, c->count, c->others ? ep_buf_text(c->others) : "", diff, "}}", err);
}

int64_t ep_relace_tree_change_length(const ep_relace_tree_change *change, ep_err *err)
{
	ep_files_body *body;
	int rc = make_body(&body, change, err);
	if (rc) return rc;
	int64_t length = ep_files_body_length(body);
	ep_files_body_free(body);
	return length;
}

static int start_change(upload *u, const struct content *c)
{
	ep_files_body *body;
	int rc = make_body(&body, c->change, &u->pub.err);
	if (rc) return rc;
	u->pub.tree = c->change->tree;
	ep_op_retain(&u->pub.tree->op);
	return start_call(u, body);
}

/* --- the op --- */

static void abort_upload(ep_op *op)
{
	upload *u = (upload *)op;
	if (u->pub.call)
		ep_op_cancel(&u->pub.call->op, op->why);
	else if (u->pub.tree)
		ep_op_cancel(&u->pub.tree->op, op->why);
	else
		finish(u, EP_ECANCELLED);
}

static void describe(const ep_op *op, ep_buf *text)
{
	const upload *u = (const upload *)op;
	const ep_op *part = u->pub.call ? &u->pub.call->op : u->pub.tree ? &u->pub.tree->op : NULL;
	if (part && part->class->describe)
		part->class->describe(part, text);
	else
		ep_buf_puts(text, part ? part->class->name : "upload");
}

static const ep_op_class upload_class = {
	.name = "upload", .abort = abort_upload, .free = free_upload, .describe = describe};

/* Nothing of the caller's is read again when the folder has been listed. */
static int take_options(upload *u, const ep_relace_options *options)
{
	u->options = options ? *options : EP_RELACE_NO_OPTIONS;
	const ep_relace_request request = {.body = EP_RELACE_JSON_STREAM, .options = u->options};
	int rc = ep_relace_headers(&u->headers, u->client, &request, &u->pub.err);
	if (rc) return rc;
	ep_relace_text query = u->options.query;
	rc = ep_buf_add(&u->query, query.data, query.len);
	if (rc) return ep_err_set(&u->pub.err, rc, "no memory for an upload");
	u->options.query = (ep_relace_text){u->query.data, query.len};
	u->options.deadline = 0;
	u->options.headers = NULL;
	u->options.header_count = 0;
	u->options.idempotency_key = (ep_relace_text){0};
	return 0;
}

/* Takes the path. */
static int start(ep_relace_upload **out, ep_relace_client *client, upload *u, const struct content *content,
	const ep_relace_options *options, ep_err *err)
{
	ep_op_init(&u->pub.op, ep_relace_client_loop(client), &upload_class, &u->pub.err);
	u->client = ep_relace_client_retain(client);
	uint64_t deadline = options ? options->deadline : 0; /* it is ours: the listing counts too */
	int rc = take_options(u, options);
	if (!rc) rc = content->change ? start_change(u, content) : start_files(u, content);
	if (rc) {
		ep_err_move(err, &u->pub.err);
		ep_op_release(&u->pub.op);
		return rc;
	}
	ep_op_start(&u->pub.op);
	if (deadline && ep_op_deadline(&u->pub.op, deadline)) ep_op_cancel(&u->pub.op, EP_ENOMEM);
	*out = &u->pub;
	return 0;
}

static upload *new_upload(ep_repeat repeat, const char *doubt, ep_err *err)
{
	upload *u = ep_calloc(1, sizeof *u);
	if (!u) {
		ep_err_set(err, EP_ENOMEM, "no memory for an upload");
		return NULL;
	}
	u->repeat = repeat;
	u->doubt = doubt;
	return u;
}

int ep_relace_create_of_files(ep_relace_upload **out, ep_relace_client *client, ep_procs *procs,
	const ep_relace_files *files, const ep_relace_options *options, ep_err *err)
{
	upload *u = new_upload(EP_REPEAT_ONCE, "list the repos before you create another", err);
	if (!u) return EP_ENOMEM;
	ep_buf_puts(&u->path, "/repo");
	return start(out, client, u, &(struct content){.procs = procs, .files = files}, options, err);
}

/* Takes the upload. */
static int start_update(ep_relace_upload **out, ep_relace_client *client, upload *u, ep_relace_text repo_id,
	const struct content *content, const ep_relace_options *options, ep_err *err)
{
	int rc = ep_relace_add_repo_path(&u->path, repo_id, "/update", err);
	if (!rc) return start(out, client, u, content, options, err);
	ep_buf_fini(&u->path);
	ep_free(u);
	return rc;
}

int ep_relace_overwrite(ep_relace_upload **out, ep_relace_client *client, ep_procs *procs, ep_relace_text repo_id,
	const ep_relace_files *files, const ep_relace_options *options, ep_err *err)
{
	upload *u = new_upload(EP_REPEAT_SAFE, NULL, err);
	if (!u) return EP_ENOMEM;
	return start_update(out, client, u, repo_id, &(struct content){.procs = procs, .files = files}, options, err);
}

int ep_relace_send_change(ep_relace_upload **out, ep_relace_client *client, ep_relace_text repo_id,
	const ep_relace_tree_change *change, const ep_relace_options *options, ep_err *err)
{
	upload *u =
		new_upload(change->whole ? EP_REPEAT_SAFE : EP_REPEAT_ONCE, "read the repo before you apply it again", err);
	if (!u) return EP_ENOMEM;
	return start_update(out, client, u, repo_id, &(struct content){.change = change}, options, err);
}
