/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bindings/argv.h"
#include "bindings/git.h"

enum { DEFAULT_DEPTH = 1 };
#define NO_DEPTH LUA_MININTEGER

/* What both have: how git reaches the other side, and when it ends. */
typedef struct run_options {
	int credential; /* stack index, 0: not given */
	epl_text ca_file;
	bool allow_http;
	uint64_t timeout, stall, grace;
} run_options;

#define RUN_OPTION(kind, type, name)                                                                                   \
	{                                                                                                                  \
#name, kind, offsetof(type, run.name), 0                                                                       \
	}
#define RUN_OPTIONS(type)                                                                                              \
	RUN_OPTION(EPL_VALUE, type, credential), RUN_OPTION(EPL_TEXT, type, ca_file),                                      \
		RUN_OPTION(EPL_BOOL, type, allow_http), RUN_OPTION(EPL_SECONDS, type, timeout),                                \
		RUN_OPTION(EPL_SECONDS, type, stall), RUN_OPTION(EPL_SECONDS, type, grace)

typedef struct clone_options {
	run_options run;
	epl_text url, directory, branch, filter, reference;
	int single_branch, sparse; /* stack index, 0: not given */
	int of_face;               /* what lua/epact/git.lua has read */
	lua_Integer depth, max_bytes, max_files;
	bool full, quiet;
} clone_options;

static const epl_option clone_spec[] = {{"url", EPL_TEXT, offsetof(clone_options, url), EPL_REQUIRED},
	{"directory", EPL_TEXT, offsetof(clone_options, directory), EPL_REQUIRED},
	{"branch", EPL_TEXT, offsetof(clone_options, branch), 0}, {"depth", EPL_INT, offsetof(clone_options, depth), 0},
	{"full", EPL_BOOL, offsetof(clone_options, full), 0},
	{"single_branch", EPL_VALUE, offsetof(clone_options, single_branch), 0},
	{"filter", EPL_TEXT, offsetof(clone_options, filter), 0}, {"sparse", EPL_TABLE, offsetof(clone_options, sparse), 0},
	{"reference", EPL_TEXT, offsetof(clone_options, reference), 0},
	{"max_bytes", EPL_INT, offsetof(clone_options, max_bytes), 0},
	{"max_files", EPL_INT, offsetof(clone_options, max_files), 0},
	{"quiet", EPL_BOOL, offsetof(clone_options, quiet), 0}, RUN_OPTIONS(clone_options),
	{"progress", EPL_VALUE, offsetof(clone_options, of_face), 0},
	{"mirror", EPL_VALUE, offsetof(clone_options, of_face), 0},
	{"recurse_submodules", EPL_VALUE, offsetof(clone_options, of_face), 0}, {0}};

static void check_values(lua_State *L, const clone_options *r)
{
	if (r->depth > INT32_MAX || (r->depth < 0 && r->depth != NO_DEPTH))
		luaL_error(L, "git.clone: option 'depth' must be 0 (all) or more");
	if (r->full && r->depth > 0) luaL_error(L, "git.clone: option 'full' takes all commits; leave out 'depth'");
	if (r->single_branch && !lua_isboolean(L, r->single_branch))
		luaL_error(L, "git.clone: option 'single_branch' must be a boolean");
	if (r->max_bytes < 0 || r->max_files < 0)
		luaL_error(L, "git.clone: options 'max_bytes' and 'max_files' must be 0 (any number) or more");
}

/* How long the list is; what has other keys is none. */
static lua_Unsigned check_list(lua_State *L, int index)
{
	lua_Unsigned count = lua_rawlen(L, index), keys = 0;
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) keys++;
	if (keys != count) luaL_error(L, "git.clone: option 'sparse' must be a list of folders");
	return count;
}

/* The list as C texts, in a userdata that is pushed; NULL when there is none. */
static const char *const *read_sparse(lua_State *L, int index)
{
	if (!index) return NULL;
	lua_Unsigned count = check_list(L, index);
	const char **folders = lua_newuserdatauv(L, (count + 1) * sizeof *folders, 0);
	for (lua_Unsigned i = 0; i < count; i++) {
		size_t len;
		if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TSTRING)
			luaL_error(L, "git.clone: option 'sparse' must be a list of folders");
		folders[i] = lua_tolstring(L, -1, &len); /* the table keeps it */
		if (strlen(folders[i]) != len) luaL_error(L, "git.clone: option 'sparse' has a folder with a NUL byte");
		lua_pop(L, 1);
	}
	folders[count] = NULL;
	return folders;
}

