/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_PRIVATE_H
#define EP_RELACE_PRIVATE_H

/* What client.c, headers.c and call*.c share.
 *
 * Life, Thread, Owner: as in client.h. */

#include "runtime/relace/account.h"
#include "runtime/relace/client.h"
#include "runtime/relace/options.h"
#include "runtime/relace/retry.h"

/* What a client and all derived from it have in common. */
typedef struct ep_relace_family {
	unsigned refs;
	ep_lane lane; /* fixed by max_rate, or free */
	bool limited;
	uint64_t chance; /* state of the jitter */
} ep_relace_family;

enum { EP_HEADERS_PLAIN, EP_HEADERS_JSON, EP_HEADERS_BYTES, EP_HEADERS_KINDS };

struct ep_relace_request;

struct ep_relace_client {
	unsigned refs;
	ep_loop *loop;
	ep_http *http;
	ep_secrets *secrets;
	ep_http_profile *profile;
	ep_relace_family *family;
	ep_accounts *accounts;
	ep_account *account; /* NULL: without rate control */
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

/* The next number of [0, 1). */
double ep_relace_chance(ep_relace_client *client);

#endif
