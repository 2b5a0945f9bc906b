/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes: the tree of what can be cancelled, deadlines, spawning in a scope. Face: lua/epact/task.lua; how code runs in
 * a scope and leaves it: scope_run.c. */
#include "bindings/task.h"
#include "bindings/wait.h"
#include "runtime/base/mem.h"

#define SCOPE EPL_SCOPE

/* --- the tree --- */

void epl_scope_init(epl_scope *s, epl_scope *parent, epl_task *t)
{
	*s = (epl_scope){.parent = parent, .task = t, .open = true};
	s->failure = s->trace = s->others = LUA_NOREF;
	ep_node_init(&s->scopes);
	ep_node_init(&s->link);
	ep_node_init(&s->joiners);
	if (parent) ep_list_push(&parent->scopes, &s->link);
}

/* Takes the scope out of the tree; errors it kept are let go. */
void epl_scope_fini(lua_State *L, epl_scope *s)
{
	if (!s->open) return;
	s->open = false;
	ep_timer_stop(s->task->st->loop, &s->deadline);
	ep_node_unlink(&s->link);
	luaL_unref(L, LUA_REGISTRYINDEX, s->failure);
	luaL_unref(L, LUA_REGISTRYINDEX, s->trace);
	luaL_unref(L, LUA_REGISTRYINDEX, s->others);
	s->failure = s->trace = s->others = LUA_NOREF;
	if (s->owns_reason) ep_free((char *)s->reason);
	s->owns_reason = false;
	s->reason = NULL;
	if (s->listed) epl_nursery_fini(L, (epl_nursery *)s);
}

/* Scopes may nest as deep as tasks do, so the walk does not recurse. */
epl_scope *epl_scope_next(epl_scope *top, epl_scope *s, bool descend)
{
	if (descend && !ep_list_empty(&s->scopes)) return EP_CONTAINER(s->scopes.next, epl_scope, link);
	for (; s != top; s = s->parent)
		if (s->link.next != &s->parent->scopes) return EP_CONTAINER(s->link.next, epl_scope, link);
	return NULL;
}

void epl_scope_interrupt(epl_scope *top)
{
	for (epl_scope *s = top; s; s = epl_scope_next(top, s, s == top || !s->shield))
		if (s->task->scope == s && (s == top || !s->shield)) epl_task_interrupt(s->task);
}

void epl_scope_cancel(epl_scope *s, const char *reason)
{
	if (s->cancelled || !s->open) return;
	s->cancelled = true;
	s->reason = reason;
	epl_scope_interrupt(s);
}

/* cancel([reason]) of a task or a scope; the text is copied. */
void epl_scope_cancel_for(lua_State *L, epl_scope *s, int arg, const char *otherwise)
{
	const char *given = luaL_optstring(L, arg, NULL);
	if (s->cancelled || !s->open) return;
	char *copy = given ? ep_strdup(given) : NULL;
	if (given && !copy) luaL_error(L, "not enough memory");
	s->owns_reason = copy != NULL;
	epl_scope_cancel(s, copy ? copy : otherwise);
}

/* Daemons end when nothing else is left in their scope. */
void epl_scope_cancel_daemons(epl_scope *s)
{
	for (ep_node *n = s->scopes.next; n != &s->scopes; n = n->next) {
		epl_scope *inner = EP_CONTAINER(n, epl_scope, link);
		if (inner == &inner->task->own && inner->task->daemon) epl_scope_cancel(inner, "its scope has ended");
	}
}

void epl_scope_child_ended(epl_scope *s, epl_task *t)
{
	s->children--;
	if (t->daemon) s->daemons--;
	if (t->status == EPL_TASK_CANCELLED && !t->own.cancelled && !t->daemon) s->child_cancelled = true;
	if (t->number) {
		epl_nursery *n = (epl_nursery *)s;
		n->live--;
		epl_wake_all(&n->waiters);
	}
	bool joined = !ep_list_empty(&s->joiners);
	if (joined && s->children == s->daemons) epl_scope_cancel_daemons(s);
	if (!s->children) ep_signal_all(&s->joiners, 0);
}

/* Keeps the error on the top of the stack, which is popped, as what the scope fails with, and cancels it. */
void epl_scope_fail(lua_State *L, epl_scope *s, const char *trace)
{
	if (s->failure == LUA_NOREF) {
		lua_pushstring(L, trace);
		s->trace = luaL_ref(L, LUA_REGISTRYINDEX);
		s->failure = luaL_ref(L, LUA_REGISTRYINDEX);
		epl_scope_cancel(s, "another task of its scope failed");
		return;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->failure);
	bool same = lua_rawequal(L, -1, -2);
	lua_pop(L, same ? 2 : 1);
	if (same) return;
	if (s->others == LUA_NOREF) {
		lua_newtable(L);
		s->others = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->others);
	lua_insert(L, -2);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	lua_pop(L, 1);
}

