/* SPDX-License-Identifier: Apache-2.0 */
/* The methods collect and each of scopes: the tasks in the order in which they were spawned, and as they end. */
#include "bindings/task.h"
#include "bindings/wait.h"

static bool worth_keeping(lua_State *L, const epl_nursery *n, const epl_task *t)
{
	if (n->keeps_all) return true;
	return t->status == EPL_TASK_RUNNING && lua_gettop(L) > 0;
}

void epl_nursery_keep(lua_State *L, epl_task *t)
{
	epl_nursery *n = (epl_nursery *)t->own.parent;
	if (!worth_keeping(L, n, t)) return;
	luaL_checkstack(L, 5, "keeping a task");
	if (n->kept == LUA_NOREF) {
		lua_newtable(L);
		n->kept = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, n->kept);
	epl_task_push(L, t);
	lua_rawseti(L, -2, n->last + 1);
	n->last++;
	lua_pop(L, 1);
}

void epl_nursery_fini(lua_State *L, epl_nursery *n)
{
	luaL_unref(L, LUA_REGISTRYINDEX, n->kept);
	n->kept = LUA_NOREF;
	n->last = n->first - 1;
	epl_wake_all(&n->waiters);
}

static epl_nursery *check_nursery(lua_State *L) { return epl_check(L, 1, EPL_SCOPE); }

static bool is_listed_child(const epl_scope *inner) { return inner == &inner->task->own && inner->task->number; }

/* tasks(scope) -> a table of the tasks by the number of their spawning, the greatest number. Tasks that returned
 * nothing and have ended are missing. */
static int scope_tasks(lua_State *L)
{
	epl_nursery *n = check_nursery(L);
	lua_newtable(L);
	if (n->kept != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, n->kept);
		for (lua_Integer i = n->first; i <= n->last; i++) {
			lua_rawgeti(L, -1, i);
			const epl_task *t = lua_touserdata(L, -1);
			lua_rawseti(L, 2, t->number);
		}
		lua_pop(L, 1);
	}
	for (ep_node *at = n->scope.scopes.next; at != &n->scope.scopes; at = at->next) {
		epl_scope *inner = EP_CONTAINER(at, epl_scope, link);
		if (!is_listed_child(inner)) continue;
		epl_task_push(L, inner->task);
		lua_rawseti(L, 2, inner->task->number);
	}
	lua_pushinteger(L, n->spawned);
	return 2;
}

/* Takes the task that ended first out of those kept, and pushes it with its results. */
static int push_next(lua_State *L, epl_nursery *n)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, n->kept);
	lua_rawgeti(L, -1, n->first);
	lua_pushnil(L);
	lua_rawseti(L, -3, n->first++);
	lua_remove(L, -2);
	epl_task *t = lua_touserdata(L, -1);
	return t->status == EPL_TASK_CANCELLED ? 1 : 1 + epl_task_results(L, t);
}

static int next_ended(lua_State *L);

static int on_ended(lua_State *L, ep_op *op)
{
	(void)op;
	lua_settop(L, 1);
	return next_ended(L);
}

/* next_ended(scope) -> the next task that ends and its results; nothing when there is no more */
static int next_ended(lua_State *L)
{
	epl_nursery *n = check_nursery(L);
	const epl_task *t = epl_state_of(L)->current;
	n->keeps_all = true;
	if (n->first <= n->last) return push_next(L, n);
	bool own = t && t->number && t->own.parent == &n->scope; /* it does not wait for itself */
	if (n->live == (own ? 1 : 0)) return 0;
	return epl_wait_in(L, &n->waiters, "the end of a task of the scope", on_ended);
}

static int scope_each(lua_State *L)
{
	epl_nursery *n = check_nursery(L);
	n->keeps_all = true;
	lua_pushcfunction(L, next_ended);
	lua_pushvalue(L, 1);
	return 2;
}

static int push_status(lua_State *L, ep_op *op)
{
	(void)op;
	lua_getfield(L, 1, "status");
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	return 1;
}

/* join(task) -> its status, when it has ended, however that was */
static int join(lua_State *L)
{
	epl_task *t = epl_check(L, 1, EPL_TASK);
	if (t->status >= EPL_TASK_DONE) return push_status(L, NULL);
	return epl_wait_in(L, &t->waiters, "a task's end", push_status);
}

static const luaL_Reg functions[] = {{"join", join}, {"scope_tasks", scope_tasks}, {NULL, NULL}};

void epl_open_collect(lua_State *L)
{
	luaL_getmetatable(L, EPL_SCOPE);
	lua_getfield(L, -1, "__index");
	lua_pushcfunction(L, scope_each);
	lua_setfield(L, -2, "each");
	lua_pushvalue(L, -1);
	lua_setfield(L, -4, "scope_methods");
	lua_pop(L, 2);
	luaL_setfuncs(L, functions, 0);
}
