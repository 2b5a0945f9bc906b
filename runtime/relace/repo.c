/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/repo.h"

#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/path.h"
#include "runtime/relace/address.h"
#include "runtime/relace/query.h"

enum { URL_MAX = 2083, PAGE_MAX = 100 };

static const char created_doubt[] = "list the repos before you create another";
static const char changed_doubt[] = "read the repo before you do it again";

/* --- members of a JSON object --- */

static void add_key(ep_buf *b, const char *key)
{
	char last = b->len ? b->data[b->len - 1] : '{';
	if (last != '{' && last != '[') ep_buf_putc(b, ',');
	ep_buf_putc(b, '"');
	ep_buf_puts(b, key);
	ep_buf_puts(b, "\":");
}

static void add_text(ep_buf *b, const char *key, ep_relace_text text)
{
	if (!text.data) return;
	add_key(b, key);
	ep_json_string(b, text.data, text.len);
}

static void add_flag(ep_buf *b, const char *key, int flag)
{
	if (flag < 0) return;
	add_key(b, key);
	ep_buf_puts(b, flag ? "true" : "false");
}

static void add_object(ep_buf *b, const char *key, const ep_buf *members)
{
	if (!members) return;
	add_key(b, key);
	ep_buf_putc(b, '{');
	ep_buf_add(b, ep_buf_text(members), members->len);
	ep_buf_putc(b, '}');
}

/* The error of a body that could not be written. */
static int written(const ep_buf *b, const char *what, ep_err *err)
{
	int rc = ep_buf_failed(b);
	if (rc == EP_EJSON) return ep_err_set(err, EP_EINVAL, "%s is not UTF-8", what);
	return rc ? ep_err_set(err, rc, "no memory for a request") : 0;
}

int ep_relace_add_pair(ep_buf *pairs, ep_relace_text key, ep_relace_text value, ep_err *err)
{
	if (pairs->len) ep_buf_putc(pairs, ',');
	ep_json_string(pairs, key.data, key.len);
	ep_buf_putc(pairs, ':');
	ep_json_string(pairs, value.data, value.len);
	return written(pairs, "metadata", err);
}

/* --- operations of a diff --- */

static void begin_operation(ep_buf *b, const char *type)
{
	if (b->len) ep_buf_putc(b, ',');
	ep_buf_puts(b, "{\"type\":\"");
	ep_buf_puts(b, type);
	ep_buf_putc(b, '"');
}

static int end_operation(ep_buf *b, ep_err *err)
{
	ep_buf_putc(b, '}');
	return written(b, "an operation", err);
}

int ep_relace_add_write(ep_buf *operations, ep_relace_text filename, ep_relace_text content, ep_err *err)
{
	int rc = ep_repo_path_check(filename.data, filename.len, "filename", err);
	if (rc) return rc;
	begin_operation(operations, "write");
	add_text(operations, "filename", filename);
	add_text(operations, "content", content);
	if (ep_buf_failed(operations) == EP_EJSON)
		return ep_err_set(err, EP_EINVAL, "the content of '%.*s' is not UTF-8", (int)filename.len, filename.data);
	return end_operation(operations, err);
}

int ep_relace_add_delete(ep_buf *operations, ep_relace_text filename, ep_err *err)
{
	int rc = ep_repo_path_check(filename.data, filename.len, "filename", err);
	if (rc) return rc;
	begin_operation(operations, "delete");
	add_text(operations, "filename", filename);
	return end_operation(operations, err);
}

int ep_relace_add_rename(ep_buf *operations, ep_relace_text old_filename, ep_relace_text new_filename, ep_err *err)
{
	int rc = ep_repo_path_check(old_filename.data, old_filename.len, "old_filename", err);
	if (!rc) rc = ep_repo_path_check(new_filename.data, new_filename.len, "new_filename", err);
	if (rc) return rc;
	begin_operation(operations, "rename");
	add_text(operations, "old_filename", old_filename);
	add_text(operations, "new_filename", new_filename);
	return end_operation(operations, err);
}

/* --- bodies of create and update --- */

static int check_url(ep_relace_text url, ep_err *err)
{
	if (!url.len) return ep_err_set(err, EP_EINVAL, "source.url is missing");
	if (url.len > URL_MAX) return ep_err_set(err, EP_EINVAL, "source.url is longer than %d characters", URL_MAX);
	if (strncmp(url.data, "https://", 8) != 0 && strncmp(url.data, "http://", 7) != 0)
		return ep_err_set(err, EP_EINVAL, "source.url must start with https:// or http://");
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.data[i] <= ' ' || url.data[i] == 0x7f)
			return ep_err_set(err, EP_EINVAL, "source.url holds a blank or a control byte");
	return 0;
}

