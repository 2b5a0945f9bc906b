/* SPDX-License-Identifier: Apache-2.0 */
/* Waiters, and the queues that lua/epact/task builds channels, semaphores and limiters of. */
#include "bindings/wait.h"

#include "bindings/task.h"
#include "runtime/base/mem.h"

/* --- waiters --- */

static void unlink_arms(epl_waiter *w)
{
	for (unsigned i = 0; i < w->count; i++) ep_node_unlink(&w->arms[i].link);
}

static void end_wait(ep_op *op)
{
	unlink_arms((epl_waiter *)op);
	ep_op_finish(op, EP_ECANCELLED);
}

static void free_waiter(ep_op *op)
{
	epl_waiter *w = (epl_waiter *)op;
	lua_State *L = w->st->L;
	unlink_arms(w);
	if (L) luaL_unref(L, LUA_REGISTRYINDEX, w->given);
	if (L) luaL_unref(L, LUA_REGISTRYINDEX, w->offered);
	ep_free(w);
}

static void describe_wait(const ep_op *op, ep_buf *text) { ep_buf_puts(text, ((const epl_waiter *)op)->what); }

static const ep_op_class wait_class = {
	.name = "wait", .abort = end_wait, .free = free_waiter, .describe = describe_wait, .passive = true};
static const ep_op_class timed_class = {
	.name = "wait", .abort = end_wait, .free = free_waiter, .describe = describe_wait, .timed = true};

/* Makes a waiter with arms that are in no list yet. Takes the reference offered. */
static epl_waiter *new_waiter(lua_State *L, unsigned count, const char *what, int offered)
{
	epl_state *st = epl_state_of(L);
	epl_waiter *w = ep_alloc(sizeof *w + count * sizeof *w->arms);
	if (!w) {
		luaL_unref(L, LUA_REGISTRYINDEX, offered);
		luaL_error(L, "not enough memory");
		return NULL;
	}
	ep_op_init(&w->op, st->loop, &wait_class, NULL);
	w->st = st;
	w->what = what;
	w->offered = offered;
	w->given = LUA_REFNIL;
	w->fired = 0;
	w->count = count;
	w->several = false;
	for (unsigned i = 0; i < count; i++) {
		w->arms[i].waiter = w;
		ep_node_init(&w->arms[i].link);
	}
	return w;
}

static int wait_in(lua_State *L, ep_node *list, const char *what, int offered, epl_push *push)
{
	epl_waiter *w = new_waiter(L, 1, what, offered);
	ep_list_push(list, &w->arms[0].link);
	ep_op_start(&w->op);
	return epl_await(L, &w->op, push);
}

int epl_wait_in(lua_State *L, ep_node *list, const char *what, epl_push *push)
{
	epl_check_can_wait(L);
	return wait_in(L, list, what, LUA_REFNIL, push);
}

static epl_arm *first_arm(ep_node *list)
{
	return ep_list_empty(list) ? NULL : EP_CONTAINER(list->next, epl_arm, link);
}

static void fire(epl_arm *arm, int result)
{
	epl_waiter *w = arm->waiter;
	w->fired = (unsigned)(arm - w->arms) + 1;
	unlink_arms(w);
	ep_op_finish(&w->op, result);
}

bool epl_wake_one(ep_node *list)
{
	epl_arm *arm = first_arm(list);
	if (arm) fire(arm, 0);
	return arm != NULL;
}

void epl_wake_all_with(ep_node *list, int result)
{
	for (epl_arm *arm; (arm = first_arm(list));) fire(arm, result);
}

void epl_wake_all(ep_node *list) { epl_wake_all_with(list, 0); }

/* --- queues --- */

typedef struct queue {
	ep_node waiters; /* first, as in events */
	const char *what;
} queue;

/* queue(what): a line of tasks that wait; each may hold a value for the one who wakes it, who may give one */
static int queue_new(lua_State *L)
{
	const char *what = luaL_checkstring(L, 1);
	queue *q = epl_new(L, sizeof *q, EPL_QUEUE);
	ep_node_init(&q->waiters);
	q->what = what;
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	return 1;
}

static int push_given(lua_State *L, ep_op *op)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, ((epl_waiter *)op)->given);
	return 1;
}

