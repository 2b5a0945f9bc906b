/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the head of an answer, as headers of a request, and as the values and bodies that a failed call is told from. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/http/private.h"
#include "runtime/relace/answer.h"
#include "runtime/relace/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition) abort();
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Each field lies within the head, has a name, and a value without blanks around it; and is found by its name. */
static void check_head(char *text, size_t len)
{
	ep_http_call call = {.head = {.data = text, .len = len}};
	ep_http_field f, again;
	for (size_t at = 0, before = 0; ep_http_header_next(&call, &at, &f); before = at) {
		char name[128];
		require(at > before && at <= len);
		require(f.name >= text && f.name_len && f.value >= f.name + f.name_len && f.value + f.value_len <= text + len);
		require(!memchr(f.name, ':', f.name_len) && !memchr(f.value, '\n', f.value_len));
		require(!f.value_len || (!is_blank(f.value[0]) && !is_blank(f.value[f.value_len - 1])));
		if (f.name_len >= sizeof name || memchr(f.name, 0, f.name_len)) continue;
		memcpy(name, f.name, f.name_len);
		name[f.name_len] = '\0';
		require(ep_http_header_find(&call, name, &again) && again.name <= f.name);
	}
}

/* A line of a request holds no byte that would end it: what is accepted is one line, "Name: value" or "Name;". */
static void check_lines(const char *text, size_t len)
{
	const char *cut = memchr(text, 0, len);
	size_t name = cut ? (size_t)(cut - text) : len / 2, skip = name + (cut != NULL);
	const ep_http_header list[] = {{.name = text, .name_len = name, .value = text + skip, .value_len = len - skip}};
	ep_http_headers *headers;
	ep_err err = {0};
	int rc = ep_http_headers_new(&headers, list, 1, &err);
	require(rc == err.code);
	ep_err_fini(&err);
	if (rc) return;
	const char *line = headers->first->data;
	require(!strpbrk(line, "\r\n") && strlen(line) >= name + 1 && !strncmp(line, text, name));
	require(line[name] == (len - skip ? ':' : ';'));
	ep_http_headers_release(headers);
}

/* Waits that a server asks for are never negative or no number. */
static void check_waits(const char *text)
{
	double date = ep_http_date(text), wait = ep_retry_after(NULL, text, 1.7e9), ms = ep_retry_after(text, NULL, 1.7e9);
	require(date >= -1 && date < 3e11);
	require(wait >= 0 && ms >= 0);
	int should = ep_retry_should(text);
	require(should >= -1 && should <= 1);
}

/* The words of an error are one line of text, and short. */
static void check_words(const char *text, size_t len)
{
	ep_buf words = {0};
	ep_err err = {0};
	ep_answer_words(&words, text, len);
	require(words.len <= 310);
	for (size_t i = 0; i < words.len; i++) require((unsigned char)words.data[i] >= ' ' && words.data[i] != 0x7f);
	ep_answer_error(&err, 400 + (int)(len % 130), text, len, NULL);
	require(err.code < 0 && err.message);
	ep_err_fini(&err);
	ep_buf_fini(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size) return 0;
	char *text = malloc(size);
	require(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (*data % 4) {
	case 0: check_head(text, size - 1); break;
	case 1: check_lines(text, size - 1); break;
	case 2: check_waits(text); break;
	default: check_words(text, size - 1);
	}
	free(text);
	return 0;
}
