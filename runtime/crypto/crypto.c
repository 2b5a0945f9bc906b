/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/crypto/crypto.h"

#include <errno.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <sys/random.h>

#include "runtime/base/err.h"

void ep_sha256(unsigned char digest[EP_SHA256_SIZE], const void *bytes, size_t len)
{
	struct sha256_ctx ctx;
	sha256_init(&ctx);
	sha256_update(&ctx, len, bytes);
	sha256_digest(&ctx, SHA256_DIGEST_SIZE, digest);
}

_Static_assert(sizeof(struct sha1_ctx) <= sizeof(ep_sha1_state), "room for nettle's state");

void ep_sha1_begin(ep_sha1_state *state) { sha1_init((struct sha1_ctx *)(void *)state); }

void ep_sha1_add(ep_sha1_state *state, const void *bytes, size_t len)
{
	sha1_update((struct sha1_ctx *)(void *)state, len, bytes);
}

void ep_sha1_end(ep_sha1_state *state, unsigned char digest[EP_SHA1_SIZE])
{
	sha1_digest((struct sha1_ctx *)(void *)state, SHA1_DIGEST_SIZE, digest);
}

void ep_sha1(unsigned char digest[EP_SHA1_SIZE], const void *bytes, size_t len)
{
	ep_sha1_state state;
	ep_sha1_begin(&state);
	ep_sha1_add(&state, bytes, len);
	ep_sha1_end(&state, digest);
}

void ep_hex(char *out, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *b = bytes;
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[b[i] >> 4];
		*out++ = digits[b[i] & 15];
	}
}

int ep_random(void *out, size_t len)
{
	char *to = out;
	while (len) {
		ssize_t n = getrandom(to, len, 0);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return EP_EIO;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

bool ep_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	const volatile unsigned char *x = a, *y = b;
	unsigned char differs = 0;
	if (a_len != b_len) return false;
	for (size_t i = 0; i < a_len; i++) differs |= (unsigned char)(x[i] ^ y[i]);
	return !differs;
}
