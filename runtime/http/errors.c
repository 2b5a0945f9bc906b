/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "runtime/http/private.h"

/* "GET http://host/path": no query, which is where people put keys, and known secrets masked. */
static void name_call(const ep_call *call, const ep_secrets *secrets, ep_buf *text)
{
	ep_buf_printf(text, "%s ", call->method);
	ep_mask(text, secrets, call->url, strcspn(call->url, "?#"));
}

void ep_call_describe(const ep_op *op, ep_buf *text)
{
	const ep_call *call = (const ep_call *)(const void *)op;
	name_call(call, call->http ? call->http->secrets : NULL, text);
}

/* No byte of a request leaves before libcurl is about to send it, and what it counts are bytes that left. */
static bool maybe_sent(const ep_call *call)
{
	long bytes = 0;
	if (call->slot && call->sends) curl_easy_getinfo(call->slot->easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes > 0;
}

static bool may_pass(int code)
{
	return code == EP_EDNS || code == EP_ECONNECT || code == EP_ETIMEOUT || code == EP_ETRUNCATED;
}

int ep_call_fail(ep_call *call, int code, const char *format, ...)
{
	ep_err *err = &call->pub.err;
	if (err->code) return err->code;
	va_list args;
	va_start(args, format);
	ep_err_vset(err, code, format, args);
	va_end(args);
	ep_buf name = {0};
	ep_call_describe(&call->pub.op, &name);
	err->operation = ep_buf_take(&name);
	err->maybe_sent = maybe_sent(call);
	err->retryable = may_pass(code);
	return code;
}

/* --- libcurl's codes --- */

static bool says(const char *words, const char *part) { return strstr(words, part) != NULL; }

static int after_head(const ep_call *call, int code) { return call->head_done ? EP_ETRUNCATED : code; }

static int code_of_receive(const ep_call *call, const char *words)
{
	return says(words, "chunked-encoding") ? EP_EPROTOCOL : after_head(call, EP_ECONNECT);
}

/* A handshake that the network cut short is no fault of a certificate. */
static int code_of_handshake(const char *words)
{
	bool cut = says(words, "SSL_ERROR_SYSCALL") || says(words, "reset by peer") || says(words, "unexpected eof");
	return cut ? EP_ECONNECT : EP_ETLS;
}

static int code_of(const ep_call *call, CURLcode result, const char *words)
{
	switch (result) {
	case CURLE_OUT_OF_MEMORY: /* also a header line of more than 100 KB, and then nothing is short */
		return call->pub.status && !call->head_done ? EP_EPROTOCOL : EP_ENOMEM;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST: return EP_EDNS;
	case CURLE_OPERATION_TIMEDOUT: return EP_ETIMEOUT;
	case CURLE_SSL_CONNECT_ERROR: return code_of_handshake(words);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_USE_SSL_FAILED: return EP_ETLS;
	case CURLE_PARTIAL_FILE: return EP_ETRUNCATED;
	case CURLE_BAD_CONTENT_ENCODING: return EP_EDECODE;
	case CURLE_RECV_ERROR: return code_of_receive(call, words);
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND: return after_head(call, EP_ECONNECT);
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM: return after_head(call, EP_EPROTOCOL);
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 */
	case CURLE_WEIRD_SERVER_REPLY: return EP_EPROTOCOL;
	default: return EP_ECONNECT;
	}
}

static const char *what_of(int code)
{
	switch (code) {
	case EP_EDNS: return "the host name was not found";
	case EP_ETLS: return "no secure connection";
	case EP_ECONNECT: return "the connection failed";
	case EP_ETRUNCATED: return "the answer was cut short";
	case EP_EPROTOCOL: return "the answer is not valid HTTP";
	case EP_EDECODE: return "the body of the answer can't be decoded";
	case EP_ETIMEOUT: return "no connection in time";
	default: return "the request failed";
	}
}

static int fail_by_callback(ep_call *call)
{
	if (call->fault == EP_ETOOLARGE) {
		return ep_call_fail(
			call, EP_ETOOLARGE, "the body of the answer has more than %llu bytes", (unsigned long long)call->max_body);
	}
	return ep_call_fail(call, call->fault, "%s", call->fault_text ? call->fault_text : "not enough memory");
}

int ep_call_fail_curl(ep_call *call, CURLcode result)
{
	if (call->fault) return fail_by_callback(call);
	if (call->blocked && (result == CURLE_COULDNT_CONNECT || result == CURLE_ABORTED_BY_CALLBACK))
		return ep_call_fail(
			call, EP_EBLOCKED, "the host has no public address, and no other is connected to (public_only)");
	const char *words = call->slot->words[0] ? call->slot->words : curl_easy_strerror(result);
	int code = code_of(call, result, words);
	if (result == CURLE_OUT_OF_MEMORY && code == EP_EPROTOCOL) words = "a line of its headers is too long";
	if (code == EP_ENOMEM) return ep_call_fail(call, code, "not enough memory");
	ep_buf text = {0};
	ep_mask(&text, call->http->secrets, words, strlen(words));
	ep_call_fail(call, code, "%s: %s", what_of(code), ep_buf_text(&text));
	ep_buf_fini(&text);
	return code;
}
