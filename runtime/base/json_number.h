/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_JSON_NUMBER_H
#define EP_BASE_JSON_NUMBER_H

/* Numbers, from and to text, in any locale. Only for the reader; the writers are in json.h.
 *
 * Life: nothing is kept. Thread: any. Owner: nothing is owned. */

#include <stdbool.h>
#include <stddef.h>

/* How long the text of a number may be that cJSON reads; it cuts longer ones. */
enum { EP_JSON_TREE_NUMBER = 63 };

/* The double nearest to a number's text, infinite when there is none. False: no memory. */
bool ep_json_read_double(const char *text, size_t len, double *out);

/* The same for a valid text of at most EP_JSON_TREE_NUMBER characters, which needs no memory. */
double ep_json_short_double(const char *text, size_t len);

/* Whether the text of an integer is exactly what the double is. */
bool ep_json_double_is(double value, const char *text, size_t len);

#endif
