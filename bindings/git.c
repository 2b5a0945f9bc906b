/* SPDX-License-Identifier: Apache-2.0 */
/* git. Face: lua/epact/git.lua; engine: runtime/git/; the options are read in git_options.c. */
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bindings/argv.h"
#include "bindings/git.h"
#include "runtime/base/mem.h"
#include "runtime/git/config.h"
#include "runtime/git/fence.h"
#include "runtime/git/repository.h"

#define TYPE "epact.git"
#define PLACE "epact.git.place"

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

/* A folder that several clones fill together. */
typedef struct place {
	ep_git_place place; /* without a path: closed */
	int fence;          /* 0: none */
} place;

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
	epl_git_given given;
	ep_git_clone_options o = {0};
	ep_err err = {0};
	epl_git_read_clone(L, &o, &given);
	if (given.credential) o.credential = epl_check_secret(L, given.credential);
	int rc = ep_git_clone_check(&o, &err);
	ep_secret_release(o.credential);
	return rc ? epl_raise(L, &err) : 0;
}

/* clone(options, with_progress) -> handle */
static int git_clone(lua_State *L)
{
	epl_git_given given;
	ep_git_clone_options o = {0};
	ep_err err = {0};
	lua_settop(L, 2);
	handle *h = new_handle(L);
	epl_git_read_clone(L, &o, &given);
	o.on_progress = lua_toboolean(L, 2) ? on_progress : NULL;
	o.arg = h;
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	if (given.credential) o.credential = epl_check_secret(L, given.credential);
	int rc = ep_git_clone_start(&h->clone, procs, &o, &err);
	ep_secret_release(o.credential);
	if (rc) return epl_raise(L, &err);
	return push_started(L, h, &h->clone->op, given.timeout);
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
	epl_git_given given;
	ep_git_command_options o = {0};
	ep_err err = {0};
	lua_settop(L, 2);
	handle *h = new_handle(L);
	epl_git_read_command(L, &o, &given);
	o.on_progress = lua_toboolean(L, 2) ? on_progress : NULL;
	o.arg = h;
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	if (given.credential) o.credential = epl_check_secret(L, given.credential);
	int rc = ep_git_command_start(&h->command, procs, &o, &err);
	ep_secret_release(o.credential);
	if (rc) return epl_raise(L, &err);
	return push_started(L, h, &h->command->op, given.timeout);
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

/* covers(scope or nil, url): whether a credential for scope may go to the URL */
static int git_covers(lua_State *L)
{
	size_t len;
	lua_pushboolean(L, ep_git_url_covers(luaL_optstring(L, 1, NULL), epl_check_text(L, 2, &len)));
	return 1;
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

/* place(directory) -> a folder that was made, or found empty, and is held until it is closed */
static int git_place(lua_State *L)
{
	ep_err err = {0};
	const char *path = epl_check_text(L, 1, NULL);
	place *p = epl_new(L, sizeof *p, PLACE);
	p->place.path = ep_strdup(path);
	if (!p->place.path) return luaL_error(L, "not enough memory");
	if (ep_git_place_take(&p->place, &err)) return epl_raise(L, &err);
	int fence = ep_git_fence_open(p->place.fd);
	p->fence = fence < 0 ? 0 : fence;
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

static place *check_place(lua_State *L)
{
	place *p = epl_check(L, 1, PLACE);
	if (!*p->place.at) epl_raise_code(L, EP_ECLOSED, "the folder was closed");
	return p;
}

/* at() -> a path that leads to the folder, whatever takes its place; the fence for git, 0 when there is none */
static int place_at(lua_State *L)
{
	const place *p = check_place(L);
	lua_pushstring(L, p->place.at);
	lua_pushinteger(L, p->fence);
	return 2;
}

/* is_there() -> whether its own path still leads to it */
static int place_is_there(lua_State *L)
{
	lua_pushboolean(L, ep_git_place_is_there(&check_place(L)->place));
	return 1;
}

/* undo(): removes the folder, which is empty again, and those above it, as far as they were made */
static int place_undo(lua_State *L)
{
	ep_err err = {0};
	return ep_git_place_undo(&check_place(L)->place, &err) ? epl_raise(L, &err) : 0;
}

static int place_close(lua_State *L)
{
	place *p = epl_check(L, 1, PLACE);
	ep_git_place_close(&p->place);
	if (p->fence) close(p->fence);
	ep_free(p->place.path);
	p->fence = 0;
	p->place.path = NULL;
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"clone", git_clone}, {"check", git_check}, {"command", git_command},
	{"place", git_place}, {"machine", git_machine}, {"check_ref", git_check_ref}, {"check_url", git_check_url},
	{"covers", git_covers}, {"git_directory", git_directory}, {"first_active", git_first_active},
	{"terminal_width", git_terminal_width}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"wait", git_wait}, {"progress", git_progress}, {NULL, NULL}};
static const luaL_Reg place_methods[] = {
	{"at", place_at}, {"is_there", place_is_there}, {"undo", place_undo}, {"close", place_close}, {NULL, NULL}};
static const luaL_Reg place_meta[] = {{"__gc", place_close}, {"__close", place_close}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", git_close}, {"__close", git_close}, {NULL, NULL}};

int epl_open_git(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	epl_type(L, PLACE, place_methods, place_meta);
	luaL_newlib(L, functions);
	return 1;
}
