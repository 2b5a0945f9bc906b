/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_RELACE_H
#define EPL_RELACE_H

/* The Relace client for its bindings: relace.c (clients, calls), relace_token.c and relace_repo.c.
 *
 * Life: what is read from the stack lives as long as the values there. Thread: the loop's. Owner: Lua.
 * Errors: raised. */

#include "bindings/epl.h"
#include "runtime/relace/call.h"

#define EPL_RELACE_CLIENT "epact.relace.client"

/* The client of argument `arg`. */
ep_relace_client *epl_check_relace(lua_State *L, int arg);

/* The last argument of a call. */
typedef struct epl_call_options {
	ep_relace_options call; /* its texts live as long as what the reader pushed stays on the stack */
	bool raw;               /* the answer as an epact.http.response */
} epl_call_options;

/* Reads the options of a call at argument `arg` (nil or none: all is the client's). Pushes what holds their texts. */
epl_call_options epl_relace_options(lua_State *L, int arg, const char *what);

/* The id at argument `arg`: a string, or a table with the field repo_id. */
ep_relace_text epl_check_repo_id(lua_State *L, int arg);

static inline ep_relace_text epl_relace_text(epl_text text) { return (ep_relace_text){text.data, text.len}; }

/* Waits for the call (rc: of its start, with err) and pushes its answer, as push does (NULL: nothing), or raw. */
int epl_await_call(lua_State *L, int rc, ep_relace_call *call, ep_err *err, const epl_call_options *o, epl_push *push);

/* Pushes the answer, a table; raises `json` for what is none. */
int epl_push_answer(lua_State *L, ep_op *op);

/* Pushes the answer as it came, an epact.http.response. */
int epl_push_raw(lua_State *L, const ep_relace_call *call);

/* Add the methods of tokens and repos to the table on the top. */
void epl_open_relace_token(lua_State *L);
void epl_open_relace_repo(lua_State *L);

#endif
