/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary folders: each has a guard, which removes it when it is collected. Face: lua/epact/fs.lua; engine: runtime/fs/. */
#include <string.h>

#include "bindings/epl.h"
#include "bindings/fs.h"
#include "runtime/base/mem.h"
#include "runtime/fs/fs.h"

#define GUARD "epact.temp_dir"

/* The temporary folders that are there; what nobody closed is removed with the instance. */
typedef struct engine {
	ep_loop *loop;
	ep_node folders;
} engine;

typedef struct folder {
	ep_node link;
	char *path;
	ep_fs *removal; /* that nobody waits for; NULL: none runs */
} folder;

typedef struct guard {
	folder *folder; /* NULL: it is gone */
} guard;

typedef struct temp_options {
	epl_text prefix, dir;
} temp_options;

static const epl_option temp_spec[] = {
	{"prefix", EPL_TEXT, offsetof(temp_options, prefix), 0}, {"dir", EPL_TEXT, offsetof(temp_options, dir), 0}, {0}};

static void forget_folder(folder *f)
{
	ep_node_unlink(&f->link);
	ep_free(f->path);
	ep_free(f);
}

/* Nothing can be waited for any more: the loop is about to close. */
static void close_engine(void *arg)
{
	engine *e = arg;
	for (ep_node *n; (n = ep_list_shift(&e->folders));) {
		folder *f = EP_CONTAINER(n, folder, link);
		if (f->removal) ep_op_release(&f->removal->work.op);
		ep_fs_remove_tree(f->path, NULL);
		forget_folder(f);
	}
	ep_free(e);
}

static engine *engine_of(lua_State *L)
{
	engine *e = epl_engine(L, EPL_ENGINE_FS);
	if (e) return e;
	if (!(e = ep_calloc(1, sizeof *e))) luaL_error(L, "not enough memory");
	e->loop = epl_loop(L);
	ep_node_init(&e->folders);
	epl_engine_set(L, EPL_ENGINE_FS, e, close_engine);
	return e;
}

/* One that could not be removed is tried once more when the instance closes. */
static void on_removed(ep_op *op)
{
	folder *f = op->owner;
	int result = op->result;
	f->removal = NULL;
	ep_op_release(op);
	if (!result) forget_folder(f);
}

static int guard_gc(lua_State *L)
{
	guard *g = epl_check(L, 1, GUARD);
	folder *f = g->folder;
	g->folder = NULL;
	if (f) f->removal = ep_fs_remove_start(engine_of(L)->loop, f->path, true);
	if (f && f->removal) ep_op_wait(&f->removal->work.op, on_removed, f);
	return 0;
}

/* The folder was removed. */
static int guard_dismiss(lua_State *L)
{
	guard *g = epl_check(L, 1, GUARD);
	if (g->folder) forget_folder(g->folder);
	g->folder = NULL;
	return 0;
}

/* The path and its guard. What raises here leaves the folder to the call, which removes it. */
static int push_temp(lua_State *L, ep_op *op)
{
	ep_fs *call = (ep_fs *)op;
	lua_pushstring(L, call->data);
	guard *g = epl_new(L, sizeof *g, GUARD);
	if (!(g->folder = ep_calloc(1, sizeof *g->folder))) return luaL_error(L, "not enough memory");
	g->folder->path = ep_fs_take_data(call);
	ep_list_push(&engine_of(L)->folders, &g->folder->link);
	return 2;
}

int epl_fs_temp_dir(lua_State *L)
{
	temp_options o = {0};
	epl_read_options(L, 1, temp_spec, &o, "fs.temp_dir");
	if (o.prefix.data && strchr(o.prefix.data, '/'))
		return luaL_error(L, "fs.temp_dir: option 'prefix' is a part of a name, without '/'; the folder is 'dir'");
	epl_check_can_wait(L);
	const char *prefix = o.prefix.data ? o.prefix.data : "epact-";
	ep_fs *call = ep_fs_temp_start(engine_of(L)->loop, o.dir.data, prefix);
	return call ? epl_await(L, &call->work.op, push_temp) : luaL_error(L, "not enough memory");
}

static const luaL_Reg methods[] = {{"dismiss", guard_dismiss}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", guard_gc}, {NULL, NULL}};

void epl_fs_open_temp(lua_State *L) { epl_type(L, GUARD, methods, meta); }
