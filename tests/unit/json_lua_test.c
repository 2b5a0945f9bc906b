/* SPDX-License-Identifier: Apache-2.0 */
/* What the bindings rely on: epl_json_decode and epl_json_encode return their errors, whatever memory does. */
#include <lauxlib.h>
#include <lua.h>

#include "bindings/json.h"
#include "runtime/base/mem.h"
#include "test.h"

static const char text[] =
	"{\"a\":[1,2.5,\"\\u0000\\n\",[],null,true],\"b\":{\"c\":\"a string that is too long to be shared\"}}";

/* An allocator whose nth request to grow fails, and all after it. */
typedef struct budget {
	long left; /* negative: no limit */
} budget;

static void *allocate(void *ud, void *p, size_t old, size_t size)
{
	budget *b = ud;
	if (size == 0) {
		free(p);
		return NULL;
	}
	if ((!p || size > old) && b->left >= 0 && b->left-- == 0) {
		b->left = 0;
		return NULL;
	}
	return realloc(p, size);
}

static int decode(lua_State *L, ep_err *err) { return epl_json_decode(L, text, sizeof text - 1, NULL, err); }

TEST(decode_returns_the_want_of_lua_memory)
{
	int failures = 0;
	for (long nth = 0;; nth++) {
		budget b = {-1};
		ep_err err = {0};
		lua_State *L = lua_newstate(allocate, &b);
		b.left = nth;
		int rc = decode(L, &err);
		b.left = -1;
		CHECK_INT_EQ(lua_gettop(L), rc ? 0 : 1);
		CHECK_INT_EQ(rc, err.code);
		ep_err_fini(&err);
		lua_close(L);
		if (!rc) break;
		CHECK_INT_EQ(rc, EP_ENOMEM);
		failures++;
	}
	CHECK(failures > 10);
}

TEST(both_return_the_want_of_other_memory)
{
	for (long nth = 1, failed = 1; failed; nth++) {
		lua_State *L = luaL_newstate();
		ep_buf out = {0};
		ep_err err = {0};
		failed = 0;
		ep_mem_fail_after(nth);
		int rc = decode(L, &err);
		ep_mem_fail_after(0);
		if (rc) {
			failed = 1;
			CHECK_INT_EQ(rc, EP_ENOMEM);
			ep_err_fini(&err);
			CHECK_INT_EQ(decode(L, &err), 0);
		}
		ep_mem_fail_after(nth);
		rc = epl_json_encode_styled(L, -1, &(epl_json_style){.sort = true, .pretty = true}, &out, &err);
		ep_mem_fail_after(0);
		if (rc) {
			failed = 1;
			CHECK_INT_EQ(rc, EP_ENOMEM);
		}
		CHECK_INT_EQ(lua_gettop(L), 1);
		ep_err_fini(&err);
		ep_buf_fini(&out);
		lua_close(L);
	}
}

TEST(encode_asks_lua_for_no_memory)
{
	budget b = {-1};
	ep_err err = {0};
	ep_buf out = {0};
	lua_State *L = lua_newstate(allocate, &b);
	CHECK_INT_EQ(decode(L, &err), 0);
	CHECK_INT_EQ(epl_json_encode(L, 1, &out, &err), 0); /* the stack has its size now */
	size_t len = out.len;
	b.left = 0;
	CHECK_INT_EQ(epl_json_encode(L, -1, &out, &err), 0);
	CHECK_INT_EQ(out.len, 2 * len);
	CHECK_MEM_EQ(out.data, out.data + len, len);
	b.left = -1;
	ep_buf_fini(&out);
	lua_close(L);
}

TEST(a_full_buffer_is_an_error)
{
	ep_buf out = {.limit = 30};
	ep_err err = {0};
	lua_State *L = luaL_newstate();
	CHECK_INT_EQ(decode(L, &err), 0);
	CHECK_INT_EQ(epl_json_encode(L, -1, &out, &err), EP_ETOOLARGE);
	CHECK_STR_EQ(ep_err_message(&err), "the JSON text is too large");
	CHECK_INT_EQ(lua_gettop(L), 1);
	ep_err_fini(&err);
	ep_buf_fini(&out);
	lua_close(L);
}

TEST(an_error_pushes_nothing)
{
	ep_err err = {0};
	ep_buf out = {0};
	lua_State *L = luaL_newstate();
	CHECK_INT_EQ(epl_json_decode(L, "[1,", 3, NULL, &err), EP_EJSON);
	CHECK_INT_EQ(lua_gettop(L), 0);
	ep_err_fini(&err);
	lua_pushlightuserdata(L, &err);
	CHECK_INT_EQ(epl_json_encode(L, 1, &out, &err), EP_EJSON);
	CHECK_STR_EQ(ep_err_message(&err), "value: a userdata cannot be JSON");
	CHECK_INT_EQ(ep_buf_failed(&out), EP_EJSON);
	CHECK_INT_EQ(lua_gettop(L), 1);
	ep_err_fini(&err);
	ep_buf_fini(&out);
	lua_close(L);
}
