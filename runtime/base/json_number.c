/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/json_number.h"

#include <math.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/mem.h"

enum {
	DIGITS = 17,   /* enough for any double */
	LONGEST = 32,  /* room for a number's text: sign, zeros in front or behind, point, digits, exponent */
	FIXED_MIN = -5 /* numbers whose first digit stands for less are written with an exponent */
};

/* A positive number as digits, the first of which stands for 10^exponent. */
typedef struct decimal {
	char digits[DIGITS];
	int count, exponent;
} decimal;

/* text has a NUL at its end. */
static double nearest(const char *text)
{
	return strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* that one locale is no object to free */
}

double ep_json_short_double(const char *text, size_t len)
{
	char copy[EP_JSON_TREE_NUMBER + 1];
	memcpy(copy, text, len);
	copy[len] = '\0';
	return nearest(copy);
}

bool ep_json_read_double(const char *text, size_t len, double *out)
{
	char *copy = len > EP_JSON_TREE_NUMBER ? ep_strndup(text, len) : NULL;
	if (len > EP_JSON_TREE_NUMBER && !copy) return false;
	*out = copy ? nearest(copy) : ep_json_short_double(text, len);
	ep_free(copy);
	return true;
}

bool ep_json_double_is(double value, const char *text, size_t len)
{
	char exact[320];
	int n = snprintf(exact, sizeof exact, "%.0f", value);
	return n > 0 && (size_t)n == len && memcmp(exact, text, len) == 0;
}

/* Writes the digits of value so that they end before `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
								"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
								"8081828384858687888990919293949596979899";
	for (; value >= 100; value /= 100) memcpy(end -= 2, pairs + value % 100 * 2, 2);
	if (value < 10)
		*--end = (char)('0' + value);
	else
		memcpy(end -= 2, pairs + value * 2, 2);
	return end;
}

int ep_json_integer(ep_buf *b, int64_t value)
{
	char text[24], *end = text + sizeof text;
	char *begin = digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
	if (value < 0) *--begin = '-';
	return ep_buf_add(b, begin, (size_t)(end - begin));
}

static void set_decimal(decimal *d, uint64_t digits, int exponent)
{
	char text[24], *end = text + sizeof text, *begin = digits_before(end, digits);
	while (end[-1] == '0') end--;
	d->count = (int)(end - begin);
	d->exponent = exponent;
	memcpy(d->digits, begin, (size_t)d->count);
}

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;

static const uint64_t most_digits = UINT64_C(100000000000000000); /* 10^DIGITS */

/* A number between 10^-14 and 2^53, as the integer `scaled` / 2^shift, which has DIGITS digits before its point. */
typedef struct scale {
	wide scaled;
	wide step; /* from one double to the next, in units of scaled */
	int shift;
	bool edge; /* a power of two: the double below is only half a step away */
} scale;

/* f * 2^e times 10^by, exactly: f * 5^by fits for what make_scale lets through. */
static void scale_by(scale *s, uint64_t f, int e, int by)
{
	s->step = 1;
	for (int i = 0; i < by; i++) s->step *= 5;
	s->scaled = f * s->step;
	s->shift = -(e + by);
}

static bool make_scale(scale *s, double value, int *exponent)
{
	int e;
	if (!(value > 1e-14 && value < 9007199254740992.0)) return false;
	uint64_t f = (uint64_t)ldexp(frexp(value, &e), 53);
	e -= 53;
	/* log10(2) is a little over 1233 / 4096; what it makes is right or one too small. */
	*exponent = ((e + 52) * 1233) >> 12;
	scale_by(s, f, e, DIGITS - 1 - *exponent);
	if (s->shift < 1 || (uint64_t)(s->scaled >> s->shift) >= most_digits) {
		if (s->shift < 1) return false;
		scale_by(s, f, e, DIGITS - 1 - ++*exponent);
		if (s->shift < 1) return false;
	}
	s->edge = f == UINT64_C(1) << 52;
	return true;
}

