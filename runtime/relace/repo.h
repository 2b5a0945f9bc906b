/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_REPO_H
#define EP_RELACE_REPO_H

/* Repos: create, get, list, update, delete. What sends files is in upload.h.
 *
 * Life: arguments are only read during the call of the function. Thread: the loop's. Owner: the caller.
 * Errors: EP_EINVAL that names the argument, before anything is sent; else as of ep_relace_start. The answer is the JSON
 * in the call's body. */

#include "runtime/relace/call.h"

/* Where the content of a repo comes from. */
enum {
	EP_SOURCE_NONE,
	EP_SOURCE_GIT,    /* url; branch, hash, shallow */
	EP_SOURCE_RELACE, /* create: repo_id; copy_metadata, copy_remote */
	EP_SOURCE_DIFF    /* update: operations */
};

typedef struct ep_relace_change {
	int source;
	ep_relace_text url, branch, hash, repo_id; /* NULL data: not given */
	int shallow, copy_metadata, copy_remote;   /* 1, 0, -1: not given */
	const ep_buf *operations;                  /* written by ep_relace_add_*; NULL: none, an empty list */
	const ep_buf *metadata;                    /* written by ep_relace_add_pair; NULL: not given */
	int auto_index;                            /* create: 1, 0, -1: not given */
} ep_relace_change;

#define EP_RELACE_NO_CHANGE                                                                                            \
	((ep_relace_change){.shallow = -1, .copy_metadata = -1, .copy_remote = -1, .auto_index = -1})

/* Adds one pair to the text of a metadata object. EP_EINVAL: not UTF-8. */
int ep_relace_add_pair(ep_buf *pairs, ep_relace_text key, ep_relace_text value, ep_err *err);

/* Add one operation to the text of a diff. EP_EINVAL: a name that no repo takes, content that is not UTF-8. */
int ep_relace_add_write(ep_buf *operations, ep_relace_text filename, ep_relace_text content, ep_err *err);
int ep_relace_add_delete(ep_buf *operations, ep_relace_text filename, ep_err *err);
int ep_relace_add_rename(ep_buf *operations, ep_relace_text old_filename, ep_relace_text new_filename, ep_err *err);

/* POST /repo. Never repeated when it may have been carried out. */
int ep_relace_repo_create(ep_relace_call **out, ep_relace_client *client, const ep_relace_change *change,
	const ep_relace_options *options, ep_err *err);

/* POST /repo/{id}/update. Metadata alone may be repeated; a diff and a merge from a remote are not, when they may have
 * been carried out. */
int ep_relace_repo_update(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id,
	const ep_relace_change *change, const ep_relace_options *options, ep_err *err);

/* GET /repo/{id}. */
int ep_relace_repo_get(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id,
	const ep_relace_options *options, ep_err *err);

/* DELETE /repo/{id}. One that is not there any more is success. */
int ep_relace_repo_delete(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id,
	const ep_relace_options *options, ep_err *err);

typedef struct ep_relace_page {
	int64_t start, size;                          /* -1: not given; start >= 0, size 1 to 100 */
	int descending;                               /* 1, 0, -1: not given */
	ep_relace_text order_by;                      /* "created_at" or "updated_at" */
	ep_relace_text created_after, created_before; /* RFC 3339 */
	const ep_buf *metadata;                       /* pairs to be held, as of ep_relace_add_pair; NULL: any */
} ep_relace_page;

#define EP_RELACE_FIRST_PAGE ((ep_relace_page){.start = -1, .size = -1, .descending = -1})

/* EP_EINVAL: such a page is not to be asked for. */
int ep_relace_check_page(const ep_relace_page *page, ep_err *err);

/* GET /repo. */
int ep_relace_repo_list(ep_relace_call **out, ep_relace_client *client, const ep_relace_page *page,
	const ep_relace_options *options, ep_err *err);

/* What stands before and behind the array of files in the body of a create or an overwrite. */
int ep_relace_write_files_frame(ep_buf *before, ep_buf *behind, const ep_buf *metadata, int auto_index, ep_err *err);

/* POST of a JSON body, which is taken, to a route below /repo/ID. The request says all the rest. EP_EINVAL too for a body that
 * could not be written because a text in it is no UTF-8. */
int ep_relace_repo_post(ep_relace_call **out, ep_relace_client *client, ep_relace_text repo_id, const char *route,
	ep_relace_request *request, ep_buf *body, ep_err *err);

/* Adds "/repo/ID" and what follows it; the id is checked. */
int ep_relace_add_repo_path(ep_buf *path, ep_relace_text repo_id, const char *rest, ep_err *err);

#endif
