/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_JSON_TEXT_H
#define EP_BASE_JSON_TEXT_H

/* The inside of JSON strings. Only for the reader.
 *
 * Life: nothing is kept. Thread: any. Owner: nothing is owned. */

#include <stddef.h>

typedef unsigned char ep_byte;

/* The first byte at p or behind it that a string does not hold as it is: a quote, a backslash, a control character, or
 * what is not ASCII; else end. */
const ep_byte *ep_json_skip_plain(const ep_byte *p, const ep_byte *end);

/* The first quote or backslash at p or behind it; there is one. Reads no byte behind end. */
const ep_byte *ep_json_skip_valid(const ep_byte *p, const ep_byte *end);

/* The unit of the \uXXXX at p, or -1 when none stands there. */
long ep_json_unit(const ep_byte *p, const ep_byte *end);

/* Decodes the body of a valid string; it gets no longer. Returns the end of what was written. */
char *ep_json_unescape(char *to, const ep_byte *p, const ep_byte *end);

#endif