/* Whether `digits` is nearer to the number than any other double is. */
static bool reads_back(const scale *s, uint64_t digits)
{
	wide at = (wide)digits << s->shift;
	if (at >= s->scaled) return 2 * (at - s->scaled) < s->step;
	return (s->edge ? 4 : 2) * (s->scaled - at) < s->step;
}

/* The shortest of 15 to 17 digits by integer arithmetic; false when the number is outside its range. */
static bool shortest_fast(decimal *d, double value)
{
	scale s;
	int exponent;
	if (!make_scale(&s, value, &exponent)) return false;
	uint64_t whole = (uint64_t)(s.scaled >> s.shift);
	for (uint64_t unit = 100; unit; unit /= 10) {
		uint64_t digits = unit > 1 ? (whole + unit / 2) / unit * unit : whole + ((s.scaled >> (s.shift - 1)) & 1);
		if (!reads_back(&s, digits)) continue;
		set_decimal(d, digits, exponent + (digits >= most_digits));
		return true;
	}
	return false;
}
#else
static bool shortest_fast(decimal *d, double value) { return (void)d, (void)value, false; }
#endif

/* The same by the C library, for every number. */
static void shortest_slow(decimal *d, double value)
{
	char text[LONGEST];
	uint64_t digits = 0;
	for (int precision = 15; precision <= DIGITS; precision++) {
		snprintf(text, sizeof text, "%.*e", precision - 1, value);
		if (strtod(text, NULL) == value) break;
	}
	char *c = text;
	for (; *c != 'e'; c++) /* whatever the locale's decimal point is */
		if (*c >= '0' && *c <= '9') digits = digits * 10 + (uint64_t)(*c - '0');
	set_decimal(d, digits, atoi(c + 1));
}

static char *put_zeros(char *to, int count)
{
	for (; count > 0; count--) *to++ = '0';
	return to;
}

/* Writes a decimal with a point or an exponent; returns its end. */
static char *put_decimal(char *to, const decimal *d)
{
	int n = d->count, before = d->exponent + 1; /* digits before the point */
	bool fixed = d->exponent >= FIXED_MIN && d->exponent < DIGITS;
	if (!fixed) before = 1;
	if (before <= 0) {
		memcpy(to, "0.", 2);
		to = put_zeros(to + 2, -before);
		memcpy(to, d->digits, (size_t)n);
		return to + n;
	}
	int first = n < before ? n : before;
	memcpy(to, d->digits, (size_t)first);
	to = put_zeros(to + first, before - first);
	if (n > first || fixed) *to++ = '.';
	if (n > first) memcpy(to, d->digits + first, (size_t)(n - first));
	to += n - first;
	if (n == first && fixed) *to++ = '0';
	return fixed ? to : to + snprintf(to, 8, "e%d", d->exponent);
}

/* A whole number below 2^53, as most are that scripts write. */
static char *put_whole(char *to, double value)
{
	char text[24], *end = text + sizeof text, *begin = digits_before(end, (uint64_t)value);
	memcpy(to, begin, (size_t)(end - begin));
	to += end - begin;
	memcpy(to, ".0", 2);
	return to + 2;
}

int ep_json_number(ep_buf *b, double value)
{
	decimal d;
	if (!isfinite(value)) {
		if (!b->failed) b->failed = EP_EJSON;
		return EP_EJSON;
	}
	char *begin = ep_buf_reserve(b, LONGEST), *to = begin;
	if (!to) return b->failed;
	if (signbit(value)) *to++ = '-';
	value = fabs(value);
	if (value < 9007199254740992.0 && value == (double)(uint64_t)value) {
		to = put_whole(to, value);
	} else {
		if (!shortest_fast(&d, value)) shortest_slow(&d, value);
		to = put_decimal(to, &d);
	}
	*to = '\0';
	b->len += (size_t)(to - begin);
	return 0;
}
