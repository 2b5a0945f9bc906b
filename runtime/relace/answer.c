/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/answer.h"

#include <string.h>

#include "runtime/base/json.h"

enum { WORDS_MAX = 300, DETAIL_MAX = 2048, SNIPPET_MAX = 200, PARSED_MAX = 64 * 1024 };

int ep_answer_code(int status)
{
	switch (status) {
	case 400: return EP_EBADREQUEST;
	case 401: return EP_EAUTH;
	case 403: return EP_EPERMISSION;
	case 404: return EP_ENOENT;
	case 405: return EP_EMETHOD;
	case 408: return EP_ETIMEOUT;
	case 409: return EP_ECONFLICT;
	case 413: return EP_ETOOLARGE;
	case 422: return EP_EUNPROCESSABLE;
	case 423: return EP_ELOCKED;
	case 429: return EP_ERATELIMIT;
	default: break;
	}
	if (status >= 300 && status < 400) return EP_EREDIRECT;
	return status >= 500 ? EP_ESERVER : EP_ESTATUS;
}

static bool is_blank(char c) { return (unsigned char)c <= ' ' || c == 0x7f; }

/* Adds bytes as one line of text: control bytes become blanks, those at the end nothing, and a character that the cut would
 * split is left out. */
static void add_line(ep_buf *out, const char *text, size_t len, size_t most)
{
	while (len && is_blank(text[len - 1])) len--;
	bool cut = len > most;
	if (cut) {
		len = most;
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80) len--;
	}
	for (size_t i = 0; i < len; i++) ep_buf_putc(out, is_blank(text[i]) ? ' ' : text[i]);
	if (cut) ep_buf_puts(out, "...");
}

static bool add_text(ep_buf *out, const ep_json_value *v)
{
	size_t len;
	const char *text = ep_json_get_string(v, &len);
	if (!text || !len) return false;
	add_line(out, text, len, WORDS_MAX);
	return true;
}

/* What a list of mistakes says of the first: in words, and where it is, as {"loc":["body","name"],"msg":"field required"}. */
static bool add_mistake(ep_buf *out, const ep_json_value *mistake)
{
	size_t len;
	if (!add_text(out, ep_json_object_get(mistake, "msg"))) return false;
	const ep_json_value *place = ep_json_object_get(mistake, "loc");
	const char *before = " (", *text;
	if (ep_json_count(place) < 2) return true; /* "body" alone says nothing */
	for (const ep_json_value *v = ep_json_first(place); v; v = ep_json_next(v)) {
		if (!(text = ep_json_get_string(v, &len))) continue; /* the number of an item */
		ep_buf_puts(out, before);
		add_line(out, text, len, WORDS_MAX);
		before = ".";
	}
	if (*before == '.') ep_buf_putc(out, ')');
	return true;
}

static bool add_known_member(ep_buf *out, const ep_json_value *root)
{
	const ep_json_value *error = ep_json_object_get(root, "error"), *detail = ep_json_object_get(root, "detail");
	return add_text(out, error) || add_text(out, ep_json_object_get(error, "message")) ||
		add_text(out, ep_json_object_get(root, "message")) || add_text(out, detail) ||
		add_mistake(out, ep_json_first(detail));
}

void ep_answer_words(ep_buf *out, const char *body, size_t len)
{
	static const ep_json_limits limits = {.max_bytes = PARSED_MAX, .max_depth = 32, .max_nodes = 4096};
	ep_json *doc = NULL;
	bool found = len && !ep_json_parse(&doc, body, len, &limits, NULL) && add_known_member(out, ep_json_root(doc));
	ep_json_free(doc);
	if (!found) add_line(out, body, len, WORDS_MAX);
}

/* What a person can do about it; NULL where the server's words say all there is. */
static const char *advice(int status)
{
	switch (status) {
	case 401: return "is the API key or repo token right, and not deleted or expired?";
	case 403: return "the credential is valid, but not for this";
	case 405: return "is the base URL right?";
	case 413: return "send less at once";
	case 429: return "slow down, or set max_rate";
	default: return NULL;
	}
}

/* Masked before it is cut: half a secret would not be found. */
static void mask_start(ep_buf *out, const char *bytes, size_t len, const ep_secrets *secrets)
{
	ep_mask(out, secrets, bytes, len > PARSED_MAX ? PARSED_MAX : len);
}

static void set_line(char **text, const ep_buf *bytes, size_t most)
{
	ep_buf line = {0};
	add_line(&line, ep_buf_text(bytes), bytes->len, most);
	ep_err_text(text, ep_buf_text(&line), line.len);
	ep_buf_fini(&line);
}

void ep_answer_error(ep_err *err, int status, const char *body, size_t len, const ep_secrets *secrets)
{
	ep_buf words = {0}, masked = {0};
	mask_start(&masked, body, len, secrets);
	ep_answer_words(&words, ep_buf_text(&masked), masked.len);
	const char *say = advice(status);
	ep_err_set(err, ep_answer_code(status), "HTTP %d%s%s%s%s%s", status, words.len ? ": " : "", ep_buf_text(&words),
		say ? " (" : "", say ? say : "", say ? ")" : "");
	err->status = status;
	if (len) set_line(&err->detail, &masked, DETAIL_MAX);
	ep_buf_fini(&words);
	ep_buf_fini(&masked);
}

void ep_answer_no_json(
	ep_err *err, int status, const char *why, const char *body, size_t len, const ep_secrets *secrets)
{
	ep_buf masked = {0}, line = {0};
	mask_start(&masked, body, len, secrets);
	add_line(&line, ep_buf_text(&masked), masked.len, SNIPPET_MAX);
	ep_err_set(err, EP_EJSON, "HTTP %d, but the answer is not the JSON it should be: %s%s%s", status, why,
		line.len ? "; it begins " : "", ep_buf_text(&line));
	err->status = status;
	if (line.len) ep_err_text(&err->detail, line.data, line.len);
	ep_buf_fini(&masked);
	ep_buf_fini(&line);
}
