/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_CRYPTO_CRYPTO_H
#define EP_CRYPTO_CRYPTO_H

/* The few primitives that tokens and git's ids need: digests, random bytes, a comparison that takes no hints.
 *
 * Life: the caller's memory. Thread: any. Owner: nobody keeps anything. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EP_SHA1_SIZE = 20, EP_SHA256_SIZE = 32 };

void ep_sha256(unsigned char digest[EP_SHA256_SIZE], const void *bytes, size_t len);

/* Only for the ids of git's objects: it protects nothing. */
void ep_sha1(unsigned char digest[EP_SHA1_SIZE], const void *bytes, size_t len);

/* The same piece by piece. Life: the caller's memory, nothing to be freed. */
typedef struct ep_sha1_state {
	uint64_t room[16];
} ep_sha1_state;

void ep_sha1_begin(ep_sha1_state *state);
void ep_sha1_add(ep_sha1_state *state, const void *bytes, size_t len);
void ep_sha1_end(ep_sha1_state *state, unsigned char digest[EP_SHA1_SIZE]);

/* Writes 2 * len lower-case digits; no NUL. */
void ep_hex(char *out, const void *bytes, size_t len);

/* Fills out with random bytes of the kernel. 0 or EP_EIO. */
int ep_random(void *out, size_t len);

/* Whether both are the same, in a time that depends on the lengths alone. */
bool ep_equal(const void *a, size_t a_len, const void *b, size_t b_len);

#endif
