/* SPDX-License-Identifier: Apache-2.0 */
/* epact.secret: a string that prints masked. Face: lua/epact/secret.lua; engine: runtime/base/secret. */
#include "bindings/epl.h"

#define TYPE "epact.secret"

typedef struct secret_object {
	ep_secret *secret; /* NULL: not filled yet */
} secret_object;

static int push_object(lua_State *L)
{
	secret_object *o = epl_new(L, sizeof *o, TYPE);
	o->secret = lua_touserdata(L, 1);
	return 1;
}

void epl_push_secret(lua_State *L, ep_secret *secret)
{
	lua_pushcfunction(L, push_object);
	lua_pushlightuserdata(L, secret);
	if (!lua_pcall(L, 1, 1, 0)) return;
	ep_secret_release(secret);
	lua_error(L);
}

static ep_secret *new_secret(lua_State *L, const char *bytes, size_t len)
{
	ep_secret *s = ep_secret_new(epl_secrets(L), bytes, len);
	if (!s) luaL_error(L, "not enough memory");
	return s;
}

static ep_secret *retained(lua_State *L, int arg)
{
	secret_object *o = luaL_testudata(L, arg, TYPE);
	if (o && o->secret) return ep_secret_retain(o->secret);
	size_t len;
	const char *text = lua_type(L, arg) == LUA_TSTRING ? lua_tolstring(L, arg, &len) : NULL;
	return text ? new_secret(L, text, len) : NULL;
}

/* NULL: the value is none. */
static ep_secret *secret_at(lua_State *L, int index)
{
	index = lua_absindex(L, index);
	ep_secret *s = retained(L, index);
	if (s || !lua_istable(L, index)) return s;
	lua_getfield(L, index, "secret");
	s = retained(L, -1);
	lua_pop(L, 1);
	return s;
}

ep_secret *epl_check_secret(lua_State *L, int arg)
{
	ep_secret *s = secret_at(L, arg);
	if (!s) luaL_error(L, "a credential must be a string, a secret or a token, got %s", luaL_typename(L, arg));
	return s;
}

ep_secret *epl_option_secret(lua_State *L, int index, const char *option, const char *what)
{
	ep_secret *s = secret_at(L, index);
	if (!s)
		luaL_error(
			L, "%s: option '%s' must be a string, a secret or a token, got %s", what, option, luaL_typename(L, index));
	return s;
}

static int secret_new(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	secret_object *o = epl_new(L, sizeof *o, TYPE);
	o->secret = new_secret(L, text, len);
	return 1;
}

static int secret_reveal(lua_State *L)
{
	secret_object *o = epl_check(L, 1, TYPE);
	size_t len;
	const char *text = ep_secret_reveal(o->secret, &len);
	lua_pushlstring(L, text, len);
	return 1;
}

static int secret_tostring(lua_State *L)
{
	secret_object *o = epl_check(L, 1, TYPE);
	lua_pushstring(L, o->secret ? ep_secret_masked(o->secret) : "****");
	return 1;
}

static int secret_gc(lua_State *L)
{
	secret_object *o = epl_check(L, 1, TYPE);
	ep_secret_release(o->secret);
	o->secret = NULL;
	return 0;
}

static const luaL_Reg methods[] = {{"reveal", secret_reveal}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__tostring", secret_tostring}, {"__gc", secret_gc}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"new", secret_new}, {NULL, NULL}};

int epl_open_secret(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	luaL_newlib(L, functions);
	return 1;
}
