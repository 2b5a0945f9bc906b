/* SPDX-License-Identifier: Apache-2.0 */
/* git: what is asked before, or without, a run of it. Face: lua/epact/git/; engine: runtime/git/. */
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bindings/git.h"
#include "runtime/base/mem.h"
#include "runtime/git/config.h"
#include "runtime/git/repository.h"

/* check_ref(what, name): raises unless it is the name of a branch or tag */
static int git_check_ref(lua_State *L)
{
	size_t len;
	ep_err err = {0};
	const char *what = luaL_checkstring(L, 1), *name = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &len) : NULL;
	if (!name) return luaL_error(L, "%s must be a string, got %s", what, luaL_typename(L, 2));
	if (ep_git_ref_check(name, len, &err)) {
		ep_err said = {0};
		ep_err_set(&said, err.code, "%s '%s': %s", what, name, ep_err_message(&err));
		ep_err_fini(&err);
		return epl_raise(L, &said);
	}
	return 0;
}

/* check_url(url, protocols or nil, allow_http): raises unless a remote may have it */
static int git_check_url(lua_State *L)
{
	size_t len;
	ep_err err = {0};
	const char *url = epl_check_text(L, 1, &len), *protocols = luaL_optstring(L, 2, NULL);
	if (ep_git_remote_check(url, protocols, lua_toboolean(L, 3), &err)) return epl_raise(L, &err);
	return 0;
}

/* covers(scope or nil, url): whether a credential for scope may go to the URL */
static int git_covers(lua_State *L)
{
	size_t len;
	lua_pushboolean(L, ep_git_url_covers(luaL_optstring(L, 1, NULL), epl_check_text(L, 2, &len)));
	return 1;
}

/* check_credential(value, what): raises unless it can be one of the option 'credential' */
static int git_check_credential(lua_State *L)
{
	ep_secret_release(epl_option_secret(L, 1, "credential", luaL_checkstring(L, 2)));
	return 0;
}

/* git_directory(folder) -> the git directory of the repository whose top it is; nil: there is none */
static int git_directory(lua_State *L)
{
	size_t len;
	ep_git_repository r = {0};
	int rc = ep_git_repository_read(&r, epl_check_text(L, 1, &len), NULL, true, "", NULL);
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s", rc ? "" : r.git_dir);
	ep_git_repository_fini(&r);
	if (rc == EP_ENOMEM) return epl_raise_code(L, rc, "not enough memory for git");
	if (rc) return 0;
	lua_pushstring(L, path);
	return 1;
}

/* first_active(git_dir) -> a setting of it that could do something by itself, in a repository within another one; or nil */
static int git_first_active(lua_State *L)
{
	size_t len;
	char *key, setting[256];
	if (ep_git_config_find_active(&key, epl_check_text(L, 1, &len)))
		return epl_raise_code(L, EP_ENOMEM, "not enough memory for git");
	if (!key) return 0;
	snprintf(setting, sizeof setting, "%s", key);
	ep_free(key);
	lua_pushstring(L, setting);
	return 1;
}

/* terminal_width() -> the columns of the terminal that the standard error is; nil when it is none */
static int git_terminal_width(lua_State *L)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size)) return 0;
	lua_pushinteger(L, size.ws_col ? size.ws_col : 80);
	return 1;
}

/* machine() -> the number of processors, the bytes of memory that we may have */
static int git_machine(lua_State *L)
{
	uint64_t total = uv_get_total_memory(), ours = uv_get_constrained_memory();
	lua_pushinteger(L, uv_available_parallelism());
	lua_pushinteger(L, (lua_Integer)(ours && ours < total ? ours : total));
	return 2;
}

static const luaL_Reg functions[] = {{"check_ref", git_check_ref}, {"check_url", git_check_url}, {"covers", git_covers},
	{"check_credential", git_check_credential}, {"git_directory", git_directory}, {"first_active", git_first_active},
	{"terminal_width", git_terminal_width}, {"machine", git_machine}, {NULL, NULL}};

void epl_git_add_checks(lua_State *L) { luaL_setfuncs(L, functions, 0); }
