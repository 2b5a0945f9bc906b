/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders. Face: lua/epact/fs.lua; engine: runtime/fs/; temporary folders: bindings/fs_temp.c. */
#include "bindings/fs.h"

#include <string.h>

#include "bindings/epl.h"
#include "runtime/fs/fs.h"

#define TYPE "epact.file"

typedef struct file {
	ep_file *file; /* NULL: closed */
} file;

typedef struct read_options {
	lua_Integer max;
} read_options;

typedef struct write_options {
	bool append, atomic, sync;
	lua_Integer mode;
} write_options;

typedef struct flags {
	bool parents, recursive, follow;
} flags;

static const epl_option read_spec[] = {{"max", EPL_INT, offsetof(read_options, max), EPL_NATURAL}, {0}};
static const epl_option write_spec[] = {{"append", EPL_BOOL, offsetof(write_options, append), 0},
	{"atomic", EPL_BOOL, offsetof(write_options, atomic), 0}, {"sync", EPL_BOOL, offsetof(write_options, sync), 0},
	{"mode", EPL_INT, offsetof(write_options, mode), 0}, {0}};
static const epl_option stat_spec[] = {{"follow", EPL_BOOL, offsetof(flags, follow), 0}, {0}};
static const epl_option mkdir_spec[] = {{"parents", EPL_BOOL, offsetof(flags, parents), 0}, {0}};
static const epl_option remove_spec[] = {{"recursive", EPL_BOOL, offsetof(flags, recursive), 0}, {0}};
static const char *path_at(lua_State *L, int arg)
{
	epl_check_can_wait(L);
	return epl_check_text(L, arg, NULL);
}

static int await(lua_State *L, ep_fs *call, epl_push *push)
{
	if (!call) return luaL_error(L, "not enough memory");
	return epl_await(L, &call->work.op, push);
}

/* --- results --- */

static int push_data(lua_State *L, ep_op *op)
{
	const ep_fs *call = (const ep_fs *)op;
	lua_pushlstring(L, call->data, call->len);
	return 1;
}

static int push_piece(lua_State *L, ep_op *op) { return ((const ep_fs *)op)->len ? push_data(L, op) : 0; }

static int push_path(lua_State *L, ep_op *op)
{
	lua_pushstring(L, ((const ep_fs *)op)->data);
	return 1;
}

static int push_info(lua_State *L, ep_op *op)
{
	const ep_fs *call = (const ep_fs *)op;
	if (call->missing) return 0;
	lua_createtable(L, 0, 4);
	lua_pushstring(L, ep_fs_type_name(call->info.type));
	lua_setfield(L, -2, "type");
	lua_pushinteger(L, (lua_Integer)call->info.size);
	lua_setfield(L, -2, "size");
	lua_pushnumber(L, (lua_Number)call->info.mtime / 1e9);
	lua_setfield(L, -2, "mtime");
	lua_pushinteger(L, (lua_Integer)call->info.mode);
	lua_setfield(L, -2, "mode");
	return 1;
}

