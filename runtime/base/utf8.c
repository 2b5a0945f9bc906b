/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/utf8.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static bool follows(unsigned char c) { return (c & 0xc0) == 0x80; }

/* The length that the first byte announces; 0 for one that begins nothing. */
static unsigned announced(unsigned char c)
{
	if (c < 0x80) return 1;
	if (c < 0xc2) return 0;
	if (c < 0xe0) return 2;
	if (c < 0xf0) return 3;
	return c < 0xf5 ? 4 : 0;
}

/* Whether the second byte suits the first: what keeps out overlong forms, surrogates, and the planes above 16. */
static bool second_fits(unsigned char first, unsigned char second)
{
	if (!follows(second)) return false;
	switch (first) {
	case 0xe0: return second >= 0xa0;
	case 0xed: return second < 0xa0;
	case 0xf0: return second >= 0x90;
	case 0xf4: return second < 0x90;
	default: return true;
	}
}

/* Whether len bytes, fewer than were announced or as many, begin a well-formed sequence. */
static bool begins_well(const unsigned char *s, size_t len)
{
	if (len > 1 && !second_fits(s[0], s[1])) return false;
	if (len > 2 && !follows(s[2])) return false;
	return len < 4 || follows(s[3]);
}

unsigned ep_utf8_sequence(const unsigned char *bytes, size_t len)
{
	unsigned n = len ? announced(*bytes) : 0;
	return n && n <= len && begins_well(bytes, n) ? n : 0;
}

/* C0, DEL, and C1, which some terminals obey as well. */
static bool is_control(const unsigned char *c, size_t n)
{
	return c[0] < ' ' || c[0] == 0x7f || (n == 2 && c[0] == 0xc2 && c[1] < 0xa0);
}

size_t ep_utf8_show(ep_buf *out, const void *text, size_t len, size_t max)
{
	const unsigned char *s = text;
	size_t at = 0;
	while (at < len && (!max || at < max)) {
		size_t n = ep_utf8_sequence(s + at, len - at);
		bool plain = n && !is_control(s + at, n);
		if (!n) n = 1;
		ep_buf_add(out, plain ? (const void *)(s + at) : "?", plain ? n : 1);
		at += n;
	}
	return at;
}

/* The length of the run of ASCII at s. */
static size_t ascii_run(const unsigned char *s, size_t len)
{
	size_t i = 0;
#ifdef __SSE2__
	for (; i + 64 <= len; i += 64) {
		const __m128i *v = (const __m128i *)(const void *)(s + i);
		__m128i low = _mm_or_si128(_mm_loadu_si128(v), _mm_loadu_si128(v + 1));
		__m128i high = _mm_or_si128(_mm_loadu_si128(v + 2), _mm_loadu_si128(v + 3));
		if (_mm_movemask_epi8(_mm_or_si128(low, high))) break;
	}
#endif
	for (; i + 8 <= len; i += 8) {
		uint64_t word;
		memcpy(&word, s + i, sizeof word);
		if (word & UINT64_C(0x8080808080808080)) break;
	}
	while (i < len && s[i] < 0x80) i++;
	return i;
}

size_t ep_utf8_check(const void *bytes, size_t len)
{
	const unsigned char *s = bytes;
	size_t i = 0;
	while ((i += ascii_run(s + i, len - i)) < len) {
		/* Text that is not ASCII is rarely so for one character only. */
		while (i < len && s[i] >= 0x80) {
			unsigned n = ep_utf8_sequence(s + i, len - i);
			if (!n) return i;
			i += n;
		}
	}
	return len;
}

static bool fail(ep_utf8 *u)
{
	u->failed = true;
	return false;
}

/* Completes the held sequence with bytes of the chunk; adds to *used how many it took. */
static bool go_on(ep_utf8 *u, const unsigned char *s, size_t len, size_t *used)
{
	while (u->held_len && *used < len) {
		u->held[u->held_len++] = s[(*used)++];
		if (!begins_well(u->held, u->held_len)) return fail(u);
		if (u->held_len == announced(u->held[0])) {
			u->offset += u->held_len;
			u->held_len = 0;
		}
	}
	return true;
}

bool ep_utf8_add(ep_utf8 *u, const void *bytes, size_t len)
{
	const unsigned char *s = bytes;
	size_t used = 0;
	if (u->failed || !go_on(u, s, len, &used)) return false;
	size_t good = ep_utf8_check(s + used, len - used), left = len - used - good;
	u->offset += good;
	if (!left) return true;
	const unsigned char *cut = s + used + good;
	if (left >= announced(*cut) || !begins_well(cut, left)) return fail(u);
	memcpy(u->held, cut, left);
	u->held_len = (unsigned char)left;
	return true;
}

bool ep_utf8_end(ep_utf8 *u)
{
	if (u->held_len) return fail(u);
	return !u->failed;
}
