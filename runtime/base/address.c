/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/address.h"

#include <stddef.h>
#include <string.h>

typedef struct prefix {
	uint8_t bytes[16];
	unsigned bits;
} prefix;

static const prefix not_public4[] = {
	{{0}, 8},             /* this network */
	{{10}, 8},            /* private */
	{{100, 64}, 10},      /* shared by customers of a provider */
	{{127}, 8},           /* this machine */
	{{169, 254}, 16},     /* the link; the metadata services of clouds */
	{{172, 16}, 12},      /* private */
	{{192, 0, 0}, 24},    /* protocol assignments */
	{{192, 0, 2}, 24},    /* documentation */
	{{192, 88, 99}, 24},  /* relays of 6to4, given up */
	{{192, 168}, 16},     /* private */
	{{198, 18}, 15},      /* benchmarks */
	{{198, 51, 100}, 24}, /* documentation */
	{{203, 0, 113}, 24},  /* documentation */
	{{224}, 4},           /* groups */
	{{240}, 4},           /* reserved, and all of the link */
};

/* Of 2000::/3, which is all that was given out; what lies outside is not public. */
static const prefix public6 = {{0x20}, 3};
static const prefix not_public6[] = {
	{{0x20, 0x01}, 23},             /* protocol assignments, Teredo */
	{{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
	{{0x3f, 0xff}, 20},             /* documentation */
};

static const prefix mapped = {{[10] = 0xff, [11] = 0xff}, 96};
static const prefix nat64 = {{0, 0x64, 0xff, 0x9b}, 96};
static const prefix six_to_four = {{0x20, 0x02}, 16};

static bool is_below(const uint8_t *bytes, const prefix *p)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;
	if (memcmp(bytes, p->bytes, whole) != 0) return false;
	return !rest || (bytes[whole] ^ p->bytes[whole]) >> (8 - rest) == 0;
}

bool ep_address4_is_public(const uint8_t bytes[4])
{
	for (size_t i = 0; i < sizeof not_public4 / sizeof *not_public4; i++)
		if (is_below(bytes, &not_public4[i])) return false;
	return true;
}

bool ep_address6_is_public(const uint8_t bytes[16])
{
	if (is_below(bytes, &mapped) || is_below(bytes, &nat64)) return ep_address4_is_public(bytes + 12);
	if (is_below(bytes, &six_to_four)) return ep_address4_is_public(bytes + 2);
	for (size_t i = 0; i < sizeof not_public6 / sizeof *not_public6; i++)
		if (is_below(bytes, &not_public6[i])) return false;
	return is_below(bytes, &public6);
}
