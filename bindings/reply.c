/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the host, and their replies, which may come from any thread. */
#include <stdatomic.h>
#include <string.h>

#include "bindings/host.h"
#include "runtime/base/mem.h"
#include "runtime/loop/mailbox.h"

/* A reply is OPEN while the host's function runs. Then whoever comes second goes on: the finisher of a reply that is WAITED
 * for sends the letter; the function that finds its reply FINISHED returns at once. */
enum { OPEN, WAITED, FINISHED };

struct epact_reply {
	ep_op op; /* the loop's, once it is waited for */
	atomic_uint refs;
	atomic_int state;
	ep_mailbox *box;
	ep_letter letter;
	const char *name; /* an upvalue of the function that waits */
	epl_arena answer; /* the finisher's, until it has finished */
	const epact_value *values;
	size_t count;
	epact_failure failure; /* code 0: none */
	void (*on_cancel)(void *arg);
	void *cancel_arg;
};

typedef struct function {
	epact_function *call;
	void *arg;
} function;

/* --- replies --- */

static void unref(epact_reply *r)
{
	if (atomic_fetch_sub(&r->refs, 1) > 1) return;
	epl_arena_fini(&r->answer);
	ep_mailbox_release(r->box);
	ep_free(r);
}

static void abort_reply(ep_op *op)
{
	epact_reply *r = (epact_reply *)op;
	void (*on_cancel)(void *) = r->on_cancel;
	r->on_cancel = NULL;
	ep_op_finish(op, EP_ECANCELLED);
	if (on_cancel && atomic_load(&r->state) != FINISHED) on_cancel(r->cancel_arg);
}

static void free_reply(ep_op *op) { unref((epact_reply *)op); }

static void describe_reply(const ep_op *op, ep_buf *text)
{
	ep_buf_printf(text, "the host's %s", ((const epact_reply *)op)->name);
}

static const ep_op_class reply_class = {
	.name = "host", .abort = abort_reply, .free = free_reply, .describe = describe_reply};

static void on_letter(ep_letter *letter)
{
	epact_reply *r = EP_CONTAINER(letter, epact_reply, letter);
	ep_op_finish(&r->op, 0);
	unref(r);
}

epact_reply *epl_reply_new(ep_loop *loop, const char *name)
{
	epact_reply *r = ep_calloc(1, sizeof *r);
	if (!r) return NULL;
	atomic_init(&r->refs, 2);
	atomic_init(&r->state, OPEN);
	r->box = ep_mailbox_retain(ep_loop_mailbox(loop));
	ep_node_init(&r->letter.link);
	r->letter.read = on_letter;
	r->name = name;
	return r;
}

/* The host's last word. */
static void finish(epact_reply *r)
{
	if (atomic_exchange(&r->state, FINISHED) == WAITED && !ep_mailbox_send(r->box, &r->letter)) return;
	unref(r);
}

void epact_reply_finish(epact_reply *r, const epact_value *values, size_t count)
{
	int rc = epl_values_copy(&r->answer, &r->values, values, count);
	r->count = rc ? 0 : count;
	if (rc == EP_ENOMEM) r->failure = epl_no_memory;
	if (rc == EP_EINVAL) r->failure = epl_failure_of(rc, "the host's function gave a value that is none, or too deep");
	finish(r);
}

void epact_reply_fail(epact_reply *r, const epact_failure *failure)
{
	if (epl_failure_copy(&r->answer, &r->failure, failure)) r->failure = epl_no_memory;
	finish(r);
}

void epact_reply_on_cancel(epact_reply *r, void (*on_cancel)(void *arg), void *arg)
{
	r->on_cancel = on_cancel;
	r->cancel_arg = arg;
}

/* --- calls from Lua --- */

static int push_answer(lua_State *L, ep_op *op)
{
	const epact_reply *r = (const epact_reply *)op;
	if (r->failure.code) {
		epl_failure_push(L, &r->failure, r->name);
		return lua_error(L);
	}
	epl_values_push(L, r->values, r->count, "result");
	return (int)r->count;
}

