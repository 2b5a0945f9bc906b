/* SPDX-License-Identifier: Apache-2.0 */
/* The library behind epact.h: the life of an instance. What it runs is in script.c and call.c. */
#include <string.h>

#include "bindings/host.h"
#include "bindings/view.h"
#include "runtime/base/mem.h"

#ifndef EPACT_VERSION
#define EPACT_VERSION "0.1.0"
#endif

/* What other threads and signal handlers ask for. */
enum { CANCEL = 1, TREE = 2 };

const char *epact_version(void) { return EPACT_VERSION; }

/* The module epact.core.version is the text itself. */
int epl_open_version(lua_State *L)
{
	lua_pushliteral(L, EPACT_VERSION);
	return 1;
}

int epact_exit_status(const epact *e) { return e->exit_status; }
size_t epact_memory_used(const epact *e) { return e->closing ? 0 : e->st->memory.used; }

int epact_use_allocator(const epact_allocator *f)
{
	return ep_mem_use(&(ep_mem_functions){f->alloc, f->calloc, f->realloc, f->free});
}

/* --- failures --- */

const epact_failure *epact_failure_of(const epact *e) { return &e->last; }
const char *epact_error(const epact *e) { return e->last.text; }
const char *epact_traceback(const epact *e) { return e->last.traceback ? e->last.traceback : ""; }

int epl_host_failed(epact *e, const epact_failure *failure)
{
	epl_arena arena = {0};
	epact_failure copy;
	int code = failure->code;
	if (epl_failure_copy(&arena, &copy, failure)) copy = epl_failure_of(code, "not enough memory for the words");
	epl_arena_fini(&e->last_arena); /* only now: failure may be the last */
	e->last_arena = arena;
	e->last = copy;
	return code;
}

typedef struct caught {
	epl_arena arena;
	epact_failure failure;
} caught;

static int read_caught(lua_State *L)
{
	caught *c = lua_touserdata(L, 2);
	epl_failure_read(L, 1, &c->arena, &c->failure);
	return 0;
}

int epl_host_protected(epact *e, lua_CFunction function, void *with)
{
	caught c = {.failure = epl_no_memory};
	if (e->closing) return epl_host_failed(e, &epl_closed);
	lua_State *L = e->st->L;
	if (!lua_checkstack(L, 4)) return epl_host_failed(e, &epl_no_memory);
	lua_pushcfunction(L, function);
	lua_pushlightuserdata(L, with);
	if (!lua_pcall(L, 1, 0, 0)) return 0;
	lua_pushcfunction(L, read_caught);
	lua_insert(L, -2);
	lua_pushlightuserdata(L, &c);
	if (lua_pcall(L, 2, 0, 0)) {
		lua_pop(L, 1);
		c.failure = epl_no_memory;
	}
	int code = epl_host_failed(e, &c.failure);
	epl_arena_fini(&c.arena);
	return code;
}

/* --- open --- */

static void on_close_job(ep_job *job);

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

static int copy_settings(epl_state *st, const epact_options *o)
{
	if (o->environment && !(st->environment = epl_copy_environment(o->environment))) return EPACT_ENOMEM;
	if (o->base_url && !(st->base_url = ep_strdup(o->base_url))) return EPACT_ENOMEM;
	if (o->api_key && !(st->api_key = ep_secret_new(&st->secrets, o->api_key, strlen(o->api_key)))) return EPACT_ENOMEM;
	return 0;
}

static int apply_options(epact *e, const epact_options *o)
{
	epl_state *st = e->st;
	if (copy_settings(st, o)) return EPACT_ENOMEM;
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
	if (!out || (options && options->size < offsetof(epact_options, loop))) return EPACT_EINVAL;
	epact_options o = with_defaults(options);
	epact *e = ep_calloc(1, sizeof *e);
	if (!e) return EPACT_ENOMEM;
	const epl_memory memory = {.allocate = o.allocate, .arg = o.allocate_arg, .limit = o.memory_limit};
	if ((rc = epl_state_open(&e->st, o.loop, &memory, NULL))) goto fail;
	if ((rc = apply_options(e, &o))) goto fail_state;
	if (uv_async_init(ep_loop_uv(e->st->loop), &e->requested, on_requested)) {
		rc = EPACT_EIO;
		goto fail_state;
	}
	e->requested.data = e;
	uv_unref((uv_handle_t *)&e->requested);
	ep_loop_handle_opened(e->st->loop);
	e->own_loop = !o.loop;
	e->idle = true;
	e->last = epl_no_failure;
	ep_node_init(&e->left);
	ep_job_init(&e->close_job, on_close_job);
	*out = e;
	return 0;
fail_state:
	epl_state_close(e->st, NULL, NULL);
fail:
	ep_free(e);
	return rc;
}

