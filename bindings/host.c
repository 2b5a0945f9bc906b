/* SPDX-License-Identifier: Apache-2.0 */
/* The library behind epact.h: one instance, its root script, its end. */
#include "epact.h"

#include <stdatomic.h>
#include <string.h>

#include "bindings/view.h"
#include "runtime/base/mem.h"

#ifndef EPACT_VERSION
#define EPACT_VERSION "0.1.0"
#endif

_Static_assert(EPACT_EINVAL == (int)EP_EINVAL && EPACT_ENOMEM == (int)EP_ENOMEM &&
		EPACT_ECANCELLED == (int)EP_ECANCELLED && EPACT_EIO == (int)EP_EIO && EPACT_EBUSY == (int)EP_EBUSY,
	"the public codes are the runtime's");

/* What other threads and signal handlers ask for. */
enum { CANCEL = 1, TREE = 2 };

struct epact {
	epl_state *st;
	uv_async_t requested;
	atomic_uint requests; /* CANCEL, TREE */
	ep_timer give_up;     /* after a cancel: the grace and a little more */
	void (*on_end)(void *arg);
	void *end_arg;
	void (*on_closed)(void *arg);
	void *closed_arg;
	void (*on_tree)(void *arg, const char *text);
	void *tree_arg;
	ep_buf tree;
	char *error, *traceback;
	int result, exit_status;
	bool started, ended, own_loop;
};

const char *epact_version(void) { return EPACT_VERSION; }

/* The module epact.core.version is the text itself. */
int epl_open_version(lua_State *L)
{
	lua_pushliteral(L, EPACT_VERSION);
	return 1;
}

const char *epact_error(const epact *e) { return e->error ? e->error : ""; }
const char *epact_traceback(const epact *e) { return e->traceback ? e->traceback : ""; }
int epact_exit_status(const epact *e) { return e->exit_status; }

/* Replaces a text by one without secrets: what a script raises may hold anything. */
static char *masked(const epact *e, char *text)
{
	ep_buf b = {0};
	if (!text) return NULL;
	ep_mask(&b, &e->st->secrets, text, strlen(text));
	ep_free(text);
	return ep_buf_take(&b);
}

/* Takes both texts. */
static void set_error(epact *e, char *error, char *traceback)
{
	ep_free(e->error);
	ep_free(e->traceback);
	e->error = masked(e, error);
	e->traceback = masked(e, traceback);
}

/* --- open --- */

static epact_options with_defaults(const epact_options *given)
{
	epact_options o = {.log_level = EPACT_LOG_WARN};
	if (given) memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
	return o;
}

static void on_requested(uv_async_t *a)
{
	epact *e = a->data;
	unsigned requests = atomic_exchange(&e->requests, 0);
	if (requests & CANCEL) epact_cancel(e);
	if ((requests & TREE) && e->on_tree) e->on_tree(e->tree_arg, epact_tree(e));
}

static int set_virtual_time(lua_State *L)
{
	epl_virtual_time(L, lua_tointeger(L, 1));
	return 0;
}

static int apply_options(epact *e, const epact_options *o)
{
	epl_state *st = e->st;
	if (o->grace_seconds > 0) st->grace = ep_seconds(o->grace_seconds);
	if (o->slice_seconds) st->slice = ep_seconds(o->slice_seconds);
	st->log = o->log;
	st->log_arg = o->log_arg;
	st->log_level = o->log_level;
	e->on_tree = o->tree;
	e->tree_arg = o->tree_arg;
	if (!o->virtual_time) return 0;
	lua_pushcfunction(st->L, set_virtual_time);
	lua_pushinteger(st->L, (lua_Integer)o->seed);
	return lua_pcall(st->L, 1, 0, 0) ? EPACT_ENOMEM : 0;
}

int epact_open(epact **out, const epact_options *options)
{
	int rc;
	if (options && options->size < offsetof(epact_options, loop)) return EPACT_EINVAL;
	epact_options o = with_defaults(options);
	epact *e = ep_calloc(1, sizeof *e);
	if (!e) return EPACT_ENOMEM;
	if ((rc = epl_state_open(&e->st, o.loop, NULL))) goto fail;
	if ((rc = apply_options(e, &o))) goto fail_state;
	if (uv_async_init(ep_loop_uv(e->st->loop), &e->requested, on_requested)) {
		rc = EPACT_EIO;
		goto fail_state;
	}
	e->requested.data = e;
	uv_unref((uv_handle_t *)&e->requested);
	ep_loop_handle_opened(e->st->loop);
	e->own_loop = !o.loop;
	*out = e;
	return 0;
fail_state:
	epl_state_close(e->st, NULL, NULL);
fail:
	ep_free(e);
	return rc;
}

/* --- start --- */

typedef struct start {
	epact *e;
	const char *path, *text, *name, *module;
	size_t size;
	int argc;
	const char *const *argv;
} start;

static void on_root_done(void *arg);

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
	if (rc) lua_error(L);
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