/* A ref that is given must be one. */
static int check_ref(ep_relace_text ref, const char *argument, ep_err *err)
{
	if (!ref.data) return 0;
	if (!ref.len) return ep_err_set(err, EP_EINVAL, "%s is empty", argument);
	for (size_t i = 0; i < ref.len; i++)
		if ((unsigned char)ref.data[i] < ' ' || ref.data[i] == 0x7f)
			return ep_err_set(err, EP_EINVAL, "%s holds a control byte", argument);
	return 0;
}

static int write_source(ep_buf *b, const ep_relace_change *c, ep_err *err)
{
	int rc = 0;
	if (c->source == EP_SOURCE_NONE) return 0;
	add_key(b, "source");
	switch (c->source) {
	case EP_SOURCE_GIT:
		rc = check_url(c->url, err);
		if (!rc) rc = check_ref(c->branch, "source.branch", err);
		if (!rc) rc = check_ref(c->hash, "source.hash", err);
		ep_buf_puts(b, "{\"type\":\"git\"");
		add_text(b, "url", c->url);
		add_text(b, "branch", c->branch);
		add_text(b, "hash", c->hash);
		add_flag(b, "shallow", c->shallow);
		break;
	case EP_SOURCE_RELACE:
		rc = ep_relace_check_id(c->repo_id.data, c->repo_id.len, "source.repo_id", err);
		ep_buf_puts(b, "{\"type\":\"relace\"");
		add_text(b, "repo_id", c->repo_id);
		add_flag(b, "copy_metadata", c->copy_metadata);
		add_flag(b, "copy_remote", c->copy_remote);
		break;
	default:
		ep_buf_puts(b, "{\"type\":\"diff\",\"operations\":[");
		if (c->operations) ep_buf_add(b, ep_buf_text(c->operations), c->operations->len);
		ep_buf_putc(b, ']');
	}
	ep_buf_putc(b, '}');
	return rc;
}

static int write_change(ep_buf *b, const ep_relace_change *c, ep_err *err)
{
	ep_buf_putc(b, '{');
	int rc = write_source(b, c, err);
	add_object(b, "metadata", c->metadata);
	add_flag(b, "auto_index", c->auto_index);
	ep_buf_putc(b, '}');
	return rc ? rc : written(b, "source or metadata", err);
}

int ep_relace_write_files_frame(ep_buf *before, ep_buf *behind, const ep_buf *metadata, int auto_index, ep_err *err)
{
	ep_buf_puts(before, "{\"source\":{\"type\":\"files\",\"files\":");
	ep_buf_putc(behind, '}');
	add_object(behind, "metadata", metadata);
	add_flag(behind, "auto_index", auto_index);
	ep_buf_putc(behind, '}');
	int rc = written(before, "metadata", err);
	return rc ? rc : written(behind, "metadata", err);
}

/* --- calls --- */

int ep_relace_add_repo_path(ep_buf *path, ep_relace_text repo_id, const char *rest, ep_err *err)
{
	int rc = ep_relace_check_id(repo_id.data, repo_id.len, "repo_id", err);
	if (rc) return rc;
	ep_buf_puts(path, "/repo/");
	ep_buf_add(path, repo_id.data, repo_id.len);
	ep_buf_puts(path, rest);
	return written(path, "repo_id", err);
}

int ep_relace_repo_post(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, const char *route,
	ep_relace_request *request, ep_buf *body, ep_err *err)
{
	ep_buf path = {0};
	request->body = EP_RELACE_JSON;
	request->bytes = *body;
	*body = (ep_buf){0};
	int rc = ep_relace_add_repo_path(&path, repo_id, route, err);
	if (!rc) rc = written(&request->bytes, "a text of the request", err);
	request->path = ep_buf_text(&path);
	request->path_len = path.len;
	if (rc)
		ep_relace_request_fini(request);
	else
		rc = ep_relace_start(out, client, request, err);
	ep_buf_fini(&path);
	return rc;
}

static const char *doubt_of(const char *path) { return strchr(path + 1, '/') ? changed_doubt : created_doubt; }

