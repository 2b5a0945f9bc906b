/* SPDX-License-Identifier: Apache-2.0 */
/* What stands at the head of a request. Of several sources that give a header the later one wins: what we always send, the
 * client's, the type of the body, the call's. */
#include <string.h>
#include <strings.h>

#include "runtime/relace/private.h"

/* The list that is put together, with room for all sources. */
typedef struct merge {
	ep_http_header list[2 * EP_RELACE_MAX_HEADERS + 8];
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

/* Adds a source in place of what earlier ones say; one without value only takes away. */
static void add(merge *m, const ep_http_header *source, size_t count)
{
	for (size_t i = 0; i < count; i++) drop(m, &source[i]);
	for (size_t i = 0; i < count; i++)
		if (source[i].value || source[i].secret) m->list[m->count++] = source[i];
}

static void add_one(merge *m, ep_http_header h) { add(m, &h, 1); }

int ep_relace_check_headers(const ep_http_header *list, size_t count, ep_err *err)
{
	if (count > EP_RELACE_MAX_HEADERS)
		return ep_err_set(err, EP_EINVAL, "headers: more than %d", EP_RELACE_MAX_HEADERS);
	for (size_t i = 0; i < count; i++) {
		if (list[i].name_len == 13 && !strncasecmp(list[i].name, "Authorization", 13))
			return ep_err_set(err, EP_EINVAL, "headers: Authorization is made of the credential");
		if (list[i].name_len == 4 && !strncasecmp(list[i].name, "Host", 4))
			return ep_err_set(err, EP_EINVAL, "headers: Host is made of base_url");
	}
	return 0;
}

/* Adds what the call says itself. */
static int add_own(merge *m, const ep_relace_options *own, ep_err *err)
{
	ep_http_header key = header("Idempotency-Key", "");
	int rc = ep_relace_check_headers(own->headers, own->header_count, err);
	if (rc) return rc;
	add(m, own->headers, own->header_count);
	if (!own->idempotency_key.data) return 0;
	if (!own->idempotency_key.len) return ep_err_set(err, EP_EINVAL, "idempotency_key is empty");
	key.value = own->idempotency_key.data;
	key.value_len = own->idempotency_key.len;
	add_one(m, key);
	return 0;
}

static int build(ep_http_headers **out, const ep_relace_client *client, int kind, const char *accept,
	const ep_relace_options *own, ep_err *err)
{
	static const char *const types[] = {NULL, "application/json", "application/octet-stream"};
	merge m = {.count = 0};
	ep_http_header authorization = header("Authorization", "Bearer ");
	authorization.secret = client->credential;
	add_one(&m, authorization);
	add_one(&m, header("Accept", "application/json"));
	add(&m, client->headers, client->header_count);
	if (types[kind]) add_one(&m, header("Content-Type", types[kind]));
	if (accept) add_one(&m, header("Accept", accept));
	int rc = own ? add_own(&m, own, err) : 0;
	return rc ? rc : ep_http_headers_new(out, m.list, m.count, err);
}

int ep_relace_headers(ep_http_headers **out, ep_relace_client *client, int kind, const char *accept,
	const ep_relace_options *own, ep_err *err)
{
	int rc = 0;
	bool special = accept || (own && (own->header_count || own->idempotency_key.data));
	if (special) return build(out, client, kind, accept, own, err);
	if (!client->prepared[kind]) rc = build(&client->prepared[kind], client, kind, NULL, NULL, err);
	if (!rc) *out = ep_http_headers_retain(client->prepared[kind]);
	return rc;
}
