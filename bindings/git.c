/* SPDX-License-Identifier: Apache-2.0 */
/* git. Face: lua/epact/git.lua; engine: runtime/git/. */
#include <string.h>

#include "bindings/argv.h"
#include "bindings/epl.h"
#include "runtime/git/clone.h"
#include "runtime/git/env.h"

#define TYPE "epact.git.clone"

typedef struct handle {
	ep_git_clone *clone; /* NULL: closed */
	ep_node waiters;     /* ep_signal: who waits for progress */
	ep_git_progress now[EP_GIT_PHASES];
	bool fresh[EP_GIT_PHASES]; /* not taken yet: of each phase the latest, so that the end of none is lost */
	bool ended;
} handle;

/* --- readers --- */

enum { DEFAULT_DEPTH = 1 };
#define NO_DEPTH LUA_MININTEGER

typedef struct clone_options {
	epl_text url, directory, branch, filter, reference, ca_file;
	int credential, single_branch, sparse; /* stack index, 0: not given */
	lua_Integer depth, max_bytes, max_files;
	bool full, quiet, allow_http;
	uint64_t timeout, stall, grace;
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
	{"quiet", EPL_BOOL, offsetof(clone_options, quiet), 0},
	{"credential", EPL_VALUE, offsetof(clone_options, credential), 0},
	{"ca_file", EPL_TEXT, offsetof(clone_options, ca_file), 0},
	{"allow_http", EPL_BOOL, offsetof(clone_options, allow_http), 0},
	{"timeout", EPL_SECONDS, offsetof(clone_options, timeout), 0},
	{"stall", EPL_SECONDS, offsetof(clone_options, stall), 0},
	{"grace", EPL_SECONDS, offsetof(clone_options, grace), 0}, {0}};

static void on_progress(void *arg, const ep_git_progress *now)
{
	handle *h = arg;
	if (now) {
		h->now[now->phase] = *now;
		h->fresh[now->phase] = true;
	}
	h->ended = now == NULL;
	ep_signal_all(&h->waiters, 0);
}

static void check_values(lua_State *L, const clone_options *r)
{
	if (r->depth > INT32_MAX || (r->depth < 0 && r->depth != NO_DEPTH))
		luaL_error(L, "git.clone: option 'depth' must be 0 (all) or more");
	if (r->full && r->depth > 0) luaL_error(L, "git.clone: option 'full' takes all commits; leave out 'depth'");
	if (r->single_branch && !lua_isboolean(L, r->single_branch))
		luaL_error(L, "git.clone: option 'single_branch' must be a boolean");
	if (r->max_bytes < 0 || r->max_files < 0)
		luaL_error(L, "git.clone: options 'max_bytes' and 'max_files' must be 0 (any number) or more");
	int type = r->credential ? lua_type(L, r->credential) : LUA_TSTRING;
	if (type != LUA_TSTRING && type != LUA_TTABLE && type != LUA_TUSERDATA)
		luaL_error(L, "git.clone: option 'credential' must be a string, a secret or a token");
}

