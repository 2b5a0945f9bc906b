/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json_text.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

const ep_byte *ep_json_skip_plain(const ep_byte *p, const ep_byte *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(' ');
	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* As signed bytes, what is not ASCII is below the space too. */
		__m128i stop = _mm_or_si128(_mm_cmplt_epi8(v, space), _mm_cmpeq_epi8(v, quote));
		int mask = _mm_movemask_epi8(_mm_or_si128(stop, _mm_cmpeq_epi8(v, backslash)));
		if (mask) return p + __builtin_ctz((unsigned)mask);
	}
#endif
	while (p < end && *p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\') p++;
	return p;
}

const ep_byte *ep_json_skip_valid(const ep_byte *p, const ep_byte *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		int mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
		if (mask) return p + __builtin_ctz((unsigned)mask);
	}
#endif
	while (p < end && *p != '"' && *p != '\\') p++;
	return p;
}

static int hex_digit(ep_byte c)
{
	if (c >= '0' && c <= '9') return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long ep_json_unit(const ep_byte *p, const ep_byte *end)
{
	long unit = 0;
	if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
	for (int i = 2; i < 6; i++) {
		int digit = hex_digit(p[i]);
		if (digit < 0) return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static char *put_character(char *to, unsigned long c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

/* Decodes the \uXXXX at *p, or the two of a surrogate pair, and passes it. */
static char *put_unicode(char *to, const ep_byte **p, const ep_byte *end)
{
	unsigned long c = (unsigned long)ep_json_unit(*p, end);
	*p += 6;
	if (c >= 0xd800 && c < 0xdc00) {
		c = 0x10000 + ((c - 0xd800) << 10) + ((unsigned long)ep_json_unit(*p, end) - 0xdc00);
		*p += 6;
	}
	return put_character(to, c);
}

static char meaning_of(ep_byte letter)
{
	switch (letter) {
	case 'b': return '\b';
	case 'f': return '\f';
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	default: return (char)letter;
	}
}

char *ep_json_unescape(char *to, const ep_byte *p, const ep_byte *end)
{
	while (p < end) {
		const ep_byte *from = p;
		p = ep_json_skip_valid(p, end);
		memcpy(to, from, (size_t)(p - from));
		to += p - from;
		if (p == end) break;
		if (p[1] == 'u') {
			to = put_unicode(to, &p, end);
		} else {
			*to++ = meaning_of(p[1]);
			p += 2;
		}
	}
	return to;
}
