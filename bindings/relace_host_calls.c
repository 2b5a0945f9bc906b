/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of epact_relace.h: arguments to the engines, answers to values. */
#include <string.h>

#include "bindings/relace_host.h"
#include "runtime/base/mem.h"

static ep_relace_text text_of(const char *text) { return (ep_relace_text){text ? text : "", text ? strlen(text) : 0}; }

/* --- answers --- */

static int read_body(epact_relace_call *call, const ep_buf *body, epl_arena *arena, epact_value *out, size_t *count)
{
	*count = body->len != 0;
	return body->len ? epl_value_of_json(arena, out, body->data, body->len, &call->err) : 0;
}

static int read_call(epact_relace_call *call, epl_arena *arena, epact_value *out, size_t *count)
{
	return read_body(call, &((const ep_relace_call *)call->op)->body, arena, out, count);
}

static int read_upload(epact_relace_call *call, epl_arena *arena, epact_value *out, size_t *count)
{
	return read_body(call, &((const ep_relace_upload *)call->op)->call->body, arena, out, count);
}

/* An answer that is no JSON is a string. */
static int read_any(epact_relace_call *call, epl_arena *arena, epact_value *out, size_t *count)
{
	const ep_buf *body = &((const ep_relace_call *)call->op)->body;
	int rc = read_call(call, arena, out, count);
	if (rc != EP_EJSON) return rc;
	ep_err_fini(&call->err);
	call->err = (ep_err){0};
	const char *copy = epl_arena_text(arena, body->data, body->len);
	if (!copy) return ep_err_set(&call->err, EP_ENOMEM, "not enough memory");
	*out = epact_bytes(copy, body->len);
	return 0;
}

static int read_clone(epact_relace_call *call, epl_arena *arena, epact_value *out, size_t *count)
{
	const ep_git_clone *c = (const ep_git_clone *)call->op;
	const epact_pair pairs[] = {{epact_text("directory"), epact_text(c->place.path)},
		{epact_text("head"), epact_text(*c->head ? c->head : NULL)}, {epact_text("branch"), epact_text(c->branch)}};
	const epact_value map = epact_map(pairs, 3), *copy;
	if (epl_values_copy(arena, &copy, &map, 1)) return ep_err_set(&call->err, EP_ENOMEM, "not enough memory");
	*out = *copy;
	*count = 1;
	return 0;
}

/* --- tokens --- */

int epact_relace_token_create(epact_relace_call **out, epact_relace *r, const char *name, const char *const *repo_ids,
	size_t count, long ttl_seconds, epact_done *on_done, void *arg)
{
	ep_relace_call *started = NULL;
	epact_relace_call *call;
	int rc = epl_relace_call_new(&call, r, on_done, arg);
	if (rc) return rc;
	ep_relace_text *ids = ep_calloc(count ? count : 1, sizeof *ids);
	if (!ids) {
		ep_free(call);
		return EPACT_ENOMEM;
	}
	for (size_t i = 0; i < count; i++) ids[i] = text_of(repo_ids ? repo_ids[i] : NULL);
	call->read = read_call;
	rc = ep_relace_token_create(&started, r->client, text_of(name), ids, count, ttl_seconds, NULL, &call->err);
	ep_free(ids);
	return epl_relace_call_started(out, call, rc, (ep_op *)started);
}

int epact_relace_token_delete(
	epact_relace_call **out, epact_relace *r, const char *token, epact_done *on_done, void *arg)
{
	ep_relace_call *started = NULL;
	epact_relace_call *call;
	int rc = epl_relace_call_new(&call, r, on_done, arg);
	if (rc) return rc;
	ep_relace_text value = text_of(token);
	ep_secret *secret = ep_secret_new(&r->secrets, value.data, value.len);
	rc = secret ? ep_relace_token_delete(&started, r->client, secret, NULL, &call->err) : EP_ENOMEM;
	ep_secret_release(secret);
	return epl_relace_call_started(out, call, rc, (ep_op *)started);
}

/* --- repos --- */

static int start_empty_repo(epact_relace_call **out, epact_relace_call *call)
{
	ep_relace_call *started = NULL;
	const ep_relace_change change = EP_RELACE_NO_CHANGE;
	call->read = read_call;
	int rc = ep_relace_repo_create(&started, call->r->client, &change, NULL, &call->err);
	return epl_relace_call_started(out, call, rc, (ep_op *)started);
}

int epact_relace_repo_create(
	epact_relace_call **out, epact_relace *r, const char *folder, epact_done *on_done, void *arg)
{
	ep_relace_upload *started = NULL;
	const ep_relace_files files = {.folder = folder, .auto_index = -1};
	epact_relace_call *call;
	int rc = epl_relace_call_new(&call, r, on_done, arg);
	if (rc) return rc;
	if (!folder) return start_empty_repo(out, call);
	call->read = read_upload;
	rc = ep_relace_create_of_files(&started, r->client, r->procs, &files, NULL, &call->err);
	return epl_relace_call_started(out, call, rc, (ep_op *)started);
}