static int post_change(ep_relace_call **out, ep_relace_client *client, ep_relace_text path, ep_repeat repeat,
	const ep_relace_change *change, const ep_relace_options *options, ep_err *err)
{
	ep_relace_request request = ep_relace_request_of("POST", path.data, path.len, repeat, options);
	request.body = EP_RELACE_JSON;
	request.doubt = doubt_of(path.data);
	request.bulk = change->source != EP_SOURCE_NONE;
	int rc = write_change(&request.bytes, change, err);
	if (!rc) return ep_relace_start(out, client, &request, err);
	ep_relace_request_fini(&request);
	return rc;
}

int ep_relace_repo_create(ep_relace_call **out, ep_relace_client *client, const ep_relace_change *change,
	const ep_relace_options *options, ep_err *err)
{
	return post_change(out, client, (ep_relace_text){"/repo", 5}, EP_REPEAT_ONCE, change, options, err);
}

int ep_relace_repo_update(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id,
	const ep_relace_change *change, const ep_relace_options *options, ep_err *err)
{
	ep_buf path = {0};
	ep_repeat repeat = change->source == EP_SOURCE_NONE ? EP_REPEAT_SAFE : EP_REPEAT_ONCE;
	if (change->source == EP_SOURCE_NONE && !change->metadata)
		return ep_err_set(err, EP_EINVAL, "an update needs source or metadata");
	int rc = ep_relace_add_repo_path(&path, repo_id, "/update", err);
	if (!rc) rc = post_change(out, client, (ep_relace_text){path.data, path.len}, repeat, change, options, err);
	ep_buf_fini(&path);
	return rc;
}

static int on_repo(ep_relace_call **out, ep_relace_client *client, const char *method, ep_relace_text repo_id,
	const ep_relace_options *options, ep_err *err)
{
	ep_buf path = {0};
	int rc = ep_relace_add_repo_path(&path, repo_id, "", err);
	if (!rc) {
		ep_relace_request request = ep_relace_request_of(method, path.data, path.len, EP_REPEAT_SAFE, options);
		request.gone_is_done = method[0] == 'D';
		rc = ep_relace_start(out, client, &request, err);
	}
	ep_buf_fini(&path);
	return rc;
}

int ep_relace_repo_get(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id,
	const ep_relace_options *options, ep_err *err)
{
	return on_repo(out, client, "GET", repo_id, options, err);
}

int ep_relace_repo_delete(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id,
	const ep_relace_options *options, ep_err *err)
{
	return on_repo(out, client, "DELETE", repo_id, options, err);
}

/* --- list --- */

static void add_query_pairs(ep_buf *path, const char *name, const ep_buf *pairs)
{
	ep_buf object = {0};
	if (!pairs) return;
	ep_buf_putc(&object, '{');
	ep_buf_add(&object, ep_buf_text(pairs), pairs->len);
	ep_buf_putc(&object, '}');
	ep_query_add_text(path, name, (ep_relace_text){ep_buf_text(&object), object.len});
	ep_buf_fini(&object);
}

static bool is_text(ep_relace_text text, const char *other)
{
	return text.len == strlen(other) && !memcmp(text.data, other, text.len);
}

int ep_relace_check_page(const ep_relace_page *page, ep_err *err)
{
	if (page->start < -1) return ep_err_set(err, EP_EINVAL, "page_start is negative");
	if (page->size != -1 && (page->size < 1 || page->size > PAGE_MAX))
		return ep_err_set(err, EP_EINVAL, "page_size must be from 1 to %d", PAGE_MAX);
	if (page->order_by.data && !is_text(page->order_by, "created_at") && !is_text(page->order_by, "updated_at"))
		return ep_err_set(err, EP_EINVAL, "order_by must be created_at or updated_at");
	return 0;
}

int ep_relace_repo_list(ep_relace_call **out, ep_relace_client *client, const ep_relace_page *page,
	const ep_relace_options *options, ep_err *err)
{
	ep_buf path = {0};
	int rc = ep_relace_check_page(page, err);
	if (rc) return rc;
	ep_buf_puts(&path, "/repo");
	ep_query_add_integer(&path, "page_start", page->start);
	ep_query_add_integer(&path, "page_size", page->size);
	ep_query_add_text(&path, "order_by", page->order_by);
	ep_query_add_flag(&path, "order_descending", page->descending);
	add_query_pairs(&path, "filter_metadata", page->metadata);
	ep_query_add_text(&path, "created_after", page->created_after);
	ep_query_add_text(&path, "created_before", page->created_before);
	rc = written(&path, "a filter", err);
	if (!rc) {
		ep_relace_request request = ep_relace_request_of("GET", path.data, path.len, EP_REPEAT_SAFE, options);
		rc = ep_relace_start(out, client, &request, err);
	}
	ep_buf_fini(&path);
	return rc;
}
