/* SPDX-License-Identifier: Apache-2.0 */
/* git. Face: lua/epact/git.lua; engine: runtime/git/. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bindings/argv.h"
#include "bindings/epl.h"
#include "runtime/git/clone.h"
#include "runtime/git/command.h"

#define TYPE "epact.git"

/* A clone or a command. */
typedef struct handle {
	ep_op *op; /* NULL: closed */
	ep_git_clone *clone;
	ep_git_command *command;
	ep_node waiters; /* ep_signal: who waits for progress */
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

static void check_credential(lua_State *L, int index, const char *what)
{
	int type = index ? lua_type(L, index) : LUA_TSTRING;
	if (type != LUA_TSTRING && type != LUA_TTABLE && type != LUA_TUSERDATA)
		luaL_error(L, "%s: option 'credential' must be a string, a secret or a token", what);
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
	check_credential(L, r->credential, "git.clone");
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

typedef struct command_options {
	epl_text directory, git_dir, protocols, input, remote, scope, ca_file;
	int argv, config, env, credential; /* stack index, 0: not given */
	bool trust, push, allow_http;
	lua_Integer max_output, max_file, accepted;
	uint64_t timeout, stall, grace;
} command_options;

static const epl_option command_spec[] = {{"argv", EPL_TABLE, offsetof(command_options, argv), EPL_REQUIRED},
	{"directory", EPL_TEXT, offsetof(command_options, directory), 0},
	{"git_dir", EPL_TEXT, offsetof(command_options, git_dir), 0},
	{"trust", EPL_BOOL, offsetof(command_options, trust), 0},
	{"config", EPL_TABLE, offsetof(command_options, config), 0}, {"env", EPL_TABLE, offsetof(command_options, env), 0},
	{"protocols", EPL_TEXT, offsetof(command_options, protocols), 0},
	{"input", EPL_BYTES, offsetof(command_options, input), 0},
	{"max_output", EPL_INT, offsetof(command_options, max_output), 0},
	{"max_file", EPL_INT, offsetof(command_options, max_file), 0},
	{"accepted", EPL_INT, offsetof(command_options, accepted), 0},
	{"remote", EPL_TEXT, offsetof(command_options, remote), 0}, {"push", EPL_BOOL, offsetof(command_options, push), 0},
	{"scope", EPL_TEXT, offsetof(command_options, scope), 0},
	{"credential", EPL_VALUE, offsetof(command_options, credential), 0},
	{"ca_file", EPL_TEXT, offsetof(command_options, ca_file), 0},
	{"allow_http", EPL_BOOL, offsetof(command_options, allow_http), 0},
	{"timeout", EPL_SECONDS, offsetof(command_options, timeout), 0},
	{"stall", EPL_SECONDS, offsetof(command_options, stall), 0},
	{"grace", EPL_SECONDS, offsetof(command_options, grace), 0}, {0}};

static void read_command(lua_State *L, command_options *r, ep_git_command_options *o)
{
	epl_read_options(L, 1, command_spec, r, "git");
	check_credential(L, r->credential, "git");
	luaL_argcheck(
		L, r->max_output >= 0 && r->max_file >= 0, 1, "options 'max_output' and 'max_file' must be 0 or more");
	o->argv = epl_check_argv(L, r->argv);
	if (r->config && lua_rawlen(L, r->config)) o->config = epl_check_argv(L, r->config);
	if (r->env && lua_rawlen(L, r->env)) o->env = epl_check_argv(L, r->env);
	o->directory = r->directory.data;
	o->git_dir = r->git_dir.data;
	o->protocols = r->protocols.data;
	o->in_bytes = r->input.data;
	o->in_len = r->input.len;
	o->remote = r->remote.data;
	o->scope = r->scope.data;
	o->ca_file = r->ca_file.data;
	o->trust = r->trust;
	o->push = r->push;
	o->allow_http = r->allow_http;
	o->max_output = (size_t)r->max_output;
	o->file_max = (uint64_t)r->max_file;
	o->accepted = (uint64_t)r->accepted;
	o->stall = r->stall;
	o->grace = r->grace;
	o->secrets = epl_secrets(L);
}

/* --- module --- */

/* Argument 3 of the function. */
static handle *new_handle(lua_State *L)
{
	handle *h = epl_new(L, sizeof *h, TYPE);
	ep_node_init(&h->waiters);
	return h;
}

static int push_started(lua_State *L, handle *h, ep_op *op, uint64_t timeout)
{
	h->op = op;
	if (timeout && ep_op_deadline(op, timeout))
		return epl_raise_code(L, EP_ENOMEM, "not enough memory for git"); /* the collected handle ends it */
	lua_pushvalue(L, 3);
	return 1;
}

/* check(options): raises what clone would of its options */
static int git_check(lua_State *L)
{
	clone_options r = {.depth = NO_DEPTH, .quiet = true};
	ep_git_clone_options o = {0};
	ep_err err = {0};
	read_clone(L, &r, &o);
	if (r.credential) o.credential = epl_check_secret(L, r.credential);
	int rc = ep_git_clone_check(&o, &err);
	ep_secret_release(o.credential);
	return rc ? epl_raise(L, &err) : 0;
}

/* clone(options, with_progress) -> handle */
static int git_clone(lua_State *L)
{
	clone_options r = {.depth = NO_DEPTH, .quiet = true};
	ep_git_clone_options o = {0};
	ep_err err = {0};
	lua_settop(L, 2);
	handle *h = new_handle(L);
	read_clone(L, &r, &o);
	o.on_progress = lua_toboolean(L, 2) ? on_progress : NULL;
	o.arg = h;
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	if (r.credential) o.credential = epl_check_secret(L, r.credential);
	int rc = ep_git_clone_start(&h->clone, procs, &o, &err);
	ep_secret_release(o.credential);
	if (rc) return epl_raise(L, &err);
	return push_started(L, h, &h->clone->op, r.timeout);
}

/* machine() -> the number of processors, the bytes of memory that we may have */
static int git_machine(lua_State *L)
{
	uint64_t total = uv_get_total_memory(), ours = uv_get_constrained_memory();
	lua_pushinteger(L, uv_available_parallelism());
	lua_pushinteger(L, (lua_Integer)(ours && ours < total ? ours : total));
	return 2;
}

/* command(options, with_progress) -> handle */
static int git_command(lua_State *L)
{
	command_options r = {0};
	ep_git_command_options o = {0};
	ep_err err = {0};
	lua_settop(L, 2);
	handle *h = new_handle(L);
	read_command(L, &r, &o);
	o.on_progress = lua_toboolean(L, 2) ? on_progress : NULL;
	o.arg = h;
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	if (r.credential) o.credential = epl_check_secret(L, r.credential);
	int rc = ep_git_command_start(&h->command, procs, &o, &err);
	ep_secret_release(o.credential);
	if (rc) return epl_raise(L, &err);
	return push_started(L, h, &h->command->op, r.timeout);
}

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

/* terminal_width() -> the columns of the terminal that the standard error is; nil when it is none */
static int git_terminal_width(lua_State *L)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size)) return 0;
	lua_pushinteger(L, size.ws_col ? size.ws_col : 80);
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

