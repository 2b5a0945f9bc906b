/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what one task waits for and another brings about. Face: lua/epact/task.lua. */
#include "bindings/wait.h"

typedef struct event {
	ep_node waiters; /* first, as in queues */
	bool set;
} event;

static int event_new(lua_State *L)
{
	event *e = lua_newuserdatauv(L, sizeof *e, 0);
	ep_node_init(&e->waiters);
	e->set = false;
	luaL_setmetatable(L, EPL_EVENT);
	return 1;
}

static int event_wait(lua_State *L)
{
	event *e = epl_check(L, 1, EPL_EVENT);
	if (e->set) return 0;
	return epl_wait_in(L, &e->waiters, "an event", NULL);
}

static int event_set(lua_State *L)
{
	event *e = epl_check(L, 1, EPL_EVENT);
	e->set = true;
	epl_wake_all(&e->waiters);
	return 0;
}

static int event_clear(lua_State *L)
{
	event *e = epl_check(L, 1, EPL_EVENT);
	e->set = false;
	return 0;
}

/* wake_one() -> whether a task was waiting; the event stays as it is */
static int event_wake_one(lua_State *L)
{
	event *e = epl_check(L, 1, EPL_EVENT);
	lua_pushboolean(L, epl_wake_one(&e->waiters));
	return 1;
}

static int event_is_set(lua_State *L)
{
	event *e = epl_check(L, 1, EPL_EVENT);
	lua_pushboolean(L, e->set);
	return 1;
}

/* Waiters hold the event on their stacks: any left belong to an instance that closes. */
static int event_gc(lua_State *L)
{
	event *e = epl_check(L, 1, EPL_EVENT);
	epl_wake_all_with(&e->waiters, EP_ECLOSED);
	return 0;
}

static const luaL_Reg methods[] = {{"wait", event_wait}, {"set", event_set}, {"clear", event_clear},
	{"wake_one", event_wake_one}, {"is_set", event_is_set}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", event_gc}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"event", event_new}, {NULL, NULL}};

void epl_open_event(lua_State *L)
{
	epl_type(L, EPL_EVENT, methods, meta);
	luaL_setfuncs(L, functions, 0);
}
