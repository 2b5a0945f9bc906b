/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_FILES_BODY_H
#define EP_RELACE_FILES_BODY_H

/* The body of a request with files, made while it is sent: PREFIX [{"filename":"...","content":"..."},...] SUFFIX.
 *
 *     ep_files_body_of_tree(&body, tree, "{\"source\":{\"type\":\"files\",\"files\":", "}}", &err);
 *     request.body = (ep_http_body){EP_HTTP_SOURCE, NULL, ep_files_body_length(body), &ep_files_body_source, body};
 *
 * Life: from of_tree or of_list until ep_files_body_free, not before the call has ended. Thread: the loop's.
 * Owner: the caller. Memory: one chunk of a file, however large the files are.
 * Errors: a read fails with EP_ECONFLICT when a file is not what was measured (the length is announced: a body never ends
 * early or late), else with the code of what went wrong; ep_files_body_error says it in words. */

#include "runtime/http/http.h"
#include "runtime/relace/tree.h"

typedef struct ep_files_body ep_files_body;

typedef struct ep_files_item {
	const char *name;
	size_t name_len;
	const char *content;
	size_t content_len;
} ep_files_item;

/* A body of a tree whose op has ended with 0; it holds a count of the tree. The texts are copied. */
int ep_files_body_of_tree(ep_files_body **out, ep_tree *tree, const char *prefix, const char *suffix, ep_err *err);

/* A body of some files of a tree as operations that write them: PREFIX [OTHERS,{"type":"write","filename":"...",...},...] SUFFIX.
 * chosen: their places in it, in any order; others: further operations, with commas between them, "" for none. */
int ep_files_body_of_writes(ep_files_body **out, ep_tree *tree, const size_t *chosen, size_t count, const char *others,
	const char *prefix, const char *suffix, ep_err *err);

/* A body of texts in memory. The names and contents are borrowed, the list is copied. EP_EINVAL names the file whose name a
 * repository does not take, or whose content is not UTF-8 or has a NUL. */
int ep_files_body_of_list(
	ep_files_body **out, const ep_files_item *list, size_t count, const char *prefix, const char *suffix, ep_err *err);

/* The exact number of bytes. */
int64_t ep_files_body_length(const ep_files_body *body);

/* Reads and rewinds a body, which is its ctx. Any room will do; 64 KiB and more are quick. */
extern const ep_http_source ep_files_body_source;

/* Why a read failed; borrowed. */
const ep_err *ep_files_body_error(const ep_files_body *body);

/* NULL is fine. */
void ep_files_body_free(ep_files_body *body);

#endif