static int push_command(lua_State *L, ep_op *op)
{
	const ep_git_command *c = (const ep_git_command *)op;
	size_t len;
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, c->status);
	lua_setfield(L, -2, "status");
	const char *output = ep_git_command_output(c, &len);
	lua_pushlstring(L, output, len);
	lua_setfield(L, -2, "stdout");
	const char *words = ep_git_command_words(c, &len);
	lua_pushlstring(L, words, len);
	lua_setfield(L, -2, "stderr");
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
	lua_createtable(L, 0, 7);
	lua_pushstring(L, ep_git_phase_name(phase));
	lua_setfield(L, -2, "phase");
	lua_pushinteger(L, (lua_Integer)now->done);
	lua_setfield(L, -2, "done");
	if (phase != EP_GIT_CHECKOUT) {
		lua_pushinteger(L, (lua_Integer)now->done);
		lua_setfield(L, -2, "objects");
	}
	lua_pushinteger(L, (lua_Integer)now->rate);
	lua_setfield(L, -2, "rate");
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

/* wait() -> {directory, head, branch} of a clone, {status, stdout, stderr} of a command; once */
static int git_wait(lua_State *L)
{
	const handle *h = epl_check(L, 1, TYPE);
	if (!h->op) return epl_raise_code(L, EP_ECLOSED, "git was closed");
	ep_op_retain(h->op);
	return epl_await(L, h->op, h->clone ? push_clone : push_command);
}

/* progress() -> the next progress, nil at the end */
static int git_progress(lua_State *L)
{
	handle *h = epl_check(L, 1, TYPE);
	if (next_phase(h) < EP_GIT_PHASES || h->ended || !h->op) return push_progress(L, NULL);
	ep_signal *signal = ep_signal_start(epl_loop(L), &h->waiters);
	if (!signal) return luaL_error(L, "not enough memory");
	return epl_await(L, &signal->op, push_progress);
}

static int git_close(lua_State *L)
{
	handle *h = epl_check(L, 1, TYPE);
	ep_op *op = h->op;
	h->op = NULL;
	h->ended = true;
	if (h->clone) h->clone->o.on_progress = NULL;
	if (h->command) h->command->o.on_progress = NULL;
	h->clone = NULL;
	h->command = NULL;
	if (op) ep_op_release(op);
	ep_signal_all(&h->waiters, 0);
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"clone", git_clone}, {"check", git_check}, {"command", git_command},
	{"machine", git_machine}, {"check_ref", git_check_ref}, {"check_url", git_check_url},
	{"terminal_width", git_terminal_width}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"wait", git_wait}, {"progress", git_progress}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", git_close}, {"__close", git_close}, {NULL, NULL}};

int epl_open_git(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	luaL_newlib(L, functions);
	return 1;
}
