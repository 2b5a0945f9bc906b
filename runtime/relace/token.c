/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/token.h"

#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/relace/address.h"

enum { ANSWER_MAX = 1 << 20 };

static const char root[] = "/repo_token";
static const char doubt[] = "a token may exist until its ttl ends";

/* --- create --- */

static int write_create(ep_buf *b, ep_relace_text name, const ep_relace_text *ids, size_t count, int64_t ttl)
{
	ep_buf_reserve(b, 64 + name.len + 40 * count);
	ep_buf_puts(b, "{\"name\":");
	ep_json_string(b, name.data, name.len);
	ep_buf_puts(b, ",\"repo_ids\":[");
	for (size_t i = 0; i < count; i++) {
		if (i) ep_buf_putc(b, ',');
		ep_json_string(b, ids[i].data, ids[i].len);
	}
	ep_buf_putc(b, ']');
	if (ttl) {
		ep_buf_puts(b, ",\"ttl_seconds\":");
		ep_json_integer(b, ttl);
	}
	ep_buf_putc(b, '}');
	return ep_buf_failed(b);
}

static int check_create(ep_relace_text name, const ep_relace_text *ids, size_t count, int64_t ttl, ep_err *err)
{
	int rc = 0;
	if (!name.len) return ep_err_set(err, EP_EINVAL, "name is empty");
	if (!count) return ep_err_set(err, EP_EINVAL, "repo_ids is empty: a token is for one repo or more");
	if (ttl < 0) return ep_err_set(err, EP_EINVAL, "ttl_seconds is negative");
	for (size_t i = 0; i < count && !rc; i++) rc = ep_relace_check_id(ids[i].data, ids[i].len, "repo_ids", err);
	return rc;
}

int ep_relace_token_create(ep_relace_call **out, ep_relace_client *client, ep_relace_text name,
	const ep_relace_text *repo_ids, size_t count, int64_t ttl_seconds, const ep_relace_options *options, ep_err *err)
{
	int rc = check_create(name, repo_ids, count, ttl_seconds, err);
	if (rc) return rc;
	ep_relace_request request = ep_relace_request_of("POST", root, sizeof root - 1, EP_REPEAT_ONCE, options);
	rc = write_create(&request.bytes, name, repo_ids, count, ttl_seconds);
	if (rc) {
		ep_buf_fini(&request.bytes);
		return ep_err_set(err, rc == EP_EJSON ? EP_EINVAL : rc, rc == EP_EJSON ? "name is not UTF-8" : "no memory");
	}
	request.body = EP_RELACE_JSON;
	request.max_body = ANSWER_MAX;
	request.makes_token = true;
	request.doubt = doubt;
	return ep_relace_start(out, client, &request, err);
}

/* --- get, delete --- */

static int add_path(ep_buf *path, const char *token, size_t len)
{
	ep_buf_puts(path, root);
	ep_buf_putc(path, '/');
	ep_http_url_escape(path, token, len);
	return ep_buf_failed(path);
}

static int on_token(ep_relace_call **out, ep_relace_client *client, const char *method, const ep_secret *token,
	const ep_relace_options *options, ep_err *err)
{
	size_t len;
	const char *value = ep_secret_reveal(token, &len);
	int rc = ep_relace_check_credential(value, len, "token", err);
	ep_buf path = {0};
	if (!rc && (rc = add_path(&path, value, len))) ep_err_set(err, rc, "no memory for a call");
	if (!rc) {
		ep_relace_request request = ep_relace_request_of(method, ep_buf_text(&path), path.len, EP_REPEAT_SAFE, options);
		request.max_body = ANSWER_MAX;
		request.gone_is_done = method[0] == 'D';
		rc = ep_relace_start(out, client, &request, err);
	}
	ep_buf_wipe(&path);
	return rc;
}

