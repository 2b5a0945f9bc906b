/* SPDX-License-Identifier: Apache-2.0 */
/* The view of what the tasks do: as a table, as a text. Face: lua/epact/task.lua; the program prints it on SIGQUIT. */
#include "bindings/view.h"

#include <string.h>

#include "bindings/task.h"
#include "bindings/trace.h"

enum { MOST_LINES = 2000 }; /* of the text */

static const char *const states[] = {"ready", "running", "waiting"};

/* Pushes the task's name, and returns it. */
static const char *push_name(lua_State *L, epl_task *t)
{
	epl_task_push(L, t);
	epl_task_name(L, -1);
	lua_remove(L, -2);
	if (lua_type(L, -1) == LUA_TSTRING) return lua_tostring(L, -1);
	lua_pop(L, 1);
	return lua_pushstring(L, t->call ? t->call->name : "task");
}

/* --- one task --- */

bool epl_add_place(ep_buf *b, const char *before, lua_State *co)
{
	lua_Debug place;
	bool found = epl_find_place(co, 0, &place);
	if (found) ep_buf_printf(b, "%s%s:%d", before, place.short_src, place.currentline);
	return found;
}

/* What wakes it is in this process: "event:wait", from the type of the object and the function that waits; one of
 * them may not be known. */
static void add_signal(lua_State *L, ep_buf *b, const epl_task *t)
{
	lua_Debug ar = {0};
	int top = lua_gettop(L);
	const char *type = NULL;
	if (t->patient) {
		ep_buf_puts(b, "its tasks");
		return;
	}
	bool known = lua_getstack(t->at, 0, &ar) && lua_getinfo(t->at, "n", &ar);
	if (known && lua_getlocal(t->at, &ar, 1)) {
		lua_xmove(t->at, L, 1);
		if (luaL_getmetafield(L, -1, "__name") == LUA_TSTRING) type = lua_tostring(L, -1);
	}
	if (type) ep_buf_puts(b, strncmp(type, "epact.", 6) != 0 ? type : type + 6);
	if (type && ar.name) ep_buf_putc(b, ':');
	if (ar.name) ep_buf_puts(b, ar.name);
	if (!type && !ar.name) ep_buf_puts(b, "another task");
	lua_settop(L, top);
}

/* Adds what the waiting task waits for, masked. */
static void add_wait(lua_State *L, ep_buf *out, const epl_task *t)
{
	ep_buf b = {0};
	const ep_op_class *class = t->op->class;
	if (class->describe)
		class->describe(t->op, &b);
	else if (!strcmp(class->name, "signal"))
		add_signal(L, &b, t);
	else
		ep_buf_puts(&b, class->name);
	ep_mask(out, &t->st->secrets, ep_buf_text(&b), b.len);
	ep_buf_fini(&b);
}

static double seconds_since(const epl_task *t)
{
	uint64_t now = ep_loop_now(t->st->loop);
	return now > t->since ? (double)(now - t->since) / 1e9 : 0;
}

/* Pushes "file:line" of the spawn; nil for what the host started. */
static const char *push_spawned(lua_State *L, epl_task *t)
{
	if (!t->own.parent) {
		lua_pushnil(L);
		return NULL;
	}
	epl_task_push(L, t);
	lua_getiuservalue(L, -1, EPL_TASK_WHERE);
	lua_remove(L, -2);
	return lua_tostring(L, -1);
}

static bool is_cancelled(epl_task *t) { return t->unwinding || epl_cancel_pending(t); }

/* --- the walk --- */

/* The next task inside the root; t is the root to begin with. */
static epl_task *next_inside(epl_task *root, const epl_task *t)
{
	epl_scope *s = (epl_scope *)&t->own;
	while ((s = epl_scope_next(&root->own, s, true)))
		if (s == &s->task->own) return s->task;
	return NULL;
}

static epl_task *root_of(const epl_task *t)
{
	while (t->own.parent) t = t->own.parent->task;
	return (epl_task *)t;
}

/* The task of the call behind the one at n, NULL behind the last. */
static epl_task *next_root(const epl_state *st, const ep_node *n)
{
	return n->next == &st->calls ? NULL : EP_CONTAINER(n->next, epl_call, link)->task;
}

static epl_task *first_task(const epl_state *st) { return next_root(st, &st->calls); }

static epl_task *next_task(const epl_state *st, const epl_task *t)
{
	epl_task *root = root_of(t), *next = next_inside(root, t);
	return next ? next : next_root(st, &root->call->link);
}

static int depth_of(const epl_task *t)
{
	int depth = 0;
	for (; t->own.parent; t = t->own.parent->task) depth++;
	return depth;
}

/* --- the text --- */

