/* SPDX-License-Identifier: Apache-2.0 */
/* git: clones and commands. Face: lua/epact/git.lua; engine: runtime/git/; the options are read in git_options.c. */
#include "bindings/argv.h"
#include "bindings/git.h"

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

/* What may raise, before something is acquired; the secret last. */
static ep_procs *prepare(lua_State *L, const epl_git_given *given, ep_secret **credential, const char *what)
{
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	if (given->credential) *credential = epl_option_secret(L, given->credential, "credential", what);
	return procs;
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
	if (given.credential) o.credential = epl_option_secret(L, given.credential, "credential", "git.clone");
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
	ep_procs *procs = prepare(L, &given, &o.credential, "git.clone");
	int rc = ep_git_clone_start(&h->clone, procs, &o, &err);
	ep_secret_release(o.credential);
	return rc ? epl_raise(L, &err) : push_started(L, h, &h->clone->op, given.timeout);
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
	ep_procs *procs = prepare(L, &given, &o.credential, "git");
	int rc = ep_git_command_start(&h->command, procs, &o, &err);
	ep_secret_release(o.credential);
	return rc ? epl_raise(L, &err) : push_started(L, h, &h->command->op, given.timeout);
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

static const luaL_Reg functions[] = {
	{"clone", git_clone}, {"check", git_check}, {"command", git_command}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"wait", git_wait}, {"progress", git_progress}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", git_close}, {"__close", git_close}, {NULL, NULL}};

int epl_open_git(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	luaL_newlib(L, functions);
	epl_git_add_checks(L);
	epl_git_add_place(L);
	return 1;
}
