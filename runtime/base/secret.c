/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/secret.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/mem.h"

struct ep_secret {
	ep_node node;
	size_t count, len;
	char bytes[];
};

enum { SHORTEST_HIDDEN = 6 }; /* shorter ones would mask half of any text */

void ep_secrets_init(ep_secrets *all)
{
	for (size_t i = 0; i < EP_SECRET_BUCKETS; i++) ep_node_init(&all->buckets[i]);
}

void ep_secrets_fini(ep_secrets *all)
{
	for (size_t i = 0; i < EP_SECRET_BUCKETS; i++)
		while (ep_list_shift(&all->buckets[i])) continue;
}

/* Of the first SHORTEST_HIDDEN bytes (FNV-1a). */
static size_t bucket_of(const char *bytes)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < SHORTEST_HIDDEN; i++) hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
	return (hash ^ hash >> 16) % EP_SECRET_BUCKETS;
}

ep_secret *ep_secret_new(ep_secrets *all, const char *bytes, size_t len)
{
	ep_secret *s = ep_alloc(sizeof *s + len + 1);
	if (!s) return NULL;
	s->count = 1;
	s->len = len;
	memcpy(s->bytes, bytes, len);
	s->bytes[len] = '\0';
	ep_node_init(&s->node);
	if (all && len >= SHORTEST_HIDDEN) ep_list_push(&all->buckets[bucket_of(s->bytes)], &s->node);
	return s;
}

ep_secret *ep_secret_retain(ep_secret *s)
{
	s->count++;
	return s;
}

void ep_secret_release(ep_secret *s)
{
	if (!s || --s->count) return;
	ep_node_unlink(&s->node);
	explicit_bzero(s->bytes, s->len);
	ep_free(s);
}

const char *ep_secret_reveal(const ep_secret *s, size_t *len)
{
	if (len) *len = s->len;
	return s->bytes;
}

const char *ep_secret_masked(const ep_secret *s)
{
	if (!strncmp(s->bytes, "rlcr-", 5)) return "rlcr-****";
	if (!strncmp(s->bytes, "rlc-", 4)) return "rlc-****";
	return "****";
}

static bool token_char(char c) { return isalnum((unsigned char)c) || c == '_' || c == '-'; }

/* The length of a credential's prefix at text, 0 if there is none. */
static size_t credential_prefix(const char *text, size_t len)
{
	if (len > 5 && !memcmp(text, "rlcr-", 5)) return 5;
	if (len > 4 && !memcmp(text, "rlc-", 4)) return 4;
	return 0;
}

static size_t run_of_token(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && token_char(text[n])) n++;
	return n;
}

/* The length of the secret of `all` that stands at text, 0 if none does. */
static size_t known_secret(const ep_secrets *all, const char *text, size_t len)
{
	size_t longest = 0;
	if (!all || len < SHORTEST_HIDDEN) return 0;
	const ep_node *head = &all->buckets[bucket_of(text)];
	for (const ep_node *n = head->next; n != head; n = n->next) {
		const ep_secret *s = EP_CONTAINER(n, ep_secret, node);
		if (s->len > longest && s->len <= len && !memcmp(text, s->bytes, s->len)) longest = s->len;
	}
	return longest;
}

/* The length of "user:password" when text starts behind "://" and it is followed by "@", else 0. */
static size_t userinfo(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '@') return i;
		if (text[i] == '/' || isspace((unsigned char)text[i]) || text[i] == '"' || text[i] == '\'') return 0;
	}
	return 0;
}

/* The length of what a Basic header holds for the user "token", when that begins here, else 0. */
static size_t basic_credential(const char *text, size_t len)
{
	static const char user[] = "dG9rZW46"; /* token: */
	size_t n = sizeof user - 1;
	if (len <= n || memcmp(text, user, n) != 0) return 0;
	while (n < len && (isalnum((unsigned char)text[n]) || memchr("+/=", text[n], 3))) n++;
	return n;
}

/* Adds what masks the secret at text[i] and returns the length it hides, 0 if nothing secret stands there. */
static size_t mask_at(ep_buf *b, const ep_secrets *all, const char *text, size_t i, size_t len)
{
	size_t n = known_secret(all, text + i, len - i);
	if (!n) n = basic_credential(text + i, len - i);
	size_t prefix = credential_prefix(text + i, len - i);
	if (prefix && (i == 0 || !token_char(text[i - 1]))) {
		size_t run = run_of_token(text + i + prefix, len - i - prefix);
		if (run >= 8 || n) {
			ep_buf_add(b, text + i, prefix);
			ep_buf_puts(b, "****");
			return run + prefix > n ? run + prefix : n;
		}
	}
	if (n) {
		ep_buf_puts(b, "****");
		return n;
	}
	if (i >= 3 && !memcmp(text + i - 3, "://", 3) && (n = userinfo(text + i, len - i))) ep_buf_puts(b, "****");
	return n;
}

int ep_mask(ep_buf *b, const ep_secrets *all, const char *text, size_t len)
{
	ep_buf masked = {0};
	size_t from = 0;
	for (size_t i = 0; i < len;) {
		size_t n = mask_at(&masked, all, text, i, len);
		if (!n) {
			i++;
			continue;
		}
		ep_buf_add(b, text + from, i - from);
		ep_buf_add(b, ep_buf_text(&masked), masked.len);
		if (ep_buf_failed(&masked)) ep_buf_puts(b, "****"); /* never less hidden for want of memory */
		ep_buf_reset(&masked);
		from = i += n;
	}
	ep_buf_fini(&masked);
	return ep_buf_add(b, text + from, len - from);
}
