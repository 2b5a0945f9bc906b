/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/clone.h"

#include "runtime/base/json_split.h"
#include "runtime/base/mem.h"
#include "runtime/relace/repo.h"

int ep_relace_clone(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text commit,
	uint64_t stall, const ep_relace_options *options, ep_err *err)
{
	ep_buf path = {0};
	if (commit.data && !commit.len) return ep_err_set(err, EP_EINVAL, "commit is empty");
	int rc = ep_relace_add_repo_path(&path, repo_id, commit.data ? "/clone?commit=" : "/clone", err);
	if (!rc && commit.data && (rc = ep_http_url_escape(&path, commit.data, commit.len)))
		ep_err_set(err, rc, "no memory for a request");
	if (!rc) {
		ep_relace_request request = ep_relace_request_of("GET", path.data, path.len, EP_REPEAT_SAFE, options);
		request.stream = true;
		request.stall_timeout = stall;
		rc = ep_relace_start(out, client, &request, err);
	}
	ep_buf_fini(&path);
	return rc;
}

static int next_file(void *ctx, const char **at, const char *end, ep_relace_item *item, ep_err *err)
{
	*item = (ep_relace_item){0};
	return ep_json_split_next(ctx, at, end, &item->text.data, &item->text.len, err);
}

static int end_files(void *ctx, bool framed, ep_err *err)
{
	(void)framed; /* a document knows its own end */
	return ep_json_split_end(ctx, err);
}

static void free_files(void *ctx)
{
	ep_json_split_fini(ctx);
	ep_free(ctx);
}

static const ep_items_format format = {next_file, end_files, free_files};

int ep_relace_clone_files(ep_relace_items **out, ep_relace_call *call, size_t max, ep_err *err)
{
	ep_json_split *split = ep_calloc(1, sizeof *split);
	if (!split) return ep_err_set(err, EP_ENOMEM, "no memory to read an answer");
	ep_json_split_init(split, "files", max ? max : EP_RELACE_FILE_MAX);
	return ep_relace_items_new(out, call, &format, split, err);
}
