/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_RETRIEVAL_H
#define EP_RELACE_RETRIEVAL_H

/* Finding text in a repo: by meaning, which needs an index, and by its letters (sections 10 and 11.4 of the API).
 *
 * Life: arguments are only read during the call of the function; bodies are JSON and taken. Thread: the loop's. Owner: the
 * caller. Errors: EP_EINVAL that names the argument, before anything is sent; else as of ep_relace_start. */

#include "runtime/relace/call.h"

/* POST /repo/{id}/retrieve; only reads. wait: ns for which a 404 means that the index is not ready yet. */
int ep_relace_retrieve(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_buf *body,
	uint64_t wait, const ep_relace_options *options, ep_err *err);

/* GET /repo/{id}/embedding_status. branch and hash: NULL for the head of the default branch. */
int ep_relace_embedding_status(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id,
	ep_relace_text branch, ep_relace_text hash, const ep_relace_options *options, ep_err *err);

/* POST /repo/{id}/search; only reads. */
int ep_relace_text_search(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text query,
	const ep_relace_options *options, ep_err *err);

#endif
