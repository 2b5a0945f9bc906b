/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPL_RELACE_STREAM_H
#define EPL_RELACE_STREAM_H

/* Answers of the Relace API that are read item by item, for calls outside of relace_stream.c.
 *
 * Life: as in relace.h. Thread: the loop's. Owner: Lua. Errors: raised. */

#include "bindings/relace.h"

/* The stack of such a call: client, two arguments, the options, the items. */
enum { EPL_STREAM_OPTIONS = 4, EPL_STREAM_ITEMS };

/* Reads the options, which are those of every call but `raw`, and of the stream; makes the items, closed: the chunks of a model's
 * answer. Sets the ns that may pass without a byte. */
epl_call_options epl_read_chunks(lua_State *L, uint64_t *stall, const char *what);

/* The push of a streamed call's op: opens the items and gives them, an object with next() and close(). */
int epl_push_items(lua_State *L, ep_op *op);

#endif
