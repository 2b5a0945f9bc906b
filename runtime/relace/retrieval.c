/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/retrieval.h"

#include "runtime/base/json.h"
#include "runtime/relace/query.h"
#include "runtime/relace/repo.h"

int ep_relace_retrieve(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_buf *body,
	uint64_t wait, const ep_relace_options *options, ep_err *err)
{
	ep_relace_request request = ep_relace_request_of("POST", NULL, 0, EP_REPEAT_SAFE, options);
	request.not_yet = wait;
	return ep_relace_repo_post(out, client, repo_id, "/retrieve", &request, body, err);
}

int ep_relace_embedding_status(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id,
	ep_relace_text branch, ep_relace_text hash, const ep_relace_options *options, ep_err *err)
{
	ep_buf path = {0};
	if (branch.data && !branch.len) return ep_err_set(err, EP_EINVAL, "branch is empty");
	if (hash.data && !hash.len) return ep_err_set(err, EP_EINVAL, "hash is empty");
	int rc = ep_relace_add_repo_path(&path, repo_id, "/embedding_status", err);
	ep_query_add_text(&path, "branch", branch);
	ep_query_add_text(&path, "hash", hash);
	if (!rc && (rc = ep_buf_failed(&path))) ep_err_set(err, rc, "no memory for a request");
	if (!rc) {
		ep_relace_request request = ep_relace_request_of("GET", path.data, path.len, EP_REPEAT_SAFE, options);
		rc = ep_relace_start(out, client, &request, err);
	}
	ep_buf_fini(&path);
	return rc;
}

int ep_relace_text_search(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text query,
	const ep_relace_options *options, ep_err *err)
{
	ep_buf body = {0};
	if (!query.len) return ep_err_set(err, EP_EINVAL, "query is empty");
	ep_relace_request request = ep_relace_request_of("POST", NULL, 0, EP_REPEAT_SAFE, options);
	ep_buf_puts(&body, "{\"query\":");
	ep_json_string(&body, query.data, query.len);
	ep_buf_putc(&body, '}');
	return ep_relace_repo_post(out, client, repo_id, "/search", &request, &body, err);
}