static void on_scope_deadline(ep_timer *timer)
{
	epl_scope *s = EP_CONTAINER(timer, epl_scope, deadline);
	if (s->cancelled) return;
	s->timed_out = true;
	epl_scope_cancel(s, "its time was up");
}

static void limit_to(lua_State *L, epl_scope *s, lua_Number seconds)
{
	if (ep_timer_start(s->task->st->loop, &s->deadline, ep_seconds(seconds), on_scope_deadline))
		luaL_error(L, "not enough memory");
	((epl_nursery *)s)->limit = seconds; /* a scope without a handle has none */
}

/* --- opening one --- */

static epl_scope *push_scope(lua_State *L, epl_task *t)
{
	epl_nursery *n = lua_newuserdatauv(L, sizeof *n, 0);
	*n = (epl_nursery){.kept = LUA_NOREF, .first = 1};
	ep_node_init(&n->waiters);
	epl_scope_init(&n->scope, t->scope, t);
	n->scope.listed = true;
	luaL_setmetatable(L, SCOPE);
	return &n->scope;
}

/* scope(fn, ...): calls fn(s, ...) */
static int task_scope(lua_State *L)
{
	epl_task *t = epl_task_running(L);
	luaL_checktype(L, 1, LUA_TFUNCTION);
	epl_scope *s = push_scope(L, t);
	lua_insert(L, 1);
	lua_pushvalue(L, 1);
	lua_insert(L, 3);
	return epl_scope_run(L, t, s, lua_gettop(L) - 2);
}

static int run_limited(lua_State *L, bool shield)
{
	epl_task *t = epl_task_running(L);
	lua_Number seconds = luaL_checknumber(L, 1);
	luaL_argcheck(L, seconds >= 0, 1, "must be a number of seconds, 0 or more");
	luaL_checktype(L, 2, LUA_TFUNCTION);
	epl_scope *s = push_scope(L, t);
	lua_replace(L, 1);
	s->shield = shield;
	limit_to(L, s, seconds);
	return epl_scope_run(L, t, s, lua_gettop(L) - 2);
}

/* timeout(seconds, fn, ...), shield(seconds, fn, ...) */
static int task_timeout(lua_State *L) { return run_limited(L, false); }
static int task_shield(lua_State *L) { return run_limited(L, true); }

/* --- methods --- */

/* Counts a task that a spawn method of its scope made among those of collect and each. */
static void list(epl_task *t)
{
	epl_nursery *n = (epl_nursery *)t->own.parent;
	t->number = ++n->spawned;
	n->live++;
}

static int scope_spawn(lua_State *L)
{
	list(epl_spawn(L, epl_check(L, 1, SCOPE), 2));
	return 1;
}

/* spawn_try(fn, ...): a failure is not one of the task; upvalue 1 is pcall */
static int scope_spawn_try(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 2);
	return scope_spawn(L);
}

static int scope_spawn_daemon(lua_State *L)
{
	epl_scope *s = epl_check(L, 1, SCOPE);
	epl_spawn(L, s, 2)->daemon = true;
	s->daemons++;
	return 1;
}

static int scope_deadline(lua_State *L)
{
	epl_scope *s = epl_check(L, 1, SCOPE);
	lua_Number seconds = luaL_checknumber(L, 2);
	luaL_argcheck(L, seconds >= 0, 2, "must be a number of seconds, 0 or more");
	if (!s->open) return luaL_error(L, "the scope has ended");
	limit_to(L, s, seconds);
	return 0;
}

static int scope_cancel(lua_State *L)
{
	epl_scope_cancel_for(L, epl_check(L, 1, SCOPE), 2, "its scope was cancelled");
	return 0;
}

static int scope_gc(lua_State *L)
{
	epl_scope_fini(L, epl_check(L, 1, SCOPE));
	return 0;
}

/* --- tables --- */

static const luaL_Reg methods[] = {{"spawn", scope_spawn}, {"spawn_daemon", scope_spawn_daemon},
	{"deadline", scope_deadline}, {"cancel", scope_cancel}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", scope_gc}, {NULL, NULL}};
static const luaL_Reg functions[] = {
	{"scope", task_scope}, {"timeout", task_timeout}, {"shield", task_shield}, {NULL, NULL}};

static void open_spawn_try(lua_State *L)
{
	luaL_getmetatable(L, SCOPE);
	lua_getfield(L, -1, "__index");
	lua_getglobal(L, "pcall");
	lua_pushcclosure(L, scope_spawn_try, 1);
	lua_setfield(L, -2, "spawn_try");
	lua_pop(L, 2);
}

void epl_open_scope(lua_State *L)
{
	epl_type(L, SCOPE, methods, meta);
	open_spawn_try(L);
	luaL_setfuncs(L, functions, 0);
}
