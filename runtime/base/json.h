/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_JSON_H
#define EP_BASE_JSON_H

/* JSON, the one door: a strict reader (RFC 8259) and exact writers.
 *
 * The reader keeps every value exactly or refuses it with a reason: integers are int64, other numbers the nearest
 * double, strings have a length and may hold NUL. It refuses what is not UTF-8, lone surrogates, numbers that no
 * double holds (1e400, integers outside int64 that a double would round), whatever follows the document, and what is
 * over the limits. Equal keys are all kept; ep_json_object_get finds the last.
 *
 * Life: a document from ep_json_parse to ep_json_free; its values and their texts are borrowed from it.
 * Thread: one at a time for a document. Owner: the caller owns the document.
 * Errors: EP_EJSON with line, column and byte, but no word of the text itself, which may hold a secret; EP_ETOOLARGE;
 * EP_ENOMEM. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"

enum {
	EP_JSON_MAX_DEPTH = 1000, /* containers in each other: the default, and the most there can be */
	EP_JSON_MAX_NODES = 4000000,
	EP_JSON_MAX_BYTES = 1 << 30
};

/* 0 in a member: the default above. */
typedef struct ep_json_limits {
	size_t max_bytes; /* of text */
	size_t max_depth; /* containers in each other */
	size_t max_nodes; /* values, containers included; each takes about 80 bytes beside its text */
} ep_json_limits;

typedef enum ep_json_kind {
	EP_JSON_NONE, /* no value: what NULL is */
	EP_JSON_NULL,
	EP_JSON_BOOL,
	EP_JSON_INTEGER,
	EP_JSON_NUMBER,
	EP_JSON_STRING,
	EP_JSON_ARRAY,
	EP_JSON_OBJECT
} ep_json_kind;

typedef struct ep_json ep_json;
typedef struct ep_json_value ep_json_value;

/* Reads len bytes of text, which need no NUL behind them. limits may be NULL. 0: *doc is the caller's. */
int ep_json_parse(ep_json **doc, const char *text, size_t len, const ep_json_limits *limits, ep_err *err);

/* Frees the document; NULL is fine. */
void ep_json_free(ep_json *doc);

/* Wipes the document's strings, then frees it: for answers that hold a secret. */
void ep_json_wipe(ep_json *doc);

const ep_json_value *ep_json_root(const ep_json *doc);

/* How deep its containers nest: 0 for a scalar. */
size_t ep_json_depth(const ep_json *doc);

/* The functions on values take NULL for "no value", so that look-ups can be chained. */

ep_json_kind ep_json_type(const ep_json_value *v);

/* The last member of that name, NULL when there is none or v is no object. The key is compared byte by byte. */
const ep_json_value *ep_json_object_get(const ep_json_value *v, const char *key);

/* The elements of an array or the members of an object, in the document's order; NULL at the end. Each step is O(1). */
const ep_json_value *ep_json_first(const ep_json_value *container);
const ep_json_value *ep_json_next(const ep_json_value *v);

/* How many elements or members; 0 for other values. O(1). */
size_t ep_json_count(const ep_json_value *v);

/* The key of a member, NUL behind it; NULL when v is no member of an object. len may be NULL. */
const char *ep_json_key(const ep_json_value *v, size_t *len);

/* The bytes of a string, NUL behind them; NULL when v is no string. len may be NULL only where a NUL inside is no
 * matter. */
const char *ep_json_get_string(const ep_json_value *v, size_t *len);

/* False, with *out untouched, when v is of another type. A number is also read from an integer, rounded to nearest. */
bool ep_json_get_bool(const ep_json_value *v, bool *out);
bool ep_json_get_integer(const ep_json_value *v, int64_t *out);
bool ep_json_get_number(const ep_json_value *v, double *out);

/* Events: the same reading without a tree, for values of a kind of their own, such as Lua's. All of the text is checked
 * by ep_json_reader_new; what follows cannot fail. The text must outlive the reader. */

typedef struct ep_json_reader ep_json_reader;

typedef struct ep_json_event {
	ep_json_kind kind;
	union {
		bool flag;
		int64_t integer;
		double number;
		struct {
			const char *data; /* valid until the next event; no NUL behind it */
			size_t len;
		} string;
		size_t
			count; /* of an array: so many values follow; of an object: so many keys (strings), each with its value */
	} as;
} ep_json_event;

int ep_json_reader_new(ep_json_reader **r, const char *text, size_t len, const ep_json_limits *limits, ep_err *err);
void ep_json_reader_free(ep_json_reader *r);

size_t ep_json_reader_depth(const ep_json_reader *r);

/* The next event, in the document's order. The caller asks for no more than there are. */
void ep_json_reader_next(ep_json_reader *r, ep_json_event *event);

/* Writers: each adds one value to b. Errors as of ep_buf, and EP_EJSON, which also fails the buffer: a run of calls can
 * be checked once at its end by ep_buf_failed. */

/* A string in quotes, with the escapes that are mandatory; EP_EJSON when the bytes are not UTF-8. */
int ep_json_string(ep_buf *b, const char *data, size_t len);

int ep_json_integer(ep_buf *b, int64_t value);

/* The shortest of 15 to 17 digits that reads back as the same double, always with a '.' or an 'e', so that it is told
 * from an integer; EP_EJSON for NaN and infinities. */
int ep_json_number(ep_buf *b, double value);

/* Escapes n bytes, without quotes and without a look at their encoding. `to` has room for 6 * n + 16 bytes, or for
 * ep_json_escaped_length + 16; returns the end of what was written. A text may be escaped in pieces. */
char *ep_json_escape(char *to, const char *s, size_t n);

/* How many bytes ep_json_escape writes. */
size_t ep_json_escaped_length(const char *s, size_t n);

#endif
