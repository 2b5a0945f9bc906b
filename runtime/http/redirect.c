/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/http/private.h"

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* In the headers' callback: 0: an answer as any other, 1: to be followed, or the error. */
int ep_redirect_check(ep_call *call)
{
	ep_http_field to;
	if (call->max_redirects < 0 || !is_redirect(call->pub.status)) return 0;
	if (!ep_http_header_find(&call->pub, "location", &to)) return 0;
	if (call->max_redirects > 0) return 1;
	ep_buf text = {0};
	const ep_secrets *secrets = call->http->secrets;
	ep_mask(&text, secrets, to.value, strcspn(to.value, "?#\r\n"));
	int rc = ep_call_fail(call, EP_EREDIRECT, "the server redirects (status %d) to %.300s, %s", call->pub.status,
		ep_buf_text(&text), call->moved ? "after too many redirects" : "which is not followed");
	ep_buf_fini(&text);
	return rc;
}

/* The location as an absolute URL without fragment, to be freed with curl_free; NULL: it is none. */
static char *resolve(const char *base, const ep_http_field *to)
{
	char *url = NULL, *location = ep_strndup(to->value, to->value_len);
	CURLU *u = curl_url();
	unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE;
	if (location && u && !curl_url_set(u, CURLUPART_URL, base, 0) && !curl_url_set(u, CURLUPART_URL, location, flags) &&
		!curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0)) {
		if (curl_url_get(u, CURLUPART_URL, &url, 0)) url = NULL;
	}
	curl_url_cleanup(u);
	ep_free(location);
	return url;
}

static bool is_secure(const char *url) { return !strncasecmp(url, "https:", 6); }

static int check_target(ep_call *call, const char *url)
{
	ep_err why = {0};
	int rc = 0;
	if (!url)
		rc = ep_call_fail(call, EP_EREDIRECT, "the server redirects to what is no URL");
	else if (ep_http_url_check(url, strlen(url), &why))
		rc = ep_call_fail(
			call, EP_EREDIRECT, "the server redirects to where no request may go: %s", ep_err_message(&why));
	else if (is_secure(call->url) && !is_secure(url))
		rc = ep_call_fail(call, EP_EREDIRECT, "the server redirects from https to http, which is refused");
	ep_err_fini(&why);
	return rc;
}

/* What a browser does: after 303, and after 301 or 302 of a POST, the next request is a GET without a body. */
static int change_method(ep_call *call)
{
	int status = call->pub.status;
	bool post = !strcmp(call->method, "POST"), head = !strcmp(call->method, "HEAD");
	if ((status == 303 && !head) || (status <= 302 && post)) {
		call->method = "GET";
		if (call->body.kind == EP_HTTP_TAKEN) ep_free((void *)call->body.data);
		call->body = (ep_http_body){0};
		return 0;
	}
	if (call->body.kind != EP_HTTP_SOURCE) return 0;
	if (call->body.source->rewind && !call->body.source->rewind(call->body.ctx)) return 0;
	return ep_call_fail(call, EP_EREDIRECT, "the server redirects, and the body can't be sent a second time");
}

static int change_origin(ep_call *call, const char *url)
{
	char from[ORIGIN_MAX], to[ORIGIN_MAX];
	ep_origin_text(from, call->url);
	ep_origin_text(to, url);
	return strcmp(from, to) ? ep_headers_cross_origin(call) : 0;
}

/* Sends the call to where its answer points. 0: it is under way again; else it has failed, with its error set. */
int ep_redirect_follow(ep_call *call)
{
	ep_http *http = call->http;
	ep_http_field to;
	ep_http_header_find(&call->pub, "location", &to);
	char *url = resolve(call->url, &to), *moved = NULL;
	int rc = check_target(call, url);
	if (!rc) rc = change_method(call);
	if (!rc && ((moved = ep_strdup(url)) == NULL || change_origin(call, url)))
		rc = ep_call_fail(call, EP_ENOMEM, "no memory to follow a redirect");
	curl_free(url);
	ep_origin *origin = rc ? NULL : ep_origin_get(http, moved);
	if (!origin) {
		ep_free(moved);
		return rc ? rc : ep_call_fail(call, EP_ENOMEM, "no memory to follow a redirect");
	}
	ep_call_leave(call);
	ep_free(call->moved);
	call->url = call->moved = moved;
	call->origin = origin;
	call->max_redirects--;
	ep_http_enqueue(http, call);
	return 0;
}