static void add_line(lua_State *L, ep_buf *b, epl_task *t)
{
	const char *spawned = push_spawned(L, t), *name = push_name(L, t);
	ep_buf_printf(b, "%*s%s: %s", 2 * depth_of(t), "", name, states[t->status]);
	if (t->status == EPL_TASK_WAITING) {
		ep_buf_printf(b, " %.3f s for ", seconds_since(t));
		add_wait(L, b, t);
	}
	if (t->status != EPL_TASK_RUNNING && t->at) epl_add_place(b, ", at ", t->at);
	if (spawned) ep_buf_printf(b, ", spawned at %s", spawned);
	if (is_cancelled(t)) ep_buf_printf(b, ", cancelled: %s", epl_cancel_reason(t));
	ep_buf_putc(b, '\n');
	lua_pop(L, 2);
}

void epl_tree_text(lua_State *L, ep_buf *b)
{
	const epl_state *st = epl_state_of(L);
	size_t lines = 0;
	luaL_checkstack(L, 8, NULL);
	for (epl_task *t = first_task(st); t && lines < MOST_LINES; t = next_task(st, t), lines++) add_line(L, b, t);
	if (lines < st->tasks && lines == MOST_LINES) ep_buf_printf(b, "... and %zu more tasks\n", st->tasks - lines);
}

/* --- the table --- */

static void set_buf(lua_State *L, ep_buf *b, const char *key)
{
	lua_pushlstring(L, ep_buf_text(b), b->len);
	lua_setfield(L, -2, key);
	ep_buf_reset(b);
}

/* Sets the fields of the table on the top. */
static void set_fields(lua_State *L, epl_task *t, ep_buf *b)
{
	push_name(L, t);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, states[t->status]);
	lua_setfield(L, -2, "state");
	push_spawned(L, t);
	lua_setfield(L, -2, "spawned");
	lua_newtable(L);
	lua_setfield(L, -2, "children");
	if (is_cancelled(t)) {
		lua_pushstring(L, epl_cancel_reason(t));
		lua_setfield(L, -2, "cancelled");
	}
	if (t->status != EPL_TASK_RUNNING && t->at && epl_add_place(b, "", t->at)) set_buf(L, b, "at");
	if (t->status != EPL_TASK_WAITING) return;
	add_wait(L, b, t);
	set_buf(L, b, "waits_on");
	lua_pushnumber(L, seconds_since(t));
	lua_setfield(L, -2, "since");
}

/* Appends the table on the top, which stays, to the children of the parent's, found in the table `known`. */
static void add_to_parent(lua_State *L, const epl_task *t, int known)
{
	if (!t->own.parent) return;
	lua_rawgetp(L, known, t->own.parent->task);
	lua_getfield(L, -1, "children");
	lua_pushvalue(L, -3);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	lua_pop(L, 2);
}

#define BUF "epact.view buffer"

static int buf_gc(lua_State *L)
{
	ep_buf_fini(lua_touserdata(L, 1));
	return 0;
}

/* tree() -> the root's table, the text */
static int view_tree(lua_State *L)
{
	epl_state *st = epl_state_of(L);
	lua_settop(L, 0);
	ep_buf *b = epl_new(L, sizeof *b, BUF);
	lua_newtable(L);
	epl_task *root = st->current ? root_of(st->current) : first_task(st);
	for (epl_task *t = root; t; t = next_inside(root, t)) {
		lua_createtable(L, 0, 8);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, 2, t);
		set_fields(L, t, b);
		add_to_parent(L, t, 2);
		lua_pop(L, 1);
	}
	lua_rawgetp(L, 2, root);
	epl_tree_text(L, b);
	if (ep_buf_failed(b)) return luaL_error(L, "not enough memory");
	lua_pushlstring(L, ep_buf_text(b), b->len);
	return 2;
}

/* --- the module --- */

/* warn_slice([seconds]) -> the seconds before; 0: off */
static int view_warn_slice(lua_State *L)
{
	epl_state *st = epl_state_of(L);
	lua_Number before = (lua_Number)st->slice / 1e9;
	if (!lua_isnoneornil(L, 1)) {
		lua_Number seconds = luaL_checknumber(L, 1);
		luaL_argcheck(L, seconds >= 0, 1, "must be a number of seconds, 0 or more");
		st->slice = ep_seconds(seconds);
	}
	lua_pushnumber(L, before);
	return 1;
}

/* virtual_time(seed) */
static int view_virtual_time(lua_State *L)
{
	epl_virtual_time(L, luaL_checkinteger(L, 1));
	return 0;
}

void epl_virtual_time(lua_State *L, lua_Integer seed)
{
	ep_loop_virtual(epl_loop(L), (uint64_t)seed);
	lua_getglobal(L, "math");
	lua_getfield(L, -1, "randomseed");
	lua_pushinteger(L, seed);
	lua_call(L, 1, 0);
	lua_pop(L, 1);
}

static const luaL_Reg meta[] = {{"__gc", buf_gc}, {NULL, NULL}};
static const luaL_Reg functions[] = {
	{"tree", view_tree}, {"warn_slice", view_warn_slice}, {"virtual_time", view_virtual_time}, {NULL, NULL}};

int epl_open_view(lua_State *L)
{
	epl_type(L, BUF, NULL, meta);
	luaL_newlib(L, functions);
	return 1;
}
