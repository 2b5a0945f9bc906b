/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_HTTP_CLIENT_H
#define EPL_HTTP_CLIENT_H

/* The clients of epact.http.
 *
 * Life, Owner: Lua's collector. Thread: the loop's. Errors: raised. */

#include "bindings/http.h"

#define EPL_HTTP_CLIENT "epact.http.client"

/* User value 1 is the base URL, a string, or nil. */
typedef struct epl_http_client {
	ep_http_profile *profile;
	ep_http_headers *headers, *json_headers; /* the second: with the content type of JSON */
	uint64_t timeout;
	uint64_t max_body;
	int max_redirects;
} epl_http_client;

/* Makes the type. */
void epl_http_open_clients(lua_State *L);

/* Pushes the client with the default of everything. */
void epl_http_push_default_client(lua_State *L);

/* client(options) -> client */
int epl_http_client_new(lua_State *L);

/* Raises for what is no limit; what names the function. */
void epl_http_check_limits(lua_State *L, lua_Integer max_body, lua_Integer max_redirects, const char *what);

#endif
