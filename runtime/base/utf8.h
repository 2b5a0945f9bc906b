/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_UTF8_H
#define EP_BASE_UTF8_H

/* Strict UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
 *
 * Life: the caller's memory. Thread: any. Owner: nothing is owned. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

/* The offset of the first byte that begins no complete well-formed sequence; len when all of it is UTF-8. */
size_t ep_utf8_check(const void *bytes, size_t len);

/* The length (1 to 4) of the sequence at bytes; 0 when it is malformed or cut by len. */
unsigned ep_utf8_sequence(const unsigned char *bytes, size_t len);

/* Adds the text as a terminal may be shown it: a '?' for each control character and each byte that is no UTF-8; at most max
 * bytes of the text, 0: all. Returns how many were taken. */
size_t ep_utf8_show(ep_buf *out, const void *text, size_t len, size_t max);

/* A check over chunks; {0} is its start. */
typedef struct ep_utf8 {
	uint64_t offset;        /* bytes accepted so far; after a failure, where the first bad sequence begins */
	unsigned char held[4];  /* the beginning of a sequence that the next chunk goes on with */
	unsigned char held_len; /* bytes in it; offset does not count them */
	bool failed;
} ep_utf8;

/* Takes the next len bytes; false, then and from then on, when the bytes cannot be UTF-8: see offset. */
bool ep_utf8_add(ep_utf8 *u, const void *bytes, size_t len);

/* Says that no bytes follow: true when all of it was UTF-8; false too when the last sequence is cut. */
bool ep_utf8_end(ep_utf8 *u);

#endif
