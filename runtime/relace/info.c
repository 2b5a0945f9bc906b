/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relace/info.h"

#include <string.h>

#include "runtime/base/json.h"

/* False when the member is no text, empty, or longer than any that is known. */
static bool read_text(char *to, size_t room, const ep_json_value *object, const char *name)
{
	size_t len;
	const char *text = ep_json_get_string(ep_json_object_get(object, name), &len);
	if (!text || !len || len >= room) return false;
	memcpy(to, text, len + 1);
	return true;
}

int ep_relace_info_read(ep_relace_info *out, const ep_relace_call *call, ep_err *err)
{
	ep_json *doc = NULL;
	ep_err why = {0};
	*out = (ep_relace_info){0};
	int rc = ep_json_parse(&doc, ep_buf_text(&call->body), call->body.len, NULL, &why);
	const ep_json_value *root = rc ? NULL : ep_json_root(doc);
	if (!rc &&
		!(read_text(out->repo_id, sizeof out->repo_id, root, "repo_id") &&
			read_text(out->repo_head, sizeof out->repo_head, root, "repo_head")))
		rc = EP_EJSON;
	if (rc == EP_ENOMEM)
		ep_err_set(err, rc, "no memory for an answer");
	else if (rc)
		ep_relace_no_json(err, call, why.code ? ep_err_message(&why) : "no repo stands in it");
	ep_json_free(doc);
	ep_err_fini(&why);
	return rc && err ? err->code : rc; /* after a create, in doubt */
}
