/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "runtime/base/address.h"
#include "runtime/http/private.h"

enum { SMALL_UPLOAD = 16 * 1024, LARGE_UPLOAD = 512 * 1024 }; /* libcurl's least, and what pays for large bodies */

/* --- bodies that are read from a source --- */

static size_t on_read(char *to, size_t size, size_t count, void *user)
{
	ep_call *call = ((ep_slot *)user)->call;
	long n = call->body.source->read(call->body.ctx, to, size * count);
	if (n == EP_HTTP_LATER) {
		call->upload_paused = true;
		return CURL_READFUNC_PAUSE;
	}
	if (n >= 0) return (size_t)n;
	call->fault = (int)n;
	call->fault_text = "the body of the request could not be read";
	return CURL_READFUNC_ABORT;
}

static int on_seek(void *user, curl_off_t offset, int origin)
{
	ep_call *call = ((ep_slot *)user)->call;
	if (offset || origin != SEEK_SET || call->once || !call->body.source->rewind) return CURL_SEEKFUNC_FAIL;
	return call->body.source->rewind(call->body.ctx) ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static bool is_public(const char *ip)
{
	uint8_t bytes[16];
	if (inet_pton(AF_INET, ip, bytes) == 1) return ep_address4_is_public(bytes);
	return inet_pton(AF_INET6, ip, bytes) == 1 && ep_address6_is_public(bytes);
}

/* Runs before each sending of a request. libcurl sends again, by itself, what it sent on a connection that
 * proves dead: never for a call that must happen once, unless no byte had left; once for the others. */
static int on_before_send(void *user, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	(void)local_ip, (void)remote_port, (void)local_port;
	ep_slot *slot = user;
	ep_call *call = slot->call;
	long sent = 0;
	ep_multi_settle(call);
	if (call->profile->public_only && !is_public(remote_ip)) { /* a connection that others have made */
		call->blocked = true;
		return CURL_PREREQFUNC_ABORT;
	}
	slot->spent = slot->spent || call->sends;
	if (call->sends) curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (call->sends > 1 || (call->once && sent > 0)) {
		call->fault = EP_ECONNECT;
		call->fault_text = "the server closed the connection before it answered";
		return CURL_PREREQFUNC_ABORT;
	}
	call->sends++;
	call->connected = true;
	return CURL_PREREQFUNC_OK;
}

/* --- what a profile sets, once for a handle --- */

static int set_text(CURL *easy, CURLoption option, const char *text)
{
	return text ? curl_easy_setopt(easy, option, text) : CURLE_OK;
}

static int set_trust(CURL *easy, const ep_http_profile *p)
{
	int rc = 0;
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* libcurl keeps the parsed authorities for all connections only when they come from a file alone */
	if (p->ca_file || p->ca_dir) rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, p->ca_file);
	return rc | curl_easy_setopt(easy, CURLOPT_CAPATH, p->ca_dir);
}

static int set_profile(CURL *easy, const ep_http_profile *p)
{
	int rc = set_trust(easy, p);
	rc |= p->direct ? set_text(easy, CURLOPT_NOPROXY, "*") : set_text(easy, CURLOPT_PROXY, p->proxy);
	rc |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	rc |=
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)(p->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	if (p->http2) rc |= curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	return rc;
}

static int set_rules(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for a name server */
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SMALL_UPLOAD);
	return set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https") |
		set_text(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
}

static void set_callbacks(ep_slot *slot)
{
	CURL *easy = slot->easy;
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->words);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_before_send);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, slot);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, slot);
	ep_answer_options(easy, slot);
}

static ep_slot *new_slot(ep_http *http, ep_http_profile *profile)
{
	ep_slot *slot = ep_calloc(1, sizeof *slot);
	if (!slot) return NULL;
	ep_node_init(&slot->link);
	slot->easy = curl_easy_init();
	slot->profile = ep_http_profile_retain(profile);
	slot->upload_room = SMALL_UPLOAD;
	if (!slot->easy || set_profile(slot->easy, profile) || set_rules(slot->easy)) {
		ep_slot_free(slot);
		return NULL;
	}
	set_callbacks(slot);
	ep_multi_options(http, slot);
	return slot;
}

void ep_slot_free(ep_slot *slot)
{
	if (slot->easy) curl_easy_cleanup(slot->easy);
	curl_url_cleanup(slot->base);
	ep_http_profile_release(slot->profile);
	ep_free(slot);
}

/* --- the idle handles: the last one used is the first one taken --- */

ep_slot *ep_slot_get(ep_http *http, ep_http_profile *profile)
{
	for (ep_node *n = http->idle.prev; n != &http->idle; n = n->prev) {
		ep_slot *slot = EP_CONTAINER(n, ep_slot, link);
		if (slot->profile != profile) continue;
		ep_node_unlink(n);
		http->idle_count--;
		return slot;
	}
	return new_slot(http, profile);
}

