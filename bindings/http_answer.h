/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_HTTP_ANSWER_H
#define EPL_HTTP_ANSWER_H

/* What whole and streamed answers of epact.http have in common.
 *
 * Life: of a call. Thread: the loop's. Owner: the caller. Errors: raised. */

#include <lauxlib.h>

#include "bindings/http.h"

/* Pushes a table of the headers by their lower-case names. */
void epl_http_push_headers(lua_State *L, const ep_http_call *call);

/* Pushes the header whose name is argument `name`, if there is one. The number of results. */
int epl_http_push_header(lua_State *L, const ep_http_call *call, int name);

/* Pushes an array of {name, value} in the order sent. The number of results. */
int epl_http_push_header_list(lua_State *L, const ep_http_call *call);

/* The error that a status of 400 or more means. */
ep_err epl_http_error_of(int status);

/* Makes a type whose fields `index` finds; its upvalue is a table of the methods. */
void epl_http_open_type(
	lua_State *L, const char *type, const luaL_Reg *methods, const luaL_Reg *meta, lua_CFunction index);

/* Makes the type of streamed answers. */
void epl_http_open_streams(lua_State *L);

#endif