int ep_relace_token_get(ep_relace_call **out, ep_relace_client *client, const ep_secret *token,
	const ep_relace_options *options, ep_err *err)
{
	return on_token(out, client, "GET", token, options, err);
}

int ep_relace_token_delete(ep_relace_call **out, ep_relace_client *client, const ep_secret *token,
	const ep_relace_options *options, ep_err *err)
{
	return on_token(out, client, "DELETE", token, options, err);
}

/* --- answers --- */

static char *copied(const ep_json_value *v)
{
	size_t len;
	const char *text = ep_json_get_string(v, &len);
	return text ? ep_strndup(text, len) : NULL;
}

static int read_ids(ep_relace_token *out, const ep_json_value *ids)
{
	size_t count = ep_json_count(ids), need = count * sizeof *out->repo_ids, len;
	for (const ep_json_value *v = ep_json_first(ids); v; v = ep_json_next(v)) {
		if (!ep_json_get_string(v, &len)) return EP_EJSON;
		need += len + 1;
	}
	if (!(out->repo_ids = ep_alloc(need))) return EP_ENOMEM;
	char *to = (char *)(out->repo_ids + count);
	for (const ep_json_value *v = ep_json_first(ids); v; v = ep_json_next(v)) {
		const char *text = ep_json_get_string(v, &len);
		out->repo_ids[out->repo_count++] = memcpy(to, text, len + 1);
		to += len + 1;
	}
	return 0;
}

static int read_fields(ep_relace_token *out, const ep_json_value *v, bool created, ep_secrets *secrets)
{
	size_t len;
	const char *value = ep_json_get_string(ep_json_object_get(v, "token"), &len);
	const ep_json_value *ids = ep_json_object_get(v, "repo_ids");
	if (created && (!value || ep_relace_check_credential(value, len, "token", NULL))) return EP_EJSON;
	if (created && !(out->secret = ep_secret_new(secrets, value, len))) return EP_ENOMEM;
	out->name = copied(ep_json_object_get(v, "name"));
	out->expires_at = copied(ep_json_object_get(v, "expires_at"));
	int rc = ep_json_type(ids) == EP_JSON_ARRAY ? read_ids(out, ids) : EP_EJSON;
	return created && rc == EP_EJSON ? 0 : rc; /* a token that lives is not to be lost by what stands beside it */
}

int ep_relace_token_read(
	ep_relace_token *out, const ep_relace_call *call, bool created, ep_secrets *secrets, ep_err *err)
{
	ep_json *doc = NULL;
	ep_err why = {0};
	*out = (ep_relace_token){0};
	int rc = call->body.len ? ep_json_parse(&doc, ep_buf_text(&call->body), call->body.len, NULL, &why)
							: ep_err_set(&why, EP_EJSON, "it is empty");
	if (!rc) rc = read_fields(out, ep_json_root(doc), created, secrets);
	if (rc == EP_ENOMEM)
		ep_err_set(err, rc, "no memory for a token");
	else if (rc)
		ep_relace_no_json(err, call, why.code ? ep_err_message(&why) : "no token stands in it");
	if (rc) ep_relace_token_fini(out);
	ep_json_wipe(doc);
	ep_err_fini(&why);
	return err && rc ? err->code : rc;
}

void ep_relace_token_fini(ep_relace_token *token)
{
	ep_secret_release(token->secret);
	ep_free(token->name);
	ep_free(token->expires_at);
	ep_free(token->repo_ids);
	*token = (ep_relace_token){0};
}

int ep_relace_token_path_of_answer(ep_buf *path, const char *body, size_t len)
{
	ep_json *doc = NULL;
	size_t token_len;
	int rc = ep_json_parse(&doc, body, len, NULL, NULL);
	if (rc) return rc;
	const char *token = ep_json_get_string(ep_json_object_get(ep_json_root(doc), "token"), &token_len);
	rc = token && token_len ? add_path(path, token, token_len) : EP_EJSON;
	ep_json_wipe(doc);
	return rc;
}
