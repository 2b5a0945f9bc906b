/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_RELACE_FILES_BODY_PRIVATE_H
#define EP_RELACE_FILES_BODY_PRIVATE_H

/* A body from the inside: files_body_make.c makes and measures it, files_body.c reads it.
 *
 * Life, Thread, Owner: as in files_body.h. */

#include <string.h>

#include "runtime/relace/files_body.h"

enum { EP_FILES_CHUNK = 64 * 1024, EP_FILES_SMALL = 64, EP_FILES_SMALL_ROOM = EP_FILES_SMALL * 6 + 16 };

/* What stands around a name and a content. */
#define EP_FILES_BEFORE "{\"filename\":\""
#define EP_FILES_WRITE "{\"type\":\"write\",\"filename\":\""
#define EP_FILES_BETWEEN "\",\"content\":\""
#define EP_FILES_AFTER "\"}"

struct ep_files_body {
	ep_tree *tree; /* a count; NULL: of a list */
	ep_files_item *list;
	uint64_t *list_lengths;  /* of the contents in JSON */
	size_t *chosen;          /* of the tree; NULL: all */
	const char *before_name; /* EP_FILES_BEFORE or EP_FILES_WRITE */
	size_t count;
	char *prefix, *suffix; /* with the brackets of the array */
	int64_t length;
	ep_err err;
	/* Where it is. */
	int step; /* 0: the prefix comes next */
	size_t file;
	const char *piece; /* what is left of a fixed text, or of small */
	size_t piece_len;
	ep_buf opening;
	char small[EP_FILES_SMALL_ROOM];
	/* Where it is in the content. */
	int fd;
	uint64_t unread, unescaped; /* bytes still to read from the file, and to come out of it */
	const char *text;           /* read but not escaped yet */
	size_t text_len;
	char *chunk;
};

static inline const ep_tree_file *ep_files_at(const ep_files_body *b, size_t i)
{
	return &b->tree->files[b->chosen ? b->chosen[i] : i];
}

static inline const char *ep_files_name(const ep_files_body *b, size_t i, size_t *len)
{
	const char *name = b->tree ? ep_files_at(b, i)->name : b->list[i].name;
	*len = b->tree ? strlen(name) : b->list[i].name_len;
	return name;
}

static inline uint64_t ep_files_json_length(const ep_files_body *b, size_t i)
{
	return b->tree ? ep_files_at(b, i)->json_length : b->list_lengths[i];
}

#endif
