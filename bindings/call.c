/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of Lua functions by the host, and how each, the script too, comes to its end. */
#include <string.h>

#include "bindings/host.h"
#include "runtime/base/mem.h"

/* --- the end --- */

typedef struct outcome {
	epl_arena arena;
	epact_failure failure;
	epact_result result;
	const epact_call *call;
	lua_Integer returned; /* the first value, when it is an integer */
} outcome;

static void set_failure(outcome *o, const epact_failure *failure)
{
	o->failure = *failure;
	o->result = (epact_result){.failure = &o->failure};
}

/* A script whose end nobody is told of may return what it likes. */
static int read_outcome(lua_State *L)
{
	outcome *o = lua_touserdata(L, 1);
	bool failed;
	const char *trace;
	int n = epl_call_results(L, &o->call->base, &failed, &trace);
	if (!failed) {
		o->returned = n ? lua_tointeger(L, 2) : 0;
		if (o->call->on_done) o->result.values = epl_values_read(L, 2, (size_t)n, &o->arena, "result");
		if (o->call->on_done) o->result.count = (size_t)n;
		return 0;
	}
	epl_failure_read(L, 2, &o->arena, &o->failure);
	if (*trace) o->failure.traceback = epl_masked_copy(L, &o->arena, trace);
	if (o->call->base.exit_status >= 0) o->failure.status = o->call->base.exit_status;
	o->result.failure = &o->failure;
	return 0;
}

/* Results that are no data are a failure, too. */
static int read_refusal(lua_State *L)
{
	outcome *o = lua_touserdata(L, 2);
	epl_failure_read(L, 1, &o->arena, &o->failure);
	return 0;
}

static void read_result(lua_State *L, outcome *o)
{
	lua_pushcfunction(L, read_outcome);
	lua_pushlightuserdata(L, o);
	if (!lua_pcall(L, 1, 0, 0)) return;
	set_failure(o, &epl_no_memory);
	lua_pushcfunction(L, read_refusal);
	lua_insert(L, -2);
	lua_pushlightuserdata(L, o);
	if (lua_pcall(L, 2, 0, 0)) {
		lua_pop(L, 1);
		set_failure(o, &epl_no_memory);
	}
}

static void end_script(epact *e, const epact_result *result, int returned)
{
	int status = e->script->base.exit_status;
	e->script = NULL;
	e->result = result->failure ? epl_host_failed(e, result->failure) : 0;
	e->exit_status = status >= 0 ? status : result->failure ? 1 : returned;
}

/* The task may go on after it was told that it is given up; then nobody is told again. */
static void tell(epact_call *call, const epact_result *result, int returned)
{
	epact *e = call->e;
	call->told = true;
	e->idle = --e->pending == 0 || e->closing;
	if (e->st) epl_call_keep(&call->base);
	if (call == e->script) end_script(e, result, returned);
	if (call->on_done) call->on_done(call->arg, result);
}

/* A script's callback may be set after its start. */
static void find_callback(epact_call *call)
{
	if (call != call->e->script) return;
	call->on_done = call->e->on_end;
	call->arg = call->e->end_arg;
}

static void tell_outcome(epact_call *call)
{
	epact *e = call->e;
	outcome o = {.call = call};
	find_callback(call);
	read_result(e->st->L, &o);
	if (call == e->script && call->base.exit_status >= 0 && o.failure.code == EPACT_ECANCELLED)
		o.result.failure = NULL; /* os.exit is an end, not a failure */
	tell(call, &o.result, (int)o.returned);
	epl_arena_fini(&o.arena);
}

static void on_task_done(epl_call *base)
{
	epact_call *call = EP_CONTAINER(base, epact_call, base);
	if (!call->told) tell_outcome(call);
	ep_free(call);
}

void epl_host_call_end(epact_call *call, const epact_failure *failure)
{
	const epact_result result = {.failure = failure};
	if (call->told) return;
	find_callback(call);
	tell(call, &result, 0);
}

/* Callbacks may start others, which are behind the last, or close the instance, which moves the list. */
void epl_host_calls_end(ep_node *calls, const epact_failure *failure)
{
	ep_node *last = calls->prev;
	for (ep_node *n = calls->next; last != calls; n = n->next) {
		epl_host_call_end(EP_CONTAINER(n, epact_call, base.link), failure);
		if (n == last) return;
	}
}

void epl_host_calls_free(ep_node *calls)
{
	ep_node *n;
	while ((n = ep_list_shift(calls))) ep_free(EP_CONTAINER(n, epact_call, base.link));
}