/* A reference to the value at index, for none or nil one that costs nothing. */
static int reference(lua_State *L, int index)
{
	if (lua_isnoneornil(L, index)) return LUA_REFNIL;
	lua_pushvalue(L, index);
	return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* queue:wait(offered) -> what the one who wakes it gives */
static int queue_wait(lua_State *L)
{
	queue *q = epl_check(L, 1, EPL_QUEUE);
	epl_check_can_wait(L);
	return wait_in(L, &q->waiters, q->what, reference(L, 2), push_given);
}

static void push_offered(lua_State *L, const epl_arm *arm)
{
	const epl_waiter *w = arm->waiter;
	lua_rawgeti(L, LUA_REGISTRYINDEX, w->offered);
	if (!w->several) return;
	lua_rawgeti(L, -1, arm - w->arms + 1);
	lua_remove(L, -2);
}

/* queue:wake(given) -> true and what the woken one offered; false when nobody waits */
static int queue_wake(lua_State *L)
{
	queue *q = epl_check(L, 1, EPL_QUEUE);
	int given = ep_list_empty(&q->waiters) ? LUA_REFNIL : reference(L, 2);
	epl_arm *arm = first_arm(&q->waiters); /* only now: making a reference may collect, and run what cancels */
	lua_pushboolean(L, arm != NULL);
	if (!arm) {
		luaL_unref(L, LUA_REGISTRYINDEX, given);
		return 1;
	}
	push_offered(L, arm);
	arm->waiter->given = given;
	fire(arm, 0);
	return 2;
}

/* queue:waiting() -> whether a task waits */
static int queue_waiting(lua_State *L)
{
	queue *q = epl_check(L, 1, EPL_QUEUE);
	lua_pushboolean(L, !ep_list_empty(&q->waiters));
	return 1;
}

/* Waiters hold the queue on their stacks: any left belong to an instance that closes. */
static int queue_gc(lua_State *L)
{
	queue *q = epl_check(L, 1, EPL_QUEUE);
	epl_wake_all_with(&q->waiters, EP_ECLOSED);
	return 0;
}

/* --- waiting for the first of several --- */

ep_node *epl_waiters_of(lua_State *L, int index)
{
	queue *q = luaL_testudata(L, index, EPL_QUEUE);
	if (!q) q = luaL_testudata(L, index, EPL_EVENT);
	if (q) return &q->waiters;
	epl_task *t = epl_check(L, index, EPL_TASK);
	return &t->waiters;
}

static void on_time_up(ep_timer *timer)
{
	epl_waiter *w = EP_CONTAINER(timer, epl_waiter, op.deadline);
	unlink_arms(w);
	ep_op_finish(&w->op, 0);
}

static int push_fired(lua_State *L, ep_op *op)
{
	const epl_waiter *w = (const epl_waiter *)op;
	lua_pushinteger(L, w->fired);
	lua_rawgeti(L, LUA_REGISTRYINDEX, w->given);
	return 2;
}

static void check_cases(lua_State *L, int first, int last)
{
	for (int i = first; i <= last; i++) epl_waiters_of(L, i);
}

static epl_waiter *new_timed(lua_State *L, unsigned count, int offered, bool timed, lua_Number seconds)
{
	epl_waiter *w = new_waiter(L, count, "the first of several", offered);
	w->several = true;
	if (!timed) return w;
	w->op.class = &timed_class;
	if (!ep_timer_start(w->st->loop, &w->op.deadline, ep_seconds(seconds), on_time_up)) return w;
	ep_op_unref(&w->op);
	luaL_error(L, "not enough memory");
	return NULL;
}

/* wait_any(seconds or nil, offers, what, ...) -> which, what it was given. What is a queue, an event or a task;
 * offers[i] is for the one who wakes the i-th. Which is 0 when the time was up. */
static int wait_any(lua_State *L)
{
	int last = lua_gettop(L);
	bool timed = !lua_isnil(L, 1);
	lua_Number seconds = timed ? luaL_checknumber(L, 1) : 0;
	luaL_argcheck(L, seconds >= 0, 1, "must be a number of seconds, 0 or more");
	luaL_checktype(L, 2, LUA_TTABLE);
	check_cases(L, 3, last);
	epl_check_can_wait(L);
	epl_waiter *w = new_timed(L, (unsigned)last - 2, reference(L, 2), timed, seconds);
	for (int i = 3; i <= last; i++) ep_list_push(epl_waiters_of(L, i), &w->arms[i - 3].link);
	ep_op_start(&w->op);
	return epl_await(L, &w->op, push_fired);
}

/* kind(value) -> "task", "event" or nil */
static int kind(lua_State *L)
{
	luaL_checkany(L, 1);
	if (luaL_testudata(L, 1, EPL_TASK))
		lua_pushliteral(L, "task");
	else if (luaL_testudata(L, 1, EPL_EVENT))
		lua_pushliteral(L, "event");
	else
		lua_pushnil(L);
	return 1;
}

static const luaL_Reg queue_methods[] = {
	{"wait", queue_wait}, {"wake", queue_wake}, {"waiting", queue_waiting}, {NULL, NULL}};
static const luaL_Reg queue_meta[] = {{"__gc", queue_gc}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"queue", queue_new}, {"wait_any", wait_any}, {"kind", kind}, {NULL, NULL}};

void epl_open_wait(lua_State *L)
{
	epl_type(L, EPL_QUEUE, queue_methods, queue_meta);
	luaL_setfuncs(L, functions, 0);
}
