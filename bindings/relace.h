/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_RELACE_H
#define EPL_RELACE_H

/* The Relace client for its bindings: relace.c (clients), relace_call.c (what all calls share), relace_token.c,
 * relace_repo.c, relace_change.c, relace_retrieval.c, relace_stream.c,
 * relace_models.c.
 *
 * Life: what is read from the stack lives as long as the values there. Thread: the loop's. Owner: Lua.
 * Errors: raised. */

#include "bindings/epl.h"
#include "runtime/relace/call.h"

#define EPL_RELACE_CLIENT "epact.relace.client"

/* The client of argument `arg`. */
ep_relace_client *epl_check_relace(lua_State *L, int arg);

/* The options that each call has, as they are read; a call with more of its own has this among its fields. */
typedef struct epl_call_fields {
	uint64_t timeout, deadline;
	lua_Integer max_retries;
	double max_retry_wait;
	int headers, query;
	epl_text idempotency_key;
	bool repeatable, raw;
} epl_call_fields;

#define EPL_NO_CALL_FIELDS                                                                                             \
	{                                                                                                                  \
		.max_retries = -1, .max_retry_wait = -1                                                                        \
	}

#define EPL_CALL_OPTION(at, name, kind, flags)                                                                         \
	{                                                                                                                  \
#name, kind, (at) + offsetof(epl_call_fields, name), flags                                                     \
	}

/* Their part of a list of epl_option; at: the offset of the fields in the struct that is filled. */
#define EPL_CALL_OPTIONS(at)                                                                                           \
	EPL_CALL_OPTION(at, timeout, EPL_SECONDS, EPL_POSITIVE), EPL_CALL_OPTION(at, deadline, EPL_SECONDS, EPL_POSITIVE), \
		EPL_CALL_OPTION(at, max_retries, EPL_INT, EPL_NATURAL),                                                        \
		EPL_CALL_OPTION(at, max_retry_wait, EPL_NUMBER, EPL_NATURAL), EPL_CALL_OPTION(at, headers, EPL_TABLE, 0),      \
		EPL_CALL_OPTION(at, query, EPL_TABLE, 0), EPL_CALL_OPTION(at, idempotency_key, EPL_BYTES, 0),                  \
		EPL_CALL_OPTION(at, repeatable, EPL_BOOL, 0), EPL_CALL_OPTION(at, raw, EPL_BOOL, 0)

typedef struct epl_call_options {
	ep_relace_options call; /* its texts live as long as what the readers pushed stays on the stack */
	bool raw;               /* the answer as an epact.http.response */
} epl_call_options;

/* Makes options of what was read. Pushes what holds their texts. */
epl_call_options epl_take_call_fields(lua_State *L, const epl_call_fields *fields, const char *what);

/* Reads the options of a call that has no others, at argument `arg` (nil or none: all is the client's). */
epl_call_options epl_relace_options(lua_State *L, int arg, const char *what);

/* Raises for a number of retries that is too large. */
void epl_check_retries(lua_State *L, lua_Integer max_retries, const char *what);

/* Pushes the query of the table at index, encoded. */
ep_relace_text epl_push_query(lua_State *L, int index, const char *what);

/* The id at argument `arg`: a string, or a table with the field repo_id. */
ep_relace_text epl_check_repo_id(lua_State *L, int arg);

static inline ep_relace_text epl_relace_text(epl_text text) { return (ep_relace_text){text.data, text.len}; }

/* Waits for the call (rc: of its start, with err) and pushes its answer, as push does (NULL: nothing), or raw. */
int epl_await_call(lua_State *L, int rc, ep_relace_call *call, ep_err *err, const epl_call_options *o, epl_push *push);

/* Raises `json` for an answer that is not what it should be; why: a few words. */
int epl_fail_answer(lua_State *L, const ep_relace_call *call, const char *why);

/* Pushes the answer, a table; raises `json` for what is none. */
int epl_push_answer(lua_State *L, ep_op *op);

/* Pushes the answer as it came, an epact.http.response. */
int epl_push_raw(lua_State *L, const ep_relace_call *call);

enum { EPL_NULL_DEPTH = 3 }; /* a page, its items, an item: deeper there is only the user's own */

/* Drops the members that are null from a table on the top, and from those in it down to the depth: the API says null where it
 * has nothing to say. Other values stay. */
void epl_relace_drop_nulls(lua_State *L, int depth);

/* Add the methods of each file to the table on the top. */
void epl_open_relace_call(lua_State *L);
void epl_open_relace_token(lua_State *L);
void epl_open_relace_repo(lua_State *L);
void epl_open_relace_tree(lua_State *L);

/* tree(directory) -> tree: lists a folder for a plan. */
int epl_relace_tree(lua_State *L);
void epl_open_relace_change(lua_State *L);
void epl_open_relace_stream(lua_State *L);
void epl_open_relace_retrieval(lua_State *L);
void epl_open_relace_models(lua_State *L);
void epl_open_relace_file(lua_State *L);

#endif
