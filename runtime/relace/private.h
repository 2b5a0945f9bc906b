/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_PRIVATE_H
#define EP_RELACE_PRIVATE_H

/* What client.c, headers.c and call.c share.
 *
 * Life, Thread, Owner: as in client.h. */

#include "runtime/relace/client.h"
#include "runtime/relace/options.h"
#include "runtime/relace/retry.h"

/* When the next attempt may go out: for a client and all derived from it. */
typedef struct ep_relace_gate {
	unsigned refs;
	uint64_t interval;   /* ns between two attempts; 0: none */
	uint64_t next;       /* when the next slot is */
	uint64_t not_before; /* what a 429 asked for */
	uint64_t chance;     /* state of the jitter */
} ep_relace_gate;

enum { EP_HEADERS_PLAIN, EP_HEADERS_JSON, EP_HEADERS_BYTES, EP_HEADERS_KINDS };

struct ep_relace_client {
	unsigned refs;
	ep_loop *loop;
	ep_http *http;
	ep_secrets *secrets;
	ep_http_profile *profile;
	ep_relace_gate *gate;
	ep_secret *credential;
	ep_buf url;      /* the base, without a slash at its end */
	size_t shown_at; /* where its host begins */
	uint64_t timeout;
	ep_retry_policy retry;
	ep_relace_log log;
	ep_http_header *headers; /* the settings', in one block with their texts */
	size_t header_count;
	ep_http_headers *prepared[EP_HEADERS_KINDS]; /* made at their first use */
};

enum { EP_RELACE_MAX_HEADERS = 64 };

/* Checks the names of headers that somebody gives: not too many, none that is ours. */
int ep_relace_check_headers(const ep_http_header *list, size_t count, ep_err *err);

/* The headers of a call with a body of that kind, a count for the caller: the prepared ones of the client, or a list with
 * what is accepted (NULL: JSON) and what the options (NULL: none) have of their own. EP_EINVAL: that cannot be sent. */
int ep_relace_headers(ep_http_headers **out, ep_relace_client *client, int kind, const char *accept,
	const ep_relace_options *own, ep_err *err);

/* Takes a slot for an attempt: nanoseconds to wait for it, 0 for none. */
uint64_t ep_relace_take_slot(ep_relace_client *client);

/* Lets no attempt of the client go out for so many nanoseconds. */
void ep_relace_hold_back(ep_relace_client *client, uint64_t delay);

/* Whether that is so now. */
bool ep_relace_held_back(const ep_relace_client *client);

/* The next number of [0, 1). */
double ep_relace_chance(ep_relace_client *client);

#endif