void ep_slot_put(ep_http *http, ep_slot *slot)
{
	slot->call = NULL;
	if (slot->spent) {
		ep_slot_free(slot);
		return;
	}
	ep_list_push(&http->idle, &slot->link);
	if (++http->idle_count <= HTTP_SLOTS_IDLE) return;
	http->idle_count--;
	ep_slot_free(EP_CONTAINER(ep_list_shift(&http->idle), ep_slot, link));
}

/* --- what a request sets --- */

static bool is_method(const ep_call *call, const char *method) { return !strcmp(call->method, method); }

static int set_custom(ep_slot *slot, const char *method)
{
	if (!strcmp(slot->custom, method)) return 0;
	if (curl_easy_setopt(slot->easy, CURLOPT_CUSTOMREQUEST, *method ? method : NULL)) return EP_ENOMEM;
	strcpy(slot->custom, method);
	return 0;
}

/* A POST for libcurl, whatever its method is called on the wire. */
static int set_body(ep_slot *slot, const ep_call *call)
{
	const ep_http_body *body = &call->body;
	bool source = body->kind == EP_HTTP_SOURCE;
	int64_t len = body->kind == EP_HTTP_NONE ? 0 : body->len;
	long room = source || len > SMALL_UPLOAD ? LARGE_UPLOAD : SMALL_UPLOAD;
	if (room != slot->upload_room) curl_easy_setopt(slot->easy, CURLOPT_UPLOAD_BUFFERSIZE, room);
	slot->upload_room = room;
	curl_easy_setopt(slot->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(len < 0 ? -1 : len));
	curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, source ? NULL : len ? body->data : "");
	return set_custom(slot, is_method(call, "POST") ? "" : call->method);
}

static int set_method(ep_slot *slot, const ep_call *call)
{
	bool head = is_method(call, "HEAD");
	if (call->body.kind != EP_HTTP_NONE || is_method(call, "POST") || is_method(call, "PUT") ||
		is_method(call, "PATCH"))
		return set_body(slot, call);
	curl_easy_setopt(slot->easy, head ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
	return set_custom(slot, head || is_method(call, "GET") ? "" : call->method);
}

/* A call that finds no idle connection needs none looked for among the busy ones, but a limit for the time that
 * one address of several may take to answer. Streams are not multiplexed: pausing one would pause its siblings. */
static void set_connection(ep_slot *slot, const ep_call *call)
{
	const ep_http_profile *p = slot->profile;
	bool connects = p->http2 ? call->stream : call->origin->idle == 0;
	if (p->http2 && call->stream != slot->http1) {
		slot->http1 = call->stream;
		curl_easy_setopt(
			slot->easy, CURLOPT_HTTP_VERSION, (long)(call->stream ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	}
	if (connects == slot->connects) return;
	slot->connects = connects;
	curl_easy_setopt(slot->easy, CURLOPT_FRESH_CONNECT, (long)connects);
	curl_easy_setopt(
		slot->easy, CURLOPT_CONNECTTIMEOUT_MS, connects ? (long)(p->connect_timeout / EP_MSEC) + 1000 : 0L);
}

/* Parses the origin for libcurl, once for as long as the handle stays with it. */
static int set_base(ep_slot *slot, const char *origin)
{
	if (!strcmp(slot->origin, origin)) return 0;
	slot->origin[0] = '\0';
	if (!slot->base && !(slot->base = curl_url())) return EP_ENOMEM;
	if (curl_url_set(slot->base, CURLUPART_URL, origin, 0)) return EP_EINVAL;
	if (curl_easy_setopt(slot->easy, CURLOPT_URL, origin)) return EP_ENOMEM;
	curl_easy_setopt(slot->easy, CURLOPT_CURLU, slot->base);
	strcpy(slot->origin, origin);
	return 0;
}

/* To an origin the path and query are sent as they are, without libcurl taking the URL apart and together again
 * for each request. A proxy wants the whole URL. */
static int set_url(ep_slot *slot, const ep_call *call)
{
	if (!slot->profile->direct && strncasecmp(call->url, "https:", 6)) {
		slot->origin[0] = '\0';
		curl_easy_setopt(slot->easy, CURLOPT_CURLU, NULL);
		curl_easy_setopt(slot->easy, CURLOPT_REQUEST_TARGET, NULL);
		return curl_easy_setopt(slot->easy, CURLOPT_URL, call->url) ? EP_ENOMEM : 0;
	}
	int rc = set_base(slot, call->origin->text);
	if (rc) return rc;
	return curl_easy_setopt(slot->easy, CURLOPT_REQUEST_TARGET, ep_url_target(call->url)) ? EP_ENOMEM : 0;
}

int ep_slot_prepare(ep_slot *slot, ep_call *call)
{
	slot->call = call;
	slot->words[0] = '\0';
	set_connection(slot, call);
	curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, call->lines);
	int rc = set_url(slot, call);
	return rc ? rc : set_method(slot, call);
}
