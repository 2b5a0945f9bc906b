/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_TOKEN_H
#define EP_RELACE_TOKEN_H

/* Repo tokens: create, get, delete.
 *
 * Life: a token struct is the caller's memory, {0} is an empty one; ep_relace_token_fini frees what it holds.
 * Thread: the loop's. Owner: the caller; arguments are only read during the call of the function. No options (NULL): the
 * client's.
 * Errors: EP_EINVAL that names the argument, before anything is sent; else as of ep_relace_start. */

#include "runtime/relace/call.h"

/* POST /repo_token. ttl_seconds 0: it does not expire. Never repeated when it may have been carried out; when the
 * call is cancelled, the token that its answer brings is deleted. */
int ep_relace_token_create(ep_relace_call **out, ep_relace_client *client, ep_relace_text name,
	const ep_relace_text *repo_ids, size_t count, int64_t ttl_seconds, const ep_relace_options *options, ep_err *err);

/* GET /repo_token/{token}. */
int ep_relace_token_get(ep_relace_call **out, ep_relace_client *client, const ep_secret *token,
	const ep_relace_options *options, ep_err *err);

/* DELETE /repo_token/{token}. One that is not there any more is success. */
int ep_relace_token_delete(ep_relace_call **out, ep_relace_client *client, const ep_secret *token,
	const ep_relace_options *options, ep_err *err);

/* What create and get answer. */
typedef struct ep_relace_token {
	ep_secret *secret; /* NULL from get */
	char *name;
	char *expires_at; /* RFC 3339; NULL: never, or not told */
	char **repo_ids;  /* one block with their texts */
	size_t repo_count;
} ep_relace_token;

/* Reads the answer of a successful create (with the secret) or get. EP_EJSON: it is not what it should be. */
int ep_relace_token_read(
	ep_relace_token *out, const ep_relace_call *call, bool created, ep_secrets *secrets, ep_err *err);

void ep_relace_token_fini(ep_relace_token *token);

/* Adds the path of the token that the answer of a create names, to delete it. EP_EJSON, EP_ENOMEM. */
int ep_relace_token_path_of_answer(ep_buf *path, const char *body, size_t len);

#endif
