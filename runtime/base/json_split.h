/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_JSON_SPLIT_H
#define EP_BASE_JSON_SPLIT_H

/* The elements of one array of a JSON document that is too large for memory, as its bytes come:
 * {"other":1,"NAME":[ELEMENT,ELEMENT,...],...}, members in any order, NAME may be absent or null.
 *
 *     while ((rc = ep_json_split_next(&s, &at, end, &text, &len, &err)) > 0) ...      rc 0: more bytes are needed
 *     rc = ep_json_split_end(&s, &err);                                               when there are no more
 *
 * An element is cut out as it stands, and it is the caller who reads it with ep_json_parse: what is no JSON in it is found
 * then. What stands beside the elements is kept, and read at the end: so the document as a whole is as strict as ep_json_parse.
 *
 * Life: from ep_json_split_init to ep_json_split_fini; an element until the next call. Thread: one. Owner: the caller.
 * Errors: EP_EJSON, EP_ETOOLARGE, EP_ENOMEM, all final; no word of the text stands in them. */

#include "runtime/base/buf.h"
#include "runtime/base/err.h"

typedef struct ep_json_split {
	const char *name;
	size_t max;     /* bytes of one element */
	ep_buf element; /* as far as it came, when it did not come as a whole */
	ep_buf rest;    /* the document without the elements, and with one blank for many */
	size_t depth;   /* containers that are open: of the document, or within the element */
	size_t key_at;  /* where the last key of the outermost object begins in rest */
	int state, failed;
	bool given, string, escaped, key, key_next, named, found, comma;
} ep_json_split;

/* Prepares a splitter. The name is borrowed. max: bytes of one element; 0: no limit. */
void ep_json_split_init(ep_json_split *s, const char *name, size_t max);
void ep_json_split_fini(ep_json_split *s);

/* Takes bytes from *at, which moves on, until an element is whole: 1. 0: all were taken. */
int ep_json_split_next(ep_json_split *s, const char **at, const char *end, const char **text, size_t *len, ep_err *err);

/* Whether the document was whole, and JSON: 0 or an error. */
int ep_json_split_end(ep_json_split *s, ep_err *err);

#endif
