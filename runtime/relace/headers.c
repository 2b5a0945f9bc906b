/* SPDX-License-Identifier: Apache-2.0 */
/* What stands at the head of a request. Of several sources that give a header the later one wins: what we always send, the
 * client's, the type of the body, the call's. */
#include <string.h>
#include <strings.h>

#include "runtime/base/mem.h"
#include "runtime/relace/address.h"
#include "runtime/relace/call.h"
#include "runtime/relace/private.h"

enum { MAX_HEADERS = 64 };

/* The list that is put together, with room for all sources. */
typedef struct merge {
	ep_http_header list[2 * MAX_HEADERS + 8];
	size_t count;
} merge;

static ep_http_header header(const char *name, const char *value)
{
	return (ep_http_header){.name = name, .name_len = strlen(name), .value = value, .value_len = strlen(value)};
}

static bool same_name(const ep_http_header *a, const ep_http_header *b)
{
	return a->name_len == b->name_len && !strncasecmp(a->name, b->name, a->name_len);
}

static void drop(merge *m, const ep_http_header *h)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->count; i++)
		if (!same_name(&m->list[i], h)) m->list[kept++] = m->list[i];
	m->count = kept;
}

/* Adds a source in place of what earlier ones say. */
static void add(merge *m, const ep_http_header *source, size_t count)
{
	for (size_t i = 0; i < count; i++) drop(m, &source[i]);
	for (size_t i = 0; i < count; i++) m->list[m->count++] = source[i];
}

static void add_one(merge *m, ep_http_header h) { add(m, &h, 1); }

/* What has no value has only taken others away. */
static void drop_empty(merge *m)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->count; i++)
		if (m->list[i].value || m->list[i].secret) m->list[kept++] = m->list[i];
	m->count = kept;
}

static int check_headers(const ep_http_header *list, size_t count, ep_err *err)
{
	if (count > MAX_HEADERS) return ep_err_set(err, EP_EINVAL, "headers: more than %d", MAX_HEADERS);
	for (size_t i = 0; i < count; i++) {
		if (list[i].name_len == 13 && !strncasecmp(list[i].name, "Authorization", 13))
			return ep_err_set(err, EP_EINVAL, "headers: Authorization is made of the credential");
		if (list[i].name_len == 4 && !strncasecmp(list[i].name, "Host", 4))
			return ep_err_set(err, EP_EINVAL, "headers: Host is made of base_url");
	}
	return 0;
}

static ep_http_header header_of_text(const char *name, ep_relace_text value)
{
	return (ep_http_header){.name = name, .name_len = strlen(name), .value = value.data, .value_len = value.len};
}

static int kind_of(int body)
{
	switch (body) {
	case EP_RELACE_NO_BODY: return EP_HEADERS_PLAIN;
	case EP_RELACE_BYTES:
	case EP_RELACE_BYTES_STREAM: return EP_HEADERS_BYTES;
	default: return EP_HEADERS_JSON;
	}
}

/* Adds what the request says itself. */
static int add_own(merge *m, const ep_relace_request *r, ep_err *err)
{
	const ep_relace_options *own = &r->options;
	int rc = check_headers(own->headers, own->header_count, err);
	if (rc) return rc;
	if (r->accept) add_one(m, header("Accept", r->accept));
	if (r->content_type.data) add_one(m, header_of_text("Content-Type", r->content_type));
	add(m, own->headers, own->header_count);
	if (!own->idempotency_key.data) return 0;
	rc = ep_relace_check_credential(own->idempotency_key.data, own->idempotency_key.len, "idempotency_key", err);
	if (!rc) add_one(m, header_of_text("Idempotency-Key", own->idempotency_key));
	return rc;
}

static int build(
	ep_http_headers **out, const ep_relace_client *client, int kind, const ep_relace_request *r, ep_err *err)
{
	static const char *const types[] = {NULL, "application/json", "application/octet-stream"};
	merge m = {.count = 0};
	ep_http_header authorization = header("Authorization", "Bearer ");
	authorization.secret = client->credential;
	add_one(&m, authorization);
	add_one(&m, header("Accept", "application/json"));
	add(&m, client->headers, client->header_count);
	if (types[kind]) add_one(&m, header("Content-Type", types[kind]));
	int rc = r ? add_own(&m, r, err) : 0;
	drop_empty(&m);
	return rc ? rc : ep_http_headers_new(out, m.list, m.count, err);
}

static bool has_own(const ep_relace_request *r)
{
	return r->accept || r->content_type.data || r->options.header_count || r->options.idempotency_key.data;
}

int ep_relace_headers(ep_http_headers **out, ep_relace_client *client, const ep_relace_request *request, ep_err *err)
{
	int kind = request ? kind_of(request->body) : EP_HEADERS_PLAIN, rc = 0;
	if (request && has_own(request)) return build(out, client, kind, request, err);
	if (!client->prepared[kind]) rc = build(&client->prepared[kind], client, kind, NULL, err);
	if (!rc) *out = ep_http_headers_retain(client->prepared[kind]);
	return rc;
}

/* --- the headers of a client --- */

static const char *copy_text(char **to, const char *text, size_t len)
{
	if (!text) return NULL;
	char *copy = *to;
	memcpy(copy, text, len);
	*to += len;
	return copy;
}

/* Keeps the list with its texts in one block. */
static int keep(ep_relace_client *client, const merge *m, ep_err *err)
{
	size_t need = m->count * sizeof *m->list;
	for (size_t i = 0; i < m->count; i++) need += m->list[i].name_len + m->list[i].value_len;
	ep_http_header *to = ep_alloc(need);
	if (!to) return ep_err_set(err, EP_ENOMEM, "no memory for the headers of a client");
	char *text = (char *)(to + m->count);
	for (size_t i = 0; i < m->count; i++) {
		const ep_http_header *from = &m->list[i];
		to[i] = *from;
		to[i].secret = from->secret ? ep_secret_retain((ep_secret *)from->secret) : NULL;
		to[i].name = copy_text(&text, from->name, from->name_len);
		to[i].value = copy_text(&text, from->value, from->value_len);
	}
	client->headers = to;
	client->header_count = m->count;
	return 0;
}

int ep_relace_set_headers(
	ep_relace_client *client, const ep_relace_client *parent, const ep_http_header *own, size_t own_count, ep_err *err)
{
	merge m = {.count = 0};
	int rc = check_headers(own, own_count, err);
	if (rc) return rc;
	if (parent) add(&m, parent->headers, parent->header_count);
	add(&m, own, own_count);
	rc = check_headers(m.list, m.count, err);
	return rc ? rc : keep(client, &m, err);
}

void ep_relace_free_headers(ep_relace_client *client)
{
	for (size_t i = 0; i < client->header_count; i++) ep_secret_release((ep_secret *)client->headers[i].secret);
	ep_free(client->headers);
	for (int i = 0; i < EP_HEADERS_KINDS; i++) ep_http_headers_release(client->prepared[i]);
}
