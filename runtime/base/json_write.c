/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "runtime/base/utf8.h"

typedef unsigned char byte;

/* What stands behind the backslash: 'u' for \u00XX, 0 for a byte that is written as it is. */
static inline char letter_of(byte c)
{
	switch (c) {
	case '"':
	case '\\': return (char)c;
	case '\b': return 'b';
	case '\t': return 't';
	case '\n': return 'n';
	case '\f': return 'f';
	case '\r': return 'r';
	default: return c < ' ' ? 'u' : 0;
	}
}

static inline char *put(char *to, byte c)
{
	static const char hex[] = "0123456789abcdef";
	char letter = letter_of(c);
	if (!letter) {
		*to++ = (char)c;
		return to;
	}
	*to++ = '\\';
	*to++ = letter;
	if (letter != 'u') return to;
	memcpy(to, "00", 2);
	to[2] = hex[c >> 4];
	to[3] = hex[c & 15];
	return to + 4;
}

#ifdef __SSE2__
/* All ones in each byte that is a control character. */
static inline __m128i controls(__m128i v)
{
	const __m128i last = _mm_set1_epi8(0x1f);
	return _mm_cmpeq_epi8(_mm_max_epu8(v, last), last);
}

static inline __m128i quotes(__m128i v)
{
	return _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
}

/* All ones in each byte that is one of \b \t \n \f \r: 8 to 13 without 11. */
static inline __m128i lettered(__m128i v)
{
	__m128i from8 = _mm_sub_epi8(v, _mm_set1_epi8(8));
	__m128i in = _mm_cmpeq_epi8(_mm_min_epu8(from8, _mm_set1_epi8(5)), from8);
	return _mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(11)), in);
}

static inline size_t sum(__m128i counts)
{
	__m128i halves = _mm_sad_epu8(counts, _mm_setzero_si128());
	return (size_t)_mm_cvtsi128_si32(halves) + (size_t)_mm_cvtsi128_si32(_mm_srli_si128(halves, 8));
}

/* By how much the first `blocks` (at most 255) times 16 bytes grow. */
static size_t growth(const byte *s, size_t blocks)
{
	__m128i singles = _mm_setzero_si128(), longs = _mm_setzero_si128();
	for (size_t i = 0; i < blocks; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(s + i * 16)), low = controls(v);
		singles = _mm_sub_epi8(singles, _mm_or_si128(low, quotes(v)));
		longs = _mm_sub_epi8(longs, _mm_andnot_si128(lettered(v), low));
	}
	return sum(singles) + 4 * sum(longs);
}
#endif

char *ep_json_escape(char *to, const char *s, size_t n)
{
	const byte *p = (const byte *)s, *end = p + n;
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(controls(v), quotes(v)));
		_mm_storeu_si128((__m128i *)(void *)to, v);
		if (!mask) {
			p += 16;
			to += 16;
			continue;
		}
		unsigned plain = (unsigned)__builtin_ctz(mask);
		to = put(to + plain, p[plain]);
		p += plain + 1;
	}
#endif
	while (p < end) to = put(to, *p++);
	return to;
}

size_t ep_json_escaped_length(const char *s, size_t n)
{
	const byte *p = (const byte *)s, *end = p + n;
	size_t len = n;
#ifdef __SSE2__
	while (end - p >= 16) {
		size_t blocks = (size_t)(end - p) / 16;
		if (blocks > 255) blocks = 255;
		len += growth(p, blocks);
		p += blocks * 16;
	}
#endif
	for (; p < end; p++) {
		char letter = letter_of(*p);
		if (letter) len += letter == 'u' ? 5 : 1;
	}
	return len;
}

int ep_json_string(ep_buf *b, const char *data, size_t len)
{
	enum { SHORT = 256 }; /* up to here room for the worst is cheaper than to measure */
	if (ep_utf8_check(data, len) != len) {
		if (!b->failed) b->failed = EP_EJSON;
		return EP_EJSON;
	}
	size_t escaped = len <= SHORT ? len * 6 : ep_json_escaped_length(data, len);
	char *begin = ep_buf_reserve(b, escaped + 2 + 16);
	if (!begin) return b->failed;
	char *to = begin;
	*to++ = '"';
	to = ep_json_escape(to, data, len);
	*to++ = '"';
	*to = '\0';
	b->len += (size_t)(to - begin);
	return 0;
}
