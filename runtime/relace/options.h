/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_OPTIONS_H
#define EP_RELACE_OPTIONS_H

/* What a single call may have of its own.
 *
 * Life: plain values; the texts are read until the function that takes the options returns. Thread: any.
 * Owner: the caller. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/http/http.h"

typedef struct ep_relace_text {
	const char *data;
	size_t len;
} ep_relace_text;

/* What is left at its value here is the client's. */
typedef struct ep_relace_options {
	uint64_t timeout;      /* ns of an attempt; 0 */
	uint64_t deadline;     /* ns of the whole call; 0: none */
	int max_retries;       /* -1 */
	double max_retry_wait; /* seconds; -1 */
	/* Sent in place of those of the client with the same names; of several of one name all are sent. A value of NULL
	 * (and no secret) sends none of that name. Never Authorization or Host. */
	const ep_http_header *headers;
	size_t header_count;
	ep_relace_text query; /* "a=b&c=d", encoded; in place of what the path and the client say of the same names */
	/* Sent as Idempotency-Key with each attempt. It does not make a call repeatable: the vendor's server promises
	 * nothing for it. */
	ep_relace_text idempotency_key;
	/* The call may be made again whatever became of it: the caller knows that a second one does no harm, because it
	 * only reads, or because this server honours the key. */
	bool repeatable;
} ep_relace_options;

#define EP_RELACE_NO_OPTIONS ((ep_relace_options){.max_retries = -1, .max_retry_wait = -1})

#endif
