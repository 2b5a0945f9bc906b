/* SPDX-License-Identifier: Apache-2.0 */
/* What the host gives to run: scripts and modules. */
#include <string.h>

#include "bindings/host.h"
#include "runtime/base/mem.h"

/* --- the script --- */

typedef struct start {
	epact_call *call;
	const char *path, *text, *name, *module;
	size_t size;
	int argc;
	const char *const *argv;
} start;

/* Lua's own words do not say what it tried to load. */
static int raise_syntax(lua_State *L, const start *s)
{
	const char *name = s->path ? s->path : s->name ? s->name : "the script";
	if (!strncmp(lua_tostring(L, -1), "attempt to load a binary", 24))
		lua_pushfstring(L, "%s: it is precompiled Lua, and only text is run", name + (*name == '='));
	return lua_error(L);
}

static void load(lua_State *L, const start *s)
{
	int rc = LUA_OK;
	if (s->module) {
		lua_getglobal(L, "require");
		lua_pushstring(L, s->module);
		lua_call(L, 1, 1);
	} else if (s->text) {
		rc = luaL_loadbufferx(L, s->text, s->size, s->name, "t");
	} else {
		rc = luaL_loadfilex(L, strcmp(s->path, "-") != 0 ? s->path : NULL, "t");
	}
	if (rc == LUA_ERRFILE) epl_raise_code(L, EP_EIO, "%s", lua_tostring(L, -1));
	if (rc) raise_syntax(L, s);
}

static void set_arg(lua_State *L, const start *s)
{
	lua_createtable(L, s->argc, 1);
	lua_pushstring(L, s->path ? s->path : s->name);
	lua_rawseti(L, -2, 0);
	for (int i = 0; i < s->argc; i++) {
		lua_pushstring(L, s->argv[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setglobal(L, "arg");
}

static int begin_script(lua_State *L)
{
	const start *s = lua_touserdata(L, 1);
	lua_settop(L, 0);
	load(L, s);
	if (!s->module) set_arg(L, s);
	luaL_checkstack(L, s->argc + 4, "too many arguments");
	for (int i = 0; i < s->argc; i++) lua_pushstring(L, s->argv[i]);
	epl_host_call_begin(s->call, s->argc);
	return 0;
}

static int start_with(epact *e, start *s)
{
	const epact_failure busy = epl_failure_of(EPACT_EBUSY, "a script is running: one runs at a time");
	const epact_failure missing = epl_failure_of(EPACT_EINVAL, "the script, or the array of its arguments, is NULL");
	if (!(s->path || s->text || s->module) || s->argc < 0 || (s->argc && !s->argv)) return epl_host_failed(e, &missing);
	if (e->script) return epl_host_failed(e, &busy);
	s->call = epl_host_call_new(e, "main", NULL, NULL);
	if (!s->call) return epl_host_failed(e, &epl_no_memory);
	int rc = epl_host_protected(e, begin_script, s);
	e->exit_status = rc ? 1 : 0;
	if (rc)
		ep_free(s->call);
	else
		e->script = s->call;
	return rc;
}

int epact_start_file(epact *e, const char *path, int argc, const char *const *argv)
{
	return start_with(e, &(start){.path = path, .argc = argc, .argv = argv});
}

int epact_start_text(epact *e, const char *text, size_t size, const char *name, int argc, const char *const *argv)
{
	return start_with(e, &(start){.text = text, .size = size, .name = name, .argc = argc, .argv = argv});
}

int epact_start_module(epact *e, const char *module, int argc, const char *const *argv)
{
	return start_with(e, &(start){.module = module, .argc = argc, .argv = argv});
}

void epact_on_end(epact *e, epact_done *on_end, void *arg)
{
	e->on_end = on_end;
	e->end_arg = arg;
}

/* --- modules --- */

typedef struct module {
	const char *name, *text;
	size_t size;
} module;

void epl_check_free_module(lua_State *L, const char *name)
{
	lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	bool taken = lua_getfield(L, -2, name) != LUA_TNIL || lua_getfield(L, -2, name) != LUA_TNIL;
	if (taken || !strncmp(name, "epact.", 6)) epl_raise_code(L, EP_EEXIST, "there is a module '%s' already", name);
	lua_pop(L, 4);
}

static int add_module(lua_State *L)
{
	const module *m = lua_touserdata(L, 1);
	epl_check_free_module(L, m->name);
	lua_pushfstring(L, "=%s", m->name);
	if (luaL_loadbufferx(L, m->text, m->size, lua_tostring(L, -1), "t")) return lua_error(L);
	lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	lua_insert(L, -2);
	lua_setfield(L, -2, m->name);
	return 0;
}

int epact_module(epact *e, const char *name, const char *text, size_t size)
{
	const epact_failure missing = epl_failure_of(EPACT_EINVAL, "the name or the text of a module is NULL");
	if (!name || !text) return epl_host_failed(e, &missing);
	return epl_host_protected(e, add_module, &(module){name, text, size});
}
