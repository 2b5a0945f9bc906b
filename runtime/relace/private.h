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

struct ep_relace_request;

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
	bool allow_http;
	ep_buf query; /* of every call, behind a '?'; or empty */
	uint64_t timeout;
	ep_retry_policy retry;
	ep_relace_log log;
	ep_http_header *headers; /* the settings', in one block with their texts */
	size_t header_count;
	ep_http_headers *prepared[EP_HEADERS_KINDS]; /* made at their first use */
};

/* Sets the headers of a client that is made: those of its parent (NULL: none), changed by its own. EP_EINVAL: too many, or
 * one that is ours. */
int ep_relace_set_headers(
	ep_relace_client *client, const ep_relace_client *parent, const ep_http_header *own, size_t own_count, ep_err *err);
void ep_relace_free_headers(ep_relace_client *client);

/* The headers of a request (NULL: one without a body), a count for the caller: the prepared ones of the client, or a list
 * with what the request has of its own. EP_EINVAL: that cannot be sent. */
int ep_relace_headers(
	ep_http_headers **out, ep_relace_client *client, const struct ep_relace_request *request, ep_err *err);

/* Takes a slot for an attempt: nanoseconds to wait for it, 0 for none. */
uint64_t ep_relace_take_slot(ep_relace_client *client);

/* Lets no attempt of the client go out for so many nanoseconds. */
void ep_relace_hold_back(ep_relace_client *client, uint64_t delay);

/* Whether that is so now. */
bool ep_relace_held_back(const ep_relace_client *client);

/* The next number of [0, 1). */
double ep_relace_chance(ep_relace_client *client);

#endif
