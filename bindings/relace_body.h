/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_RELACE_BODY_H
#define EPL_RELACE_BODY_H

/* JSON bodies out of Lua tables: a list says which members there may be and what they look like; all of it is checked
 * before a byte is written.
 *
 * Life: as long as what was pushed stays on the stack. Thread: the loop's. Owner: Lua. Errors: raised. */

#include "bindings/epl.h"
#include "runtime/base/buf.h"

enum epl_member_kind {
	EPL_M_TEXT,    /* a string */
	EPL_M_FLAG,    /* a boolean */
	EPL_M_INTEGER, /* an integer from least to most */
	EPL_M_NUMBER,  /* a number from least to most */
	EPL_M_TEXTS,   /* an array of strings */
	EPL_M_LIST,    /* an array of tables */
	EPL_M_FILES,   /* an array of { filename, content }, of which only these two are sent */
	EPL_M_PAIRS,   /* a table of strings by names */
	EPL_M_INNER,   /* a table with the members of a list of its own */
	EPL_M_TABLE,   /* any table */
};

enum { EPL_M_REQUIRED = 1, EPL_M_FILLED = 2 /* neither "" nor {} */ };

/* Members that are not required may also be epact.json.null, which is sent as null. */
typedef struct epl_member {
	const char *name; /* NULL ends a list */
	enum epl_member_kind kind;
	int flags;
	double least, most;             /* of numbers */
	const char *preset;             /* the JSON that is sent when it is not given; NULL: nothing is */
	const struct epl_member *inner; /* of EPL_M_INNER */
} epl_member;

/* EPL_MEMBER("query", TEXT, .flags = EPL_M_REQUIRED) */
#define EPL_MEMBER(member, of, ...)                                                                                    \
	{                                                                                                                  \
		.name = (member), .kind = EPL_M_##of, __VA_ARGS__                                                              \
	}

/* Reads the table at index and pushes a buffer with its JSON, which the collector frees. An unknown name, a missing member
 * and a wrong value are errors that name it; what names the function. */
ep_buf *epl_push_body(lua_State *L, int index, const epl_member *members, const char *what);

/* Only checks. */
void epl_check_body(lua_State *L, int index, const epl_member *members, const char *what);

/* Pushes an empty buffer, which the collector frees. */
ep_buf *epl_push_text(lua_State *L);

/* Pushes the pairs of the table at index, the option of that name, as the text of a metadata object. NULL for index 0, and nothing is pushed. */
const ep_buf *epl_push_pairs(lua_State *L, int index, const char *name, const char *what);

/* The length of the array at index. Other keys are an error: a table by names, taken for an empty list of files, would empty
 * a repo. */
lua_Integer epl_check_array(lua_State *L, int index, const char *what, const char *name);

void epl_open_relace_body(lua_State *L);

#endif
