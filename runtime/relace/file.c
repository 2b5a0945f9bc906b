/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/file.h"

#include <string.h>

#include "runtime/base/path.h"
#include "runtime/relace/repo.h"

/* Adds the path of the request. Slashes stay: the server takes both, and some proxies refuse %2F. */
static int add_path(ep_buf *out, ep_relace_text repo_id, ep_relace_text path, ep_err *err)
{
	int rc = ep_relace_add_repo_path(out, repo_id, "/file", err);
	if (!rc) rc = ep_repo_path_check(path.data, path.len, "path", err);
	if (rc) return rc;
	for (const char *at = path.data, *end = at + path.len; at <= end;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		size_t len = (size_t)((slash ? slash : end) - at);
		ep_buf_putc(out, '/');
		ep_http_url_escape(out, at, len);
		at += len + 1;
	}
	rc = ep_buf_failed(out);
	return rc ? ep_err_set(err, rc, "no memory for a request") : 0;
}

/* Starts what is filled in but for its path; takes what the request holds. */
static int start(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text path,
	ep_relace_request *request, ep_err *err)
{
	ep_buf text = {0};
	int rc = add_path(&text, repo_id, path, err);
	request->path = ep_buf_text(&text);
	request->path_len = text.len;
	if (rc)
		ep_relace_request_fini(request);
	else
		rc = ep_relace_start(out, client, request, err);
	ep_buf_fini(&text);
	return rc;
}

int ep_relace_file_upload(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text path,
	ep_relace_source *source, const ep_relace_options *options, ep_err *err)
{
	ep_relace_request request = ep_relace_request_of("PUT", NULL, 0, EP_REPEAT_SAFE, options);
	request.body = EP_RELACE_BYTES_STREAM;
	request.source = *source;
	request.bulk = true;
	*source = (ep_relace_source){0};
	return start(out, client, repo_id, path, &request, err);
}

int ep_relace_file_download(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text path,
	bool stream, uint64_t stall, const ep_relace_options *options, ep_err *err)
{
	ep_relace_request request = ep_relace_request_of("GET", NULL, 0, EP_REPEAT_SAFE, options);
	request.accept = "application/octet-stream, */*";
	request.stream = stream;
	request.stall_timeout = stall;
	request.bulk = true;
	return start(out, client, repo_id, path, &request, err);
}

int ep_relace_file_delete(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, ep_relace_text path,
	const ep_relace_options *options, ep_err *err)
{
	ep_relace_request request = ep_relace_request_of("DELETE", NULL, 0, EP_REPEAT_SAFE, options);
	request.gone_is_done = true;
	return start(out, client, repo_id, path, &request, err);
}