static int start_root(lua_State *L)
{
	const start *s = lua_touserdata(L, 1);
	lua_settop(L, 0);
	load(L, s);
	if (!s->module) set_arg(L, s);
	luaL_checkstack(L, s->argc + 4, "too many arguments");
	for (int i = 0; i < s->argc; i++) lua_pushstring(L, s->argv[i]);
	epl_root_start(s->e->st, s->argc, on_root_done, s->e);
	return 0;
}

static int start_with(start *s)
{
	epact *e = s->e;
	lua_State *L = e->st->L;
	if (e->started) return EPACT_EBUSY;
	lua_pushcfunction(L, start_root);
	lua_pushlightuserdata(L, s);
	int rc = lua_pcall(L, 1, 0, 0);
	if (rc == LUA_OK) {
		e->started = true;
		return 0;
	}
	set_error(e, ep_strdup(luaL_tolstring(L, -1, NULL)), NULL);
	lua_settop(L, 0);
	e->exit_status = 1;
	return rc == LUA_ERRMEM ? EPACT_ENOMEM : EPACT_EIO;
}

int epact_start_file(epact *e, const char *path, int argc, const char *const *argv)
{
	return start_with(&(start){.e = e, .path = path, .argc = argc, .argv = argv});
}

int epact_start_text(epact *e, const char *text, size_t size, const char *name, int argc, const char *const *argv)
{
	return start_with(&(start){.e = e, .text = text, .size = size, .name = name, .argc = argc, .argv = argv});
}

int epact_start_module(epact *e, const char *module, int argc, const char *const *argv)
{
	return start_with(&(start){.e = e, .module = module, .argc = argc, .argv = argv});
}

void epact_on_end(epact *e, void (*on_end)(void *arg), void *arg)
{
	e->on_end = on_end;
	e->end_arg = arg;
}

/* --- the end of the root --- */

static void ended(epact *e, int result, int exit_status)
{
	if (e->ended) return;
	e->ended = true;
	e->result = result;
	e->exit_status = e->st->exit_status >= 0 ? e->st->exit_status : exit_status;
	ep_timer_stop(e->st->loop, &e->give_up);
	if (e->on_end) e->on_end(e->end_arg);
}

static void on_root_done(void *arg)
{
	epact *e = arg;
	char *error, *traceback;
	int returned = 0, rc = epl_root_result(e->st, &error, &traceback, &returned);
	set_error(e, error, traceback);
	if (rc == EP_ECANCELLED && e->st->exit_status >= 0) rc = 0; /* os.exit is an end, not a failure */
	ended(e, rc, rc ? 1 : returned);
}

int epact_run(epact *e)
{
	if (!e->own_loop || !e->started) return EPACT_EINVAL;
	int rc = ep_loop_run(e->st->loop, &e->ended);
	if (rc != EPACT_EBUSY) return e->result;
	set_error(e, ep_strdup("every task waits for another: nothing will ever happen (a deadlock)"), NULL);
	ended(e, EPACT_EBUSY, 1);
	return e->result;
}

static void on_give_up(ep_timer *timer)
{
	epact *e = EP_CONTAINER(timer, epact, give_up);
	set_error(e, ep_strdup("tasks were left when the time for clean-up was over"), NULL);
	ended(e, EPACT_ECANCELLED, 1);
}

void epact_cancel(epact *e)
{
	if (!e->started || e->ended) return;
	if (!ep_timer_active(&e->give_up))
		ep_timer_start(e->st->loop, &e->give_up, e->st->grace + EP_SECOND / 4, on_give_up);
	epl_root_cancel(e->st, "the run was cancelled");
}

static void request(epact *e, unsigned what)
{
	atomic_fetch_or(&e->requests, what);
	uv_async_send(&e->requested);
}

void epact_interrupt(epact *e) { request(e, CANCEL); }

/* --- the view --- */

static int read_tree(lua_State *L)
{
	epl_tree_text(L, lua_touserdata(L, 1));
	return 0;
}

const char *epact_tree(epact *e)
{
	lua_State *L = e->st->L;
	ep_buf_reset(&e->tree);
	lua_pushcfunction(L, read_tree);
	lua_pushlightuserdata(L, &e->tree);
	if (lua_pcall(L, 1, 0, 0)) lua_pop(L, 1); /* no memory for all of it: the text is what there was room for */
	return ep_buf_text(&e->tree);
}

void epact_request_tree(epact *e) { request(e, TREE); }

/* --- close --- */

static void on_state_closed(void *arg)
{
	epact *e = arg;
	void (*on_closed)(void *) = e->on_closed;
	void *closed_arg = e->closed_arg;
	ep_free(e->error);
	ep_free(e->traceback);
	ep_buf_fini(&e->tree);
	ep_free(e);
	if (on_closed) on_closed(closed_arg);
}

static void on_async_closed(uv_handle_t *h)
{
	epact *e = h->data;
	ep_loop_handle_closed(e->st->loop);
}

void epact_close(epact *e, void (*on_closed)(void *arg), void *arg)
{
	e->on_closed = on_closed;
	e->closed_arg = arg;
	e->ended = true; /* nobody is told of the root any more */
	ep_timer_stop(e->st->loop, &e->give_up);
	uv_close((uv_handle_t *)&e->requested, on_async_closed);
	epl_state_close(e->st, on_state_closed, e);
}