static int push_entries(lua_State *L, const ep_fs *call, const char *key, bool walked)
{
	lua_createtable(L, (int)call->list.count, 0);
	for (size_t i = 0; i < call->list.count; i++) {
		const ep_fs_entry *e = &call->list.entries[i];
		lua_createtable(L, 0, 3);
		lua_pushstring(L, e->name);
		lua_setfield(L, -2, key);
		lua_pushstring(L, ep_fs_type_name(e->type));
		lua_setfield(L, -2, "type");
		if (walked) {
			lua_pushinteger(L, (lua_Integer)e->size);
			lua_setfield(L, -2, "size");
		}
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static int push_list(lua_State *L, ep_op *op) { return push_entries(L, (const ep_fs *)op, "name", false); }
static int push_walk(lua_State *L, ep_op *op) { return push_entries(L, (const ep_fs *)op, "path", true); }

static int push_file(lua_State *L, ep_op *op)
{
	file *f = epl_new(L, sizeof *f, TYPE);
	f->file = ep_fs_take_file((ep_fs *)op);
	return 1;
}

/* --- module --- */

static int fs_read(lua_State *L)
{
	read_options o = {.max = -1};
	const char *path = path_at(L, 1);
	epl_read_options(L, 2, read_spec, &o, "fs.read");
	return await(L, ep_fs_read_start(epl_loop(L), path, o.max < 0 ? SIZE_MAX : (size_t)o.max), push_data);
}

static int fs_write(lua_State *L)
{
	write_options o = {0};
	size_t len;
	const char *path = path_at(L, 1), *bytes = luaL_checklstring(L, 2, &len);
	epl_read_options(L, 3, write_spec, &o, "fs.write");
	if (o.append && o.atomic) return luaL_error(L, "fs.write: 'append' and 'atomic' exclude each other");
	if (o.mode < 0 || o.mode > 07777)
		return luaL_error(
			L, "fs.write: option 'mode' must be permission bits, such as tonumber(\"644\", 8), got %I", o.mode);
	ep_fs_write_options options = {.append = o.append, .atomic = o.atomic, .sync = o.sync, .mode = (int)o.mode};
	return await(L, ep_fs_write_start(epl_loop(L), path, bytes, len, &options), NULL);
}

static int fs_list(lua_State *L) { return await(L, ep_fs_list_start(epl_loop(L), path_at(L, 1)), push_list); }
static int fs_walk(lua_State *L) { return await(L, ep_fs_walk_start(epl_loop(L), path_at(L, 1)), push_walk); }

static int fs_stat(lua_State *L)
{
	flags o = {.follow = true};
	const char *path = path_at(L, 1);
	epl_read_options(L, 2, stat_spec, &o, "fs.stat");
	return await(L, ep_fs_stat_start(epl_loop(L), path, o.follow), push_info);
}

static int fs_mkdir(lua_State *L)
{
	flags o = {0};
	const char *path = path_at(L, 1);
	epl_read_options(L, 2, mkdir_spec, &o, "fs.mkdir");
	return await(L, ep_fs_mkdir_start(epl_loop(L), path, o.parents), NULL);
}

static int fs_remove(lua_State *L)
{
	flags o = {0};
	const char *path = path_at(L, 1);
	epl_read_options(L, 2, remove_spec, &o, "fs.remove");
	return await(L, ep_fs_remove_start(epl_loop(L), path, o.recursive), NULL);
}

static int fs_rename(lua_State *L)
{
	return await(L, ep_fs_rename_start(epl_loop(L), path_at(L, 1), path_at(L, 2)), NULL);
}

static int fs_copy(lua_State *L) { return await(L, ep_fs_copy_start(epl_loop(L), path_at(L, 1), path_at(L, 2)), NULL); }

static int fs_realpath(lua_State *L) { return await(L, ep_fs_realpath_start(epl_loop(L), path_at(L, 1)), push_path); }

static int check_way(lua_State *L, int arg)
{
	static const char *const words[] = {"read", "write", "append"};
	static const int ways[] = {EP_FILE_READ, EP_FILE_WRITE, EP_FILE_APPEND};
	const char *way = luaL_optstring(L, arg, "read");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(way, words[i])) return ways[i];
	return luaL_argerror(L, arg, lua_pushfstring(L, "must be \"read\", \"write\" or \"append\", got \"%s\"", way));
}

static int fs_open(lua_State *L)
{
	const char *path = path_at(L, 1);
	return await(L, ep_file_open_start(epl_loop(L), path, check_way(L, 2)), push_file);
}

/* --- methods --- */

static ep_file *check_open(lua_State *L)
{
	file *f = epl_check(L, 1, TYPE);
	epl_check_can_wait(L);
	if (!f->file) epl_raise_code(L, EP_ECLOSED, "the file was closed");
	return f->file;
}

enum { FILE_ROOM = 64 * 1024 };

static int file_read(lua_State *L)
{
	ep_file *f = check_open(L);
	lua_Integer room = luaL_optinteger(L, 2, FILE_ROOM);
	luaL_argcheck(L, room > 0, 2, "a number of bytes is at least 1");
	return await(L, ep_file_read_start(epl_loop(L), f, (size_t)room), push_piece);
}

static int file_write(lua_State *L)
{
	size_t len;
	ep_file *f = check_open(L);
	const char *bytes = luaL_checklstring(L, 2, &len);
	return await(L, ep_file_write_start(epl_loop(L), f, bytes, len), NULL);
}

/* Waits for what only the closing finds out. */
static int file_close(lua_State *L)
{
	file *f = epl_check(L, 1, TYPE);
	if (!f->file) return 0;
	epl_check_can_wait(L);
	ep_fs *call = ep_file_close_start(epl_loop(L), f->file);
	ep_file_release(f->file);
	f->file = NULL;
	return await(L, call, NULL);
}

static int file_gc(lua_State *L)
{
	file *f = epl_check(L, 1, TYPE);
	if (f->file) ep_file_release(f->file);
	f->file = NULL;
	return 0;
}

static const luaL_Reg functions[] = {{"read", fs_read}, {"write", fs_write}, {"list", fs_list}, {"walk", fs_walk},
	{"stat", fs_stat}, {"mkdir", fs_mkdir}, {"remove", fs_remove}, {"rename", fs_rename}, {"copy", fs_copy},
	{"realpath", fs_realpath}, {"temp_dir", epl_fs_temp_dir}, {"open", fs_open}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"read", file_read}, {"write", file_write}, {"close", file_close}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", file_gc}, {"__close", file_gc}, {NULL, NULL}};

int epl_open_fs(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	epl_fs_open_temp(L);
	luaL_newlib(L, functions);
	return 1;
}
