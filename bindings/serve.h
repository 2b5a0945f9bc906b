/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_SERVE_H
#define EPL_SERVE_H

/* The requests that an HTTP server got, for bindings/serve.c.
 *
 * Life, Owner: Lua's collector. Thread: the loop's. Errors: raised. */

#include <lua.h>

#include "runtime/serve/serve.h"

/* Pushes request, method, path, query, headers, remote, version, length: of the request of an accept that succeeded; nothing
 * when there is none. A read of its body waits for read_timeout nanoseconds at most (0: for ever). Returns their number. */
int epl_serve_push_request(lua_State *L, ep_op *accept, uint64_t read_timeout);

/* Makes the type. */
void epl_serve_open_requests(lua_State *L);

#endif
