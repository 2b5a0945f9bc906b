/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_HTTP_H
#define EPL_HTTP_H

/* HTTP for the bindings that send requests of their own.
 *
 * Life: the engine is the instance's, made at its first use. Thread: the loop's. Owner: the instance.
 * Errors: raised. */

#include <lua.h>

#include "runtime/fs/body.h"
#include "runtime/http/http.h"

/* The instance's HTTP engine. */
ep_http *epl_http(lua_State *L);

/* Pushes the answer of a finished call, an epact.http.response: of the body and head it takes what it needs. */
int epl_http_push_response(lua_State *L, ep_op *op);

/* Pushes an epact.http.response made of a status, header lines and a body. */
int epl_http_push_answer(lua_State *L, int status, const ep_buf *head, const ep_buf *body);

/* Pushes an epact.http.stream. It counts the owner of the call, and releases it when it is closed (NULL: the call is its own);
 * the value at `anchor` (0: none) stays alive with it. */
void epl_http_push_stream(lua_State *L, ep_http_call *call, ep_op *owner, int anchor);

/* Makes the types of both. */
void epl_http_open_answers(lua_State *L);

/* Pushes an open file that a body is sent from; raises when it can't be opened, for the function `what`. To be closed, or
 * collected. */
void epl_http_push_file(lua_State *L, const char *path, const char *what);

/* open_body(path) -> such an open file, opened on the pool. */
int epl_http_open_body(lua_State *L);

/* Fills body with the file at index, which must stay alive as long as the request is sent. Raises for want of memory. */
void epl_http_file_body(lua_State *L, int index, ep_http_body *body);

/* The request with that body was started as this call. */
void epl_http_file_sent(lua_State *L, int index, ep_http_call *call);

/* The file at index, which is the caller's from here on. */
ep_file_body *epl_http_take_file(lua_State *L, int index);

bool epl_http_is_file(lua_State *L, int index);

void epl_http_open_files(lua_State *L);

/* Headers read from a Lua table: a userdata on the stack, which counts the secrets in it. */
typedef struct epl_http_list {
	size_t count, room;
	bool removable; /* false and epact.json.null are values: then a header has neither text nor secret */
	ep_http_header list[];
} epl_http_list;

/* Pushes the headers of the table at index (0: none) and, when given, those of a bearer credential (the value at
 * index `bearer`) and of a content type (a constant). Their texts are borrowed from the tables. */
epl_http_list *epl_http_read_headers(lua_State *L, int index, int bearer, const char *type, const char *what);

/* Pushes the headers of the table at index (0: none) that change others: false and epact.json.null take one away. */
epl_http_list *epl_http_read_changes(lua_State *L, int index, const char *what);

/* Pushes the query of the value at index, a string or a table, without "?"; what names the function. */
void epl_http_push_query(lua_State *L, int index, const char *what);

/* escape(text): the text with all but letters, digits and -._~ as %XX. */
int epl_http_escape(lua_State *L);

void epl_http_open_headers(lua_State *L);

#endif