int epact_relace_repo_delete(
	epact_relace_call **out, epact_relace *r, const char *repo_id, epact_done *on_done, void *arg)
{
	ep_relace_call *started = NULL;
	epact_relace_call *call;
	int rc = epl_relace_call_new(&call, r, on_done, arg);
	if (rc) return rc;
	rc = ep_relace_repo_delete(&started, r->client, text_of(repo_id), NULL, &call->err);
	return epl_relace_call_started(out, call, rc, (ep_op *)started);
}

int epact_relace_overwrite(epact_relace_call **out, epact_relace *r, const char *repo_id, const char *folder,
	int skip_binary, epact_done *on_done, void *arg)
{
	ep_relace_upload *started = NULL;
	const ep_relace_files files = {.folder = folder, .skip_binary = skip_binary != 0, .auto_index = -1};
	epact_relace_call *call;
	int rc = epl_relace_call_new(&call, r, on_done, arg);
	if (rc) return rc;
	call->read = read_upload;
	if (!folder) /* without a folder the files would be an empty list: all of the repo's would be deleted */
		rc = ep_err_set(&call->err, EP_EINVAL, "the folder to overwrite with is NULL");
	else
		rc = ep_relace_overwrite(&started, r->client, r->procs, text_of(repo_id), &files, NULL, &call->err);
	return epl_relace_call_started(out, call, rc, (ep_op *)started);
}

/* --- git --- */

int epact_relace_clone(epact_relace_call **out, epact_relace *r, const char *repo_id, const char *folder,
	const char *branch, unsigned depth, epact_done *on_done, void *arg)
{
	ep_git_clone *started = NULL;
	ep_buf url = {0};
	epact_relace_call *call;
	int rc = epl_relace_call_new(&call, r, on_done, arg);
	if (rc) return rc;
	ep_relace_text id = text_of(repo_id);
	rc = ep_relace_git_url(r->client, &url, id.data, id.len, &call->err);
	const ep_git_clone_options options = {.url = ep_buf_text(&url),
		.directory = text_of(folder).data,
		.branch = branch,
		.depth = depth,
		.credential = ep_relace_client_credential(r->client),
		.secrets = &r->secrets,
		.ca_file = r->ca_file,
		.allow_http = r->allow_http};
	call->read = read_clone;
	if (!rc) rc = ep_git_clone_start(&started, r->procs, &options, &call->err);
	ep_buf_fini(&url);
	return epl_relace_call_started(out, call, rc, (ep_op *)started);
}

/* --- any route --- */

/* The static text of a method, NULL for what is none. */
static const char *method_of(const char *name, ep_repeat *repeat)
{
	static const char *const methods[] = {"GET", "PUT", "DELETE", "POST", "PATCH"};
	for (int i = 0; i < 5; i++) {
		if (strcmp(methods[i], name) != 0) continue;
		*repeat = i < 3 ? EP_REPEAT_SAFE : EP_REPEAT_ONCE;
		return methods[i];
	}
	return NULL;
}

static int start_request(
	ep_relace_call **started, epact_relace_call *call, const char *method, const char *path, ep_buf *body)
{
	ep_repeat repeat = EP_REPEAT_ONCE;
	if (!method || !path) return ep_err_set(&call->err, EP_EINVAL, "the method or the path is NULL");
	const char *known = method_of(method, &repeat);
	if (!known) return ep_err_set(&call->err, EP_EINVAL, "'%s' is not GET, POST, PUT, PATCH or DELETE", method);
	if (*path != '/') return ep_err_set(&call->err, EP_EINVAL, "the path must begin with '/'");
	ep_relace_request request = ep_relace_request_of(known, path, strlen(path), repeat, NULL);
	request.body = body->data ? EP_RELACE_JSON : EP_RELACE_NO_BODY;
	request.bytes = *body;
	*body = (ep_buf){0};
	return ep_relace_start(started, call->r->client, &request, &call->err);
}

int epact_relace_request(epact_relace_call **out, epact_relace *r, const char *method, const char *path,
	const char *body, size_t size, epact_done *on_done, void *arg)
{
	ep_relace_call *started = NULL;
	ep_buf bytes = {0};
	epact_relace_call *call;
	int rc = epl_relace_call_new(&call, r, on_done, arg);
	if (rc) return rc;
	if (body && ep_buf_add(&bytes, body, size)) {
		ep_free(call);
		return EPACT_ENOMEM;
	}
	call->read = read_any;
	rc = start_request(&started, call, method, path, &bytes);
	ep_buf_fini(&bytes);
	return epl_relace_call_started(out, call, rc, (ep_op *)started);
}
