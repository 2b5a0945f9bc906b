/* SPDX-License-Identifier: Apache-2.0 */
/* The library behind epact_lua.h. */
#include "epact_lua.h"

#include "bindings/host.h"

lua_State *epact_lua_state(epact *e) { return e->closing ? NULL : e->st->L; }

typedef struct module {
	const char *name;
	lua_CFunction open;
} module;

static int add_module(lua_State *L)
{
	const module *m = lua_touserdata(L, 1);
	epl_check_free_module(L, m->name);
	lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	lua_pushcfunction(L, m->open);
	lua_setfield(L, -2, m->name);
	return 0;
}

int epact_lua_module(epact *e, const char *name, lua_CFunction open)
{
	return epl_host_protected(e, add_module, &(module){name, open});
}

epact_reply *epact_lua_reply(lua_State *L, const char *name)
{
	epl_check_can_wait(L);
	epact_reply *reply = epl_reply_new(epl_loop(L), name);
	if (!reply) epl_raise_code(L, EP_ENOMEM, "%s: not enough memory", name);
	return reply;
}

int epact_lua_await(lua_State *L, epact_reply *reply) { return epl_reply_await(L, reply); }

void epact_lua_push(lua_State *L, const epact_value *value) { epl_values_push(L, value, 1, "value"); }
