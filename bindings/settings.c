/* SPDX-License-Identifier: Apache-2.0 */
/* What a host sets in place of the process's environment. Face: lua/epact/relace/settings.lua, os.getenv. */
#include <string.h>
#include <unistd.h>

#include "bindings/state.h"
#include "runtime/base/mem.h"

char **epl_copy_environment(const char *const *variables)
{
	size_t count = 0, size = 0;
	for (; variables[count]; count++) size += strlen(variables[count]) + 1;
	char **copy = ep_alloc((count + 1) * sizeof *copy + size);
	if (!copy) return NULL;
	char *text = (char *)(copy + count + 1);
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(variables[i]) + 1;
		memcpy(text, variables[i], len);
		copy[i] = text;
		text += len;
	}
	copy[count] = NULL;
	return copy;
}

void epl_free_environment(char **variables) { ep_free(variables); }

const char *const *epl_environment(lua_State *L)
{
	const epl_state *st = epl_state_of(L);
	return (const char *const *)(st->environment ? st->environment : environ);
}

int epl_os_getenv(lua_State *L)
{
	size_t len;
	const char *name = luaL_checklstring(L, 1, &len);
	for (const char *const *v = epl_environment(L); v && *v; v++) {
		if (strncmp(*v, name, len) != 0 || (*v)[len] != '=') continue;
		lua_pushstring(L, *v + len + 1);
		return 1;
	}
	lua_pushnil(L); /* a value, as os.getenv has always returned one */
	return 1;
}

/* The module is a table: base_url, api_key, nil when the host did not say. */
int epl_open_settings(lua_State *L)
{
	const epl_state *st = epl_state_of(L);
	lua_createtable(L, 0, 2);
	lua_pushstring(L, st->base_url);
	lua_setfield(L, -2, "base_url");
	if (!st->api_key) return 1;
	epl_push_secret(L, ep_secret_retain(st->api_key));
	lua_setfield(L, -2, "api_key");
	return 1;
}
