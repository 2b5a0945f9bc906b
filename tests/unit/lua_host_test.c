/* SPDX-License-Identifier: Apache-2.0 */
/* epact_lua.h: C modules of a host whose functions wait. */
#include <epact_lua.h>
#include <lauxlib.h>
#include <stdatomic.h>

#include "test.h"

static atomic_int threads_left;
static atomic_bool slow;

static void answer(void *arg)
{
	const epact_value values[] = {epact_text("answer"), epact_integer(42)};
	uv_sleep(atomic_load(&slow) ? 500 : 2);
	epact_reply_finish(arg, values, 2);
	atomic_fetch_sub(&threads_left, 1);
}

static int ask(lua_State *L)
{
	uv_thread_t thread;
	atomic_store(&slow, !strcmp(luaL_checkstring(L, 1), "slow"));
	epact_reply *reply = epact_lua_reply(L, "deep.ask");
	atomic_fetch_add(&threads_left, 1);
	CHECK_INT_EQ(uv_thread_create(&thread, answer, reply), 0);
	pthread_detach(thread);
	return epact_lua_await(L, reply);
}

static int at_once(lua_State *L)
{
	epact_reply *reply = epact_lua_reply(L, "deep.at_once");
	const epact_failure failure = {.size = sizeof failure, .code = EPACT_EBUSY, .message = "not now"};
	epact_reply_fail(reply, &failure);
	return epact_lua_await(L, reply);
}

static int pushed(lua_State *L)
{
	const epact_value items[] = {epact_integer(1), epact_text("x")}, list = epact_list(items, 2);
	epact_lua_push(L, &list);
	return 1;
}

static int open_deep(lua_State *L)
{
	static const luaL_Reg functions[] = {{"ask", ask}, {"at_once", at_once}, {"pushed", pushed}, {NULL, NULL}};
	luaL_newlib(L, functions);
	return 1;
}

static int set_global(lua_State *L)
{
	lua_pushinteger(L, 7);
	lua_setglobal(L, "seven");
	return 0;
}

TEST(functions_of_a_c_module_wait)
{
	static const char text[] =
		"local deep, task = require 'deep', require 'epact.task'\n"
		"assert(seven == 7)\n"
		"task.scope(function(s) for i = 1, 20 do s:spawn(function()\n"
		"	local a, n = deep.ask('why')\n"
		"	assert(a == 'answer' and n == 42)\n"
		"end) end end)\n"
		"local ok, err = pcall(deep.at_once)\n"
		"assert(not ok and err.code == 'busy' and err.operation == 'deep.at_once')\n"
		"assert(deep.pushed()[2] == 'x')\n"
		"local ok, err = pcall(tostring, setmetatable({}, { __tostring = function() return deep.ask '' end }))\n"
		"assert(not ok and tostring(err):find 'cannot wait here, inside tostring', err)\n"
		"local ok, err = pcall(task.timeout, 0.0001, deep.ask, 'slow')\n"
		"assert(not ok and err.code == 'timeout', err)\n";
	epact *e;
	CHECK_INT_EQ(epact_open(&e, NULL), 0);
	CHECK_INT_EQ(epact_lua_module(e, "deep", open_deep), 0);
	CHECK_INT_EQ(epact_lua_module(e, "deep", open_deep), EPACT_EEXIST);
	lua_State *L = epact_lua_state(e);
	lua_pushcfunction(L, set_global);
	CHECK_INT_EQ(lua_pcall(L, 0, 0, 0), LUA_OK);
	lua_pushcfunction(L, ask);
	lua_pushliteral(L, "why");
	CHECK_INT_EQ(lua_pcall(L, 1, 0, 0), LUA_ERRRUN);
	CHECK(strstr(lua_tostring(L, -1), "no task is running") != NULL);
	lua_pop(L, 1);
	CHECK_INT_EQ(epact_start_text(e, text, strlen(text), "=test", 0, NULL), 0);
	if (epact_run(e)) TEST_FAIL("%s", epact_error(e));
	epact_close(e, NULL, NULL);
	while (atomic_load(&threads_left)) uv_sleep(1);
	uv_sleep(10);
}