void epl_git_read_clone(lua_State *L, ep_git_clone_options *o, epl_git_given *given)
{
	clone_options r = {.depth = NO_DEPTH};
	epl_read_options(L, 1, clone_spec, &r, "git.clone");
	check_values(L, &r);
	o->url = r.url.data;
	o->directory = r.directory.data;
	o->branch = r.branch.data;
	o->filter = r.filter.data;
	o->ca_file = r.run.ca_file.data;
	o->reference = r.reference.data;
	o->sparse = read_sparse(L, r.sparse);
	o->caps = (ep_git_caps){.files = (uint64_t)r.max_files, .bytes = (uint64_t)r.max_bytes};
	o->depth = r.full ? 0 : r.depth == NO_DEPTH ? DEFAULT_DEPTH : (unsigned)r.depth;
	if (r.single_branch) o->single_branch = lua_toboolean(L, r.single_branch) ? EP_GIT_YES : EP_GIT_NO;
	o->allow_http = r.run.allow_http;
	o->stall = r.run.stall;
	o->grace = r.run.grace;
	o->secrets = epl_secrets(L);
	*given = (epl_git_given){.credential = r.run.credential, .timeout = r.run.timeout};
}

typedef struct command_options {
	run_options run;
	epl_text directory, git_dir, protocols, input, remote, scope;
	int argv, config, env; /* stack index, 0: not given */
	bool trust, may_enter, push, held;
	lua_Integer max_output, max_file, accepted, fence;
} command_options;

static const epl_option command_spec[] = {{"argv", EPL_TABLE, offsetof(command_options, argv), EPL_REQUIRED},
	{"directory", EPL_TEXT, offsetof(command_options, directory), 0},
	{"git_dir", EPL_TEXT, offsetof(command_options, git_dir), 0},
	{"held", EPL_BOOL, offsetof(command_options, held), 0}, {"fence", EPL_INT, offsetof(command_options, fence), 0},
	{"trust", EPL_BOOL, offsetof(command_options, trust), 0},
	{"may_enter", EPL_BOOL, offsetof(command_options, may_enter), 0},
	{"config", EPL_TABLE, offsetof(command_options, config), 0}, {"env", EPL_TABLE, offsetof(command_options, env), 0},
	{"protocols", EPL_TEXT, offsetof(command_options, protocols), 0},
	{"input", EPL_BYTES, offsetof(command_options, input), 0},
	{"max_output", EPL_INT, offsetof(command_options, max_output), 0},
	{"max_file", EPL_INT, offsetof(command_options, max_file), 0},
	{"accepted", EPL_INT, offsetof(command_options, accepted), 0},
	{"remote", EPL_TEXT, offsetof(command_options, remote), 0}, {"push", EPL_BOOL, offsetof(command_options, push), 0},
	{"scope", EPL_TEXT, offsetof(command_options, scope), 0}, RUN_OPTIONS(command_options), {0}};

void epl_git_read_command(lua_State *L, ep_git_command_options *o, epl_git_given *given)
{
	command_options r = {0};
	epl_read_options(L, 1, command_spec, &r, "git");
	luaL_argcheck(L, r.max_output >= 0 && r.max_file >= 0, 1, "options 'max_output' and 'max_file' must be 0 or more");
	o->argv = epl_check_argv(L, r.argv);
	if (r.config && lua_rawlen(L, r.config)) o->config = epl_check_argv(L, r.config);
	if (r.env && lua_rawlen(L, r.env)) o->env = epl_check_argv(L, r.env);
	o->directory = r.directory.data;
	o->git_dir = r.git_dir.data;
	o->protocols = r.protocols.data;
	o->in_bytes = r.input.data;
	o->in_len = r.input.len;
	o->remote = r.remote.data;
	o->scope = r.scope.data;
	o->ca_file = r.run.ca_file.data;
	o->held = r.held;
	o->fence = (int)r.fence;
	o->trust = r.trust;
	o->may_enter = r.may_enter;
	o->push = r.push;
	o->allow_http = r.run.allow_http;
	o->max_output = (size_t)r.max_output;
	o->file_max = (uint64_t)r.max_file;
	o->accepted = (uint64_t)r.accepted;
	o->stall = r.run.stall;
	o->grace = r.run.grace;
	o->secrets = epl_secrets(L);
	*given = (epl_git_given){.credential = r.run.credential, .timeout = r.run.timeout};
}
