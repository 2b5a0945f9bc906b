/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/mem.h"
#include "runtime/serve/private.h"

typedef struct head {
	ep_header *headers; /* NULL: only count */
	char *to;
	size_t count, bytes;
} head;

static const char *put(head *h, const char *text, size_t len, bool lower)
{
	char *at = h->to;
	h->bytes += len + 1;
	if (!h->headers) return NULL;
	for (size_t i = 0; i < len; i++) at[i] = lower ? (char)tolower((unsigned char)text[i]) : text[i];
	at[len] = '\0';
	h->to += len + 1;
	return at;
}

static enum MHD_Result on_header(
	void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
	(void)kind;
	head *h = cls;
	const char *own_name = put(h, name, name_len, true);
	const char *own_value = put(h, value ? value : "", value ? value_len : 0, false);
	if (h->headers) h->headers[h->count] = (ep_header){own_name, own_value};
	h->count++;
	return MHD_YES;
}

static void print_peer(struct MHD_Connection *connection, char *text, size_t size)
{
	char host[64] = "";
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *a = info ? info->client_addr : NULL;
	text[0] = '\0';
	if (a && a->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)a;
		uv_ip4_name(v4, host, sizeof host);
		snprintf(text, size, "%s:%d", host, ntohs(v4->sin_port));
	} else if (a && a->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)a;
		uv_ip6_name(v6, host, sizeof host);
		snprintf(text, size, "[%s]:%d", host, ntohs(v6->sin6_port));
	}
}

int ep_head_copy(ep_request *r, struct MHD_Connection *connection, const char *method, const char *version)
{
	char peer[96];
	head h = {0};
	print_peer(connection, peer, sizeof peer);
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &h);
	r->header_count = h.count;
	r->headers = ep_calloc(h.count + 1, sizeof *r->headers);
	r->text = ep_alloc(h.bytes + strlen(method) + strlen(version) + strlen(peer) + 3);
	if (!r->headers || !r->text) return EP_ENOMEM;
	h = (head){.headers = r->headers, .to = r->text};
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &h);
	size_t bytes = h.bytes;
	r->method = put(&h, method, strlen(method), false);
	r->version = put(&h, version, strlen(version), false);
	r->remote = put(&h, peer, strlen(peer), false);
	bytes += strlen(r->uri) + (r->query ? strlen(r->query) : 0) + strlen(r->method);
	return bytes > r->server->options.max_headers ? EP_ETOOLARGE : 0;
}

int ep_head_length(ep_request *r)
{
	const char *length = ep_request_header(r, "content-length"), *coding = ep_request_header(r, "transfer-encoding");
	const char *expect = ep_request_header(r, "expect");
	r->expects = expect && !strcasecmp(expect, "100-continue");
	if (coding && length) return 400;
	if (coding && strcasecmp(coding, "chunked")) return 501;
	if (coding) {
		r->length = -1;
		return 0;
	}
	for (size_t i = 0; i < r->header_count; i++)
		if (!strcmp(r->headers[i].name, "content-length") && strcmp(r->headers[i].value, length)) return 400;
	r->length = length ? strtoll(length, NULL, 10) : 0;
	return r->length < 0 || r->length == INT64_MAX ? 413 : 0;
}