/* The list as C texts, in a userdata that is pushed; NULL when there is none. */
static const char *const *read_sparse(lua_State *L, int index)
{
	if (!index) return NULL;
	lua_Unsigned count = lua_rawlen(L, index);
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

static void read_clone(lua_State *L, clone_options *r, ep_git_clone_options *o)
{
	epl_read_options(L, 1, clone_spec, r, "git.clone");
	check_values(L, r);
	o->url = r->url.data;
	o->directory = r->directory.data;
	o->branch = r->branch.data;
	o->filter = r->filter.data;
	o->ca_file = r->ca_file.data;
	o->reference = r->reference.data;
	o->sparse = read_sparse(L, r->sparse);
	o->caps = (ep_git_caps){.files = (uint64_t)r->max_files, .bytes = (uint64_t)r->max_bytes};
	o->depth = r->full ? 0 : r->depth == NO_DEPTH ? DEFAULT_DEPTH : (unsigned)r->depth;
	if (r->single_branch) o->single_branch = lua_toboolean(L, r->single_branch) ? EP_GIT_YES : EP_GIT_NO;
	o->allow_http = r->allow_http;
	o->stall = r->stall;
	o->grace = r->grace;
	o->secrets = epl_secrets(L);
}

/* --- module --- */

/* clone(options, with_progress) -> handle */
static int git_clone(lua_State *L)
{
	clone_options r = {.depth = NO_DEPTH, .quiet = true};
	ep_git_clone_options o = {0};
	ep_err err = {0};
	lua_settop(L, 2);
	handle *h = epl_new(L, sizeof *h, TYPE);
	ep_node_init(&h->waiters);
	read_clone(L, &r, &o);
	o.on_progress = lua_toboolean(L, 2) ? on_progress : NULL;
	o.arg = h;
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	if (r.credential) o.credential = epl_check_secret(L, r.credential);
	int rc = ep_git_clone_start(&h->clone, procs, &o, &err);
	ep_secret_release(o.credential);
	if (rc) return epl_raise(L, &err);
	if (r.timeout && ep_op_deadline(&h->clone->op, r.timeout))
		return epl_raise_code(L, EP_ENOMEM, "not enough memory for a clone"); /* the collected handle ends it */
	lua_pushvalue(L, 3);
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

/* environment() -> table: the variables of a git that we run */
static int git_environment(lua_State *L)
{
	ep_git_env env = {0};
	ep_err err = {0};
	lua_createtable(L, 0, EP_GIT_ENV_MAX);
	luaL_checkstack(L, 4, NULL);
	ep_git_env_start(&env, NULL);
	if (ep_git_env_end(&env, &err)) {
		ep_git_env_fini(&env);
		return epl_raise(L, &err);
	}
	for (size_t i = 0; i < env.count; i++) {
		size_t name = strcspn(env.vars[i], "=");
		lua_pushlstring(L, env.vars[i], name);
		lua_pushstring(L, env.vars[i] + name + 1);
		lua_rawset(L, -3);
	}
	ep_git_env_fini(&env);
	return 1;
}

/* --- results --- */

static int push_clone(lua_State *L, ep_op *op)
{
	const ep_git_clone *c = (const ep_git_clone *)op;
	lua_createtable(L, 0, 3);
	lua_pushstring(L, c->place.path);
	lua_setfield(L, -2, "directory");
	if (*c->head) {
		lua_pushstring(L, c->head);
		lua_setfield(L, -2, "head");
	}
	lua_pushstring(L, c->branch);
	lua_setfield(L, -2, "branch");
	return 1;
}

static int next_phase(const handle *h)
{
	int phase = 0;
	while (phase < EP_GIT_PHASES && !h->fresh[phase]) phase++;
	return phase;
}

static int push_progress(lua_State *L, ep_op *op)
{
	handle *h = lua_touserdata(L, 1);
	int phase = next_phase(h);
	(void)op;
	if (phase == EP_GIT_PHASES) return 0;
	const ep_git_progress *now = &h->now[phase];
	h->fresh[phase] = false;
	lua_createtable(L, 0, 5);
	lua_pushstring(L, ep_git_phase_name(phase));
	lua_setfield(L, -2, "phase");
	lua_pushinteger(L, (lua_Integer)now->done);
	lua_setfield(L, -2, "done");
	if (now->percent >= 0) {
		lua_pushinteger(L, now->percent);
		lua_setfield(L, -2, "percent");
		lua_pushinteger(L, (lua_Integer)now->total);
		lua_setfield(L, -2, "total");
	}
	lua_pushinteger(L, (lua_Integer)now->bytes);
	lua_setfield(L, -2, "bytes");
	return 1;
}

/* --- methods --- */

/* wait() -> {directory, head, branch}; once */
static int clone_wait(lua_State *L)
{
	const handle *h = epl_check(L, 1, TYPE);
	if (!h->clone) return epl_raise_code(L, EP_ECLOSED, "the clone was closed");
	ep_op_retain(&h->clone->op);
	return epl_await(L, &h->clone->op, push_clone);
}

/* progress() -> the next progress, nil at the end */
static int clone_progress(lua_State *L)
{
	handle *h = epl_check(L, 1, TYPE);
	if (next_phase(h) < EP_GIT_PHASES || h->ended || !h->clone) return push_progress(L, NULL);
	ep_signal *signal = ep_signal_start(epl_loop(L), &h->waiters);
	if (!signal) return luaL_error(L, "not enough memory");
	return epl_await(L, &signal->op, push_progress);
}

static int clone_close(lua_State *L)
{
	handle *h = epl_check(L, 1, TYPE);
	ep_git_clone *clone = h->clone;
	h->clone = NULL;
	h->ended = true;
	if (clone) {
		clone->on_progress = NULL;
		ep_op_release(&clone->op);
	}
	ep_signal_all(&h->waiters, 0);
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"clone", git_clone}, {"environment", git_environment}, {"machine", git_machine}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"wait", clone_wait}, {"progress", clone_progress}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", clone_close}, {"__close", clone_close}, {NULL, NULL}};

int epl_open_git(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	luaL_newlib(L, functions);
	return 1;
}