static void on_give_up(epl_call *base)
{
	const epact_failure late = epl_failure_of(EPACT_ECANCELLED, "tasks were left when the time for clean-up was over");
	epl_host_call_end(EP_CONTAINER(base, epact_call, base), &late);
}

/* --- the start --- */

epact_call *epl_host_call_new(epact *e, const char *name, epact_done *on_done, void *arg)
{
	size_t len = strlen(name);
	epact_call *call = ep_calloc(1, sizeof *call + len + 1);
	if (!call) return NULL;
	memcpy(call->name, name, len);
	call->base.name = call->name;
	call->base.on_done = on_task_done;
	call->base.on_give_up = on_give_up;
	ep_node_init(&call->base.link);
	call->e = e;
	call->on_done = on_done;
	call->arg = arg;
	return call;
}

void epl_host_call_begin(epact_call *call, int nargs)
{
	epl_call_start(call->e->st, nargs, &call->base);
	call->e->pending++;
	call->e->idle = false;
}

/* Pushes the global of that path, read raw; false when there is none. */
static bool push_global(lua_State *L, const char *path)
{
	lua_pushglobaltable(L);
	for (size_t len; lua_istable(L, -1); path += len + 1) {
		len = strcspn(path, ".");
		lua_pushlstring(L, path, len);
		lua_rawget(L, -2);
		lua_remove(L, -2);
		if (path[len]) continue;
		if (!lua_isnil(L, -1)) return true;
		break;
	}
	lua_pop(L, 1);
	return false;
}

static int returned_k(lua_State *L, int status, lua_KContext ctx)
{
	(void)status, (void)ctx;
	return lua_gettop(L);
}

/* At 1 the name, then the arguments, on the top the function. */
static int call_found(lua_State *L)
{
	if (lua_isnil(L, -1)) return epl_raise_code(L, EP_ENOENT, "there is no function '%s' to call", lua_tostring(L, 1));
	lua_replace(L, 1);
	lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, returned_k);
	return returned_k(L, LUA_OK, 0);
}

static int required_k(lua_State *L, int status, lua_KContext ctx)
{
	const char *name = lua_tostring(L, 1);
	(void)status, (void)ctx;
	if (!lua_istable(L, -1)) return epl_raise_code(L, EP_ENOENT, "'%s': the module is no table", name);
	lua_getfield(L, -1, strrchr(name, '.') + 1);
	lua_remove(L, -2);
	return call_found(L);
}

/* The task's body: the name, then the arguments. */
static int call_named(lua_State *L)
{
	const char *name = lua_tostring(L, 1), *dot = strrchr(name, '.');
	luaL_checkstack(L, 6, NULL);
	if (push_global(L, name)) return call_found(L);
	lua_pushnil(L);
	if (!dot) return call_found(L);
	lua_pop(L, 1);
	lua_getglobal(L, "require");
	lua_pushlstring(L, name, (size_t)(dot - name));
	lua_callk(L, 1, 1, 0, required_k);
	return required_k(L, LUA_OK, 0);
}

typedef struct begin {
	epact_call *call;
	const epact_value *args;
	size_t nargs;
} begin;

static int begin_call(lua_State *L)
{
	const begin *b = lua_touserdata(L, 1);
	lua_pushcfunction(L, call_named);
	lua_pushstring(L, b->call->name);
	epl_values_push(L, b->args, b->nargs, "argument");
	epl_host_call_begin(b->call, (int)b->nargs + 1);
	return 0;
}

int epact_call_start(epact_call **out, epact *e, const char *function, const epact_value *args, size_t nargs,
	epact_done *on_done, void *arg)
{
	const epact_failure missing =
		epl_failure_of(EPACT_EINVAL, "the name of a function, or the array of its arguments, is NULL");
	if (!function || (nargs && !args)) return epl_host_failed(e, &missing);
	begin b = {.call = epl_host_call_new(e, function, on_done, arg), .args = args, .nargs = nargs};
	if (!b.call) return epl_host_failed(e, &epl_no_memory);
	int rc = epl_host_protected(e, begin_call, &b);
	if (rc) {
		ep_free(b.call);
		return rc;
	}
	if (out) *out = b.call;
	return 0;
}

void epact_call_cancel(epact_call *call)
{
	if (!call->told && !call->e->closing) epl_call_cancel(&call->base, "the call was cancelled");
}
