/* SPDX-License-Identifier: Apache-2.0 */
/* The module `epact` of a Lua that is not ours, such as the program lua5.4. Face: lua/epact/init.lua. Not part of the library:
 * it is linked into epact.so, which takes Lua from the program that loads it. */
#include <stdlib.h>
#include <string.h>

#include "bindings/task.h"
#include "runtime/base/mem.h"

/* Milliseconds between two looks for a Ctrl-C: lua5.4's handler sets a hook, and wakes nobody. */
enum { LOOK_EVERY = 100 };

__attribute__((visibility("default"))) int luaopen_epact(lua_State *L);

/* --- log --- */

static const char *const levels[] = {"off", "error", "warn", "info", "debug"};

static int write_line(lua_State *L)
{
	lua_getglobal(L, "io");
	lua_getfield(L, -1, "stderr");
	lua_getfield(L, -1, "write");
	lua_insert(L, -2);
	lua_pushfstring(L, "epact %s: %s\n", levels[lua_tointeger(L, 1)], lua_touserdata(L, 2));
	lua_call(L, 2, 0);
	return 0;
}

static void on_log(void *arg, int level, const char *text)
{
	lua_State *L = ((epl_state *)arg)->L;
	if (!L) return;
	lua_pushcfunction(L, write_line);
	lua_pushinteger(L, level);
	lua_pushlightuserdata(L, (void *)text);
	if (lua_pcall(L, 2, 0, 0)) lua_pop(L, 1); /* nowhere to write to */
}

static int level_wanted(void)
{
	const char *wanted = getenv("EPACT_LOG");
	for (int i = EPL_LOG_DEBUG; wanted && i >= 0; i--)
		if (!strcmp(wanted, levels[i])) return i;
	return EPL_LOG_WARN;
}

/* --- run --- */

typedef struct run {
	epl_call call;
	epl_state *st;
	lua_State *main;
	bool ended;
} run;

/* A timer that does not keep the loop alive. */
typedef struct lookout {
	uv_timer_t timer;
	run *run;
	epl_state *st;
	lua_State *main;
	lua_Hook hook; /* of the main coroutine, before */
} lookout;

/* Leaves the ended task on the stack, for its results. */
static void on_ended(epl_call *call)
{
	run *r = EP_CONTAINER(call, run, call);
	epl_task_push(r->st->L, call->task);
	r->ended = true;
}

static int start_root(lua_State *L)
{
	run *r = lua_touserdata(L, 1);
	lua_remove(L, 1);
	luaL_checkstack(L, 8, NULL);
	epl_call_start(r->st, lua_gettop(L) - 1, &r->call);
	return 0;
}

static void on_look(uv_timer_t *timer)
{
	lookout *l = timer->data;
	if (lua_gethook(l->main) != l->hook) epl_call_cancel(&l->run->call, "it was interrupted");
}

static void on_lookout_closed(uv_handle_t *timer)
{
	lookout *l = timer->data;
	ep_loop_handle_closed(l->st->loop);
	ep_free(l);
}

/* NULL: no memory. A run goes without. */
static lookout *open_lookout(run *r)
{
	lookout *l = ep_alloc(sizeof *l);
	if (!l) return NULL;
	*l = (lookout){.run = r, .st = r->st, .main = r->main, .hook = lua_gethook(r->main)};
	uv_timer_init(ep_loop_uv(r->st->loop), &l->timer);
	l->timer.data = l;
	ep_loop_handle_opened(r->st->loop);
	uv_timer_start(&l->timer, on_look, LOOK_EVERY, LOOK_EVERY);
	uv_unref((uv_handle_t *)&l->timer);
	return l;
}

/* Until the root has ended. False when its tasks wait for each other alone, and had to be cancelled. */
static bool drive(run *r)
{
	ep_loop *loop = r->st->loop;
	lookout *l = open_lookout(r);
	bool stuck = ep_loop_run(loop, &r->ended) == EP_EBUSY;
	if (stuck) {
		epl_call_cancel(&r->call, "every task waits for another");
		ep_loop_run(loop, &r->ended);
	}
	if (l) uv_close((uv_handle_t *)&l->timer, on_lookout_closed);
	return !stuck;
}

static void leave_by_exit(lua_State *L, int status)
{
	lua_getglobal(L, "os");
	lua_getfield(L, -1, "exit");
	lua_pushinteger(L, status);
	lua_pushboolean(L, 1);
	lua_call(L, 2, 0);
}

/* run(fn, ...) -> what fn returns */
static int stock_run(lua_State *L)
{
	epl_state *st = epl_state_of(L);
	run r = {.call = {.name = "main", .on_done = on_ended}, .st = st, .main = st->L};
	luaL_checktype(L, 1, LUA_TFUNCTION);
	if (!ep_list_empty(&st->calls)) return luaL_error(L, "epact.run: it runs already, and cannot be called here");
	lua_pushcfunction(L, start_root);
	lua_insert(L, 1);
	lua_pushlightuserdata(L, &r);
	lua_insert(L, 2);
	st->L = L;
	if (lua_pcall(L, lua_gettop(L) - 1, 0, 0)) {
		st->L = r.main;
		return lua_error(L);
	}
	bool moving = drive(&r);
	st->L = r.main;
	if (!r.ended) epl_call_detach(&r.call);
	if (r.call.exit_status >= 0) leave_by_exit(L, r.call.exit_status);
	if (!moving)
		return epl_raise_code(L, EP_EBUSY, "every task waits for another: nothing would ever happen (a deadlock)");
	return epl_task_results(L, lua_touserdata(L, -1));
}

/* --- open --- */

int luaopen_epact(lua_State *L)
{
	lua_settop(L, 0);
	epl_state *st = epl_state_attach(L);
	st->log = on_log;
	st->log_arg = st;
	st->log_level = level_wanted();
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushcfunction(L, stock_run);
	lua_setfield(L, -2, "epact.core.run");
	return epl_load_module(L, "epact");
}