/* --- close --- */

static void on_state_closed(void *arg)
{
	epact *e = arg;
	void (*on_closed)(void *) = e->on_closed;
	void *closed_arg = e->closed_arg;
	e->st = NULL;
	epl_host_calls_end(&e->left, &epl_closed);
	epl_host_calls_free(&e->left);
	epl_arena_fini(&e->last_arena);
	ep_buf_fini(&e->tree);
	ep_free(e);
	if (on_closed) on_closed(closed_arg);
}

static void on_async_closed(uv_handle_t *h)
{
	epact *e = h->data;
	ep_loop_handle_closed(e->st->loop);
}

static void close_now(epact *e)
{
	ep_list_move(&e->left, &e->st->calls);
	for (ep_node *n = e->left.next; n != &e->left; n = n->next) epl_call_keep(EP_CONTAINER(n, epl_call, link));
	uv_close((uv_handle_t *)&e->requested, on_async_closed);
	epl_state_close(e->st, on_state_closed, e);
}

static void on_close_job(ep_job *job) { close_now(EP_CONTAINER(job, epact, close_job)); }

/* Not while Lua or an own loop is running: then it happens behind that. */
void epact_close(epact *e, void (*on_closed)(void *arg), void *arg)
{
	if (!e || e->closing) return;
	e->closing = true;
	e->on_closed = on_closed;
	e->closed_arg = arg;
	if (e->running)
		e->idle = true; /* ends the run */
	else if (e->st->current)
		ep_loop_ready(e->st->loop, &e->close_job);
	else
		close_now(e);
}

/* --- running --- */

/* Turns an own loop, as the function does. */
static int drive(epact *e, int (*turns)(ep_loop *loop, const bool *until))
{
	const epact_failure deadlock =
		epl_failure_of(EPACT_EBUSY, "every task waits for another: nothing will ever happen (a deadlock)");
	if (!e->own_loop || e->running || e->closing) return EPACT_EINVAL;
	e->running = true;
	int rc = turns(e->st->loop, &e->idle);
	e->running = false;
	if (e->closing) {
		close_now(e);
		return EPACT_ECLOSED;
	}
	if (rc == EPACT_EBUSY && e->script) epl_host_call_end(e->script, &deadlock);
	return rc;
}

int epact_run(epact *e)
{
	int rc = drive(e, ep_loop_run);
	if (rc) return rc;
	rc = e->result;
	e->result = 0; /* told once: later runs are of calls, or of another script */
	return rc;
}

int epact_turn(epact *e) { return drive(e, ep_loop_poll); }

int epact_poll_fd(const epact *e) { return ep_loop_poll_fd(e->st->loop); }

int epact_poll_timeout(epact *e) { return ep_loop_poll_timeout(e->st->loop); }

void epact_cancel(epact *e)
{
	if (e->idle || e->closing) return;
	ep_node *calls = &e->st->calls;
	for (ep_node *n = calls->next; n != calls; n = n->next)
		epl_call_cancel(EP_CONTAINER(n, epl_call, link), "the run was cancelled");
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
	ep_buf_reset(&e->tree);
	if (e->closing) return "";
	lua_State *L = e->st->L;
	lua_pushcfunction(L, read_tree);
	lua_pushlightuserdata(L, &e->tree);
	if (lua_pcall(L, 1, 0, 0)) lua_pop(L, 1); /* no memory for all of it: the text is what there was room for */
	return ep_buf_text(&e->tree);
}

void epact_request_tree(epact *e) { request(e, TREE); }