typedef struct arguments {
	epl_arena arena;
	const epact_value *values;
	size_t count;
} arguments;

/* Behind the arguments of the call: where they are to go. */
static int read_arguments(lua_State *L)
{
	arguments *a = lua_touserdata(L, -1);
	a->count = (size_t)lua_gettop(L) - 1;
	a->values = epl_values_read(L, 1, a->count, &a->arena, "argument");
	return 0;
}

static int push_answer_at_once(lua_State *L) { return push_answer(L, lua_touserdata(L, 1)); }

static int return_answer(lua_State *L, epact_reply *r)
{
	lua_settop(L, 0);
	lua_pushcfunction(L, push_answer_at_once);
	lua_pushlightuserdata(L, r);
	int rc = lua_pcall(L, 1, LUA_MULTRET, 0);
	unref(r);
	return rc ? lua_error(L) : lua_gettop(L);
}

int epl_reply_await(lua_State *L, epact_reply *r)
{
	int open = OPEN;
	ep_op_init(&r->op, epl_loop(L), &reply_class, NULL);
	if (!atomic_compare_exchange_strong(&r->state, &open, WAITED)) return return_answer(L, r);
	ep_op_start(&r->op);
	return epl_await(L, &r->op, push_answer);
}

/* Upvalues: the function, its name. */
static int call_host(lua_State *L)
{
	const function *f = lua_touserdata(L, lua_upvalueindex(1));
	const char *name = lua_tostring(L, lua_upvalueindex(2));
	arguments a = {0};
	luaL_checkstack(L, lua_gettop(L) + 4, "too many arguments");
	lua_pushcfunction(L, read_arguments);
	lua_insert(L, 1);
	lua_pushlightuserdata(L, &a);
	int rc = lua_pcall(L, lua_gettop(L) - 1, 0, 0);
	epact_reply *r = rc ? NULL : epl_reply_new(epl_loop(L), name);
	if (r) f->call(f->arg, r, a.values, a.count);
	epl_arena_fini(&a.arena);
	if (rc) return lua_error(L);
	return r ? epl_reply_await(L, r) : epl_raise_code(L, EP_ENOMEM, "%s: not enough memory", name);
}

/* --- registering --- */

typedef struct registration {
	const char *name, *dot;
	function function;
} registration;

static const char modules_key; /* the registry's, of a table: module of the host -> its table */

/* Pushes the module of that name, which is made when there is none. */
static void push_module(lua_State *L, const char *name)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key) == LUA_TNIL) {
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
		lua_replace(L, -2);
	}
	if (lua_getfield(L, -1, name) != LUA_TNIL) return;
	epl_check_free_module(L, name);
	lua_newtable(L);
	lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
	lua_pushvalue(L, -1);
	lua_setfield(L, -4, name); /* into the modules: below the table is a nil */
}

static int add_function(lua_State *L)
{
	const registration *r = lua_touserdata(L, 1);
	push_module(L, lua_pushlstring(L, r->name, (size_t)(r->dot - r->name)));
	if (r->function.call) {
		function *f = lua_newuserdatauv(L, sizeof *f, 0);
		*f = r->function;
		lua_pushstring(L, r->name);
		lua_pushcclosure(L, call_host, 2);
	} else {
		lua_pushnil(L);
	}
	lua_setfield(L, -2, r->dot + 1);
	return 0;
}

int epact_register(epact *e, const char *name, epact_function *call, void *arg)
{
	registration r = {.name = name, .dot = name ? strrchr(name, '.') : NULL, .function = {call, arg}};
	const epact_failure unnamed = epl_failure_of(EPACT_EINVAL, "a host function is named MODULE.NAME");
	if (!r.dot || r.dot == name || !r.dot[1]) return epl_host_failed(e, &unnamed);
	return epl_host_protected(e, add_function, &r);
}
