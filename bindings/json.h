/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_JSON_H
#define EPL_JSON_H

/* JSON to Lua values and back, for the bindings that carry JSON. The rules are those of epact.json (bindings/json.c).
 *
 * Life: calls. Thread: the loop's. Owner: the caller owns out and err.
 * Errors: returned, with a message in err; these functions never raise. */

#include <lua.h>
#include <stdbool.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

/* Adds the value at index to out. EP_EJSON: it cannot be JSON; the message names the place, such as
 * `value.items[3].f`. After an error out holds a part of the text and is failed. */
int epl_json_encode(lua_State *L, int index, ep_buf *out, ep_err *err);

typedef struct epl_json_style {
	bool pretty; /* one member or element a line, two spaces for each depth */
	bool sort;   /* members in the order of their keys' bytes, else in the table's */
} epl_json_style;

int epl_json_encode_styled(lua_State *L, int index, const epl_json_style *style, ep_buf *out, ep_err *err);

/* Reads the text and pushes the value; limits NULL: the defaults. After an error nothing is pushed. */
int epl_json_decode(lua_State *L, const char *text, size_t len, const ep_json_limits *limits, ep_err *err);

/* Pushes epact.json.null. May raise for want of memory. */
void epl_json_push_null(lua_State *L);

/* Whether the value at index is epact.json.null. */
bool epl_json_is_null(lua_State *L, int index);

#endif
