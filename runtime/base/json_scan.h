/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_BASE_JSON_SCAN_H
#define EP_BASE_JSON_SCAN_H

/* The strict half of the reader: accepts or refuses a text, and notes, in document order, what a tree of cJSON cannot
 * keep. Only for json.c.
 *
 * Life: {0}, ep_json_scan_run, ep_json_scan_fini. Thread: the owner's. Owner: the struct owns its notes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

typedef enum ep_json_note_kind {
	EP_JSON_NOTE_TEXT,    /* any reading of its text is right */
	EP_JSON_NOTE_INTEGER, /* integer */
	EP_JSON_NOTE_NUMBER   /* number */
} ep_json_note_kind;

/* One for each number of the document. */
typedef struct ep_json_note {
	ep_json_note_kind kind;
	union {
		int64_t integer;
		double number;
	} as;
} ep_json_note;

/* A string or key with NUL inside: the how manieth of the document's strings and keys, and its length. */
typedef struct ep_json_nul {
	size_t order, len;
} ep_json_nul;

/* A number whose text is longer than cJSON reads. */
typedef struct ep_json_long {
	size_t at, len;
} ep_json_long;

typedef struct ep_json_scan {
	ep_buf numbers; /* ep_json_note */
	ep_buf nuls;    /* ep_json_nul */
	ep_buf longs;   /* ep_json_long */
	ep_buf counts;  /* uint32_t for each container: its values */
	size_t nodes, deepest;
	size_t longest_escaped; /* bytes between the quotes of the longest string that has escapes */
} ep_json_scan;

/* 0, or EP_EJSON, EP_ETOOLARGE, EP_ENOMEM. */
int ep_json_scan_run(ep_json_scan *s, const char *text, size_t len, const ep_json_limits *limits, ep_err *err);

void ep_json_scan_fini(ep_json_scan *s);

#endif
