/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EPACT_LUA_H
#define EPACT_LUA_H

/* For hosts that add C functions of their own to the Lua of an instance, and for such modules: the state, and how a C
 * function waits.
 *
 *     static int ask(lua_State *L)
 *     {
 *         const char *question = luaL_checkstring(L, 1);
 *         epact_reply *reply = epact_lua_reply(L, "ask");
 *         start_asking(question, reply);
 *         return epact_lua_await(L, reply);
 *     }
 *
 * Life: of a lua_State, its instance's. Thread: the loop's. Owner: the instance.
 * Errors: functions that take a lua_State raise errors of Lua: they are called inside a Lua call. */

#include <lua.h>

#include "epact.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The state of the instance, to load modules and set globals, inside lua_pcall; NULL once it closes. What runs here is no
 * task, and cannot wait: scripts and calls can. It is Lua 5.4's own library that is linked, with the functions that call
 * back replaced (pcall, require, table.sort, ...). */
EPACT_API lua_State *epact_lua_state(epact *e);

/* Gives scripts a C module, which `require(name)` opens by calling open. EPACT_EEXIST when there is such a module. */
EPACT_API int epact_lua_module(epact *e, const char *name, lua_CFunction open);

/* Makes a reply that the calling C function waits for with epact_lua_await; name is a static text for errors and the tree of
 * tasks. Raises where nothing can wait, so nothing is started in vain. Behind it nothing may raise until
 * epact_lua_await. */
EPACT_API epact_reply *epact_lua_reply(lua_State *L, const char *name);

/* The last line of a C function: waits until the reply is finished, by epact_reply_finish or epact_reply_fail from any
 * thread; then the function returns its values or raises its failure. The stack of the function is dropped. */
EPACT_API int epact_lua_await(lua_State *L, epact_reply *reply);

/* Pushes a value. */
EPACT_API void epact_lua_push(lua_State *L, const epact_value *value);

#ifdef __cplusplus
}
#endif

#endif
