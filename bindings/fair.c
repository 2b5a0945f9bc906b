/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings of tasks that keep the others waiting. The line that computes is not known without a hook, which would
 * slow everything down: named are the wait that ended the slice and the spawn, which enclose it. */
#include "bindings/task.h"
#include "bindings/view.h"

/* The registry's key of a table: the places that were warned of. */
static const char warned_key;

typedef struct slice {
	epl_task *task;
	uint64_t took;
} slice;

/* Pushes the words for the place. */
static void push_place(lua_State *L, epl_task *t)
{
	ep_buf b = {0};
	if (t->own.parent) {
		epl_task_push(L, t);
		lua_getiuservalue(L, -1, EPL_TASK_WHERE);
		ep_buf_printf(&b, "the task spawned at %s", lua_tostring(L, -1));
		lua_pop(L, 2);
	} else {
		ep_buf_printf(&b, "the %s task", t->call ? t->call->name : "ended");
	}
	bool waits = lua_status(t->co) == LUA_YIELD && epl_add_place(&b, " computed until ", t->at);
	if (!waits) ep_buf_puts(&b, " computed until its end");
	epl_push_buf(L, &b);
}

/* True when the text on the top was not there before. */
static bool is_new(lua_State *L)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &warned_key) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &warned_key);
	}
	lua_pushvalue(L, -2);
	bool known = lua_rawget(L, -2) != LUA_TNIL;
	lua_pop(L, 1);
	lua_pushvalue(L, -2);
	lua_pushboolean(L, 1);
	lua_rawset(L, -3);
	lua_pop(L, 1);
	return !known;
}

static int warn(lua_State *L)
{
	const slice *s = lua_touserdata(L, 1);
	push_place(L, s->task);
	if (!is_new(L)) return 0;
	epl_log(L, EPL_LOG_WARN, "%s for %.2f s without waiting: other tasks stood still (task.yield() lets them run)",
		lua_tostring(L, -1), (double)s->took / 1e9);
	return 0;
}

void epl_warn_slice(epl_task *t, uint64_t took)
{
	slice s = {t, took};
	lua_State *L = t->st->L;
	if (t->st->tasks < 2 || !epl_log_wanted(L, EPL_LOG_WARN)) return;
	lua_pushcfunction(L, warn);
	lua_pushlightuserdata(L, &s);
	if (lua_pcall(L, 1, 0, 0)) lua_pop(L, 1); /* no memory for the words */
}
