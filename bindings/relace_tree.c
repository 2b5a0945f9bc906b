/* SPDX-License-Identifier: Apache-2.0 */
/* Listed folders, and changes made of them. Face: lua/epact/relace/plan.lua; engine: runtime/relace/tree and upload. */
#include "bindings/argv.h"
#include "bindings/relace.h"
#include "bindings/relace_body.h"
#include "runtime/crypto/crypto.h"
#include "runtime/relace/repo.h"
#include "runtime/relace/upload.h"

#define TREE "epact.relace.tree"

typedef struct tree {
	ep_tree *tree; /* NULL: not filled yet, or closed */
} tree;

static ep_tree *check_tree(lua_State *L, int arg)
{
	const tree *t = epl_check(L, arg, TREE);
	if (!t->tree) epl_raise_code(L, EP_ECLOSED, "the plan was closed");
	return t->tree;
}

/* --- readers --- */

/* The places in the tree that the array at index names; pushes what holds them. */
static void read_writes(lua_State *L, int index, ep_relace_tree_change *change)
{
	lua_Integer n = (lua_Integer)lua_rawlen(L, index);
	size_t *writes = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *writes, 0);
	for (lua_Integer i = 0; i < n; i++) {
		lua_rawgeti(L, index, i + 1);
		lua_Integer place = luaL_checkinteger(L, -1);
		if (place < 1 || (size_t)place > change->tree->count) luaL_error(L, "change: there is no file %I", place);
		writes[i] = (size_t)place - 1;
		lua_pop(L, 1);
	}
	change->writes = writes;
	change->count = (size_t)n;
}

static ep_relace_text text_at(lua_State *L, int index)
{
	ep_relace_text text;
	text.data = luaL_checklstring(L, index, &text.len);
	return text;
}

static void read_deletes(lua_State *L, int index, ep_buf *out)
{
	ep_err err = {0};
	for (lua_Integer i = 1; lua_rawgeti(L, index, i) != LUA_TNIL; i++, lua_pop(L, 1))
		if (ep_relace_add_delete(out, text_at(L, -1), &err)) epl_raise(L, &err);
	lua_pop(L, 1);
}

static void read_renames(lua_State *L, int index, ep_buf *out)
{
	ep_err err = {0};
	for (lua_Integer i = 1; lua_rawgeti(L, index, i) != LUA_TNIL; i++, lua_pop(L, 3)) {
		lua_getfield(L, -1, "old_filename");
		lua_getfield(L, -2, "new_filename");
		if (ep_relace_add_rename(out, text_at(L, -2), text_at(L, -1), &err)) epl_raise(L, &err);
	}
	lua_pop(L, 1);
}

typedef struct change_options {
	bool whole;
	int writes, deletes, renames;
} change_options;

static const epl_option change_spec[] = {{"whole", EPL_BOOL, offsetof(change_options, whole), 0},
	{"writes", EPL_TABLE, offsetof(change_options, writes), 0},
	{"deletes", EPL_TABLE, offsetof(change_options, deletes), 0},
	{"renames", EPL_TABLE, offsetof(change_options, renames), 0}, {0}};

/* The change of the tree that the table at index describes; pushes what holds it. */
static ep_relace_tree_change read_change(lua_State *L, ep_tree *of, int index)
{
	change_options o = {0};
	ep_relace_tree_change change = {.tree = of};
	epl_read_options(L, index, change_spec, &o, "change");
	luaL_checkstack(L, 12, "change");
	change.whole = o.whole;
	ep_buf *others = epl_push_text(L);
	if (o.writes) read_writes(L, o.writes, &change);
	if (o.deletes) read_deletes(L, o.deletes, others);
	if (o.renames) read_renames(L, o.renames, others);
	change.others = others;
	return change;
}

/* --- module functions --- */

static int push_tree(lua_State *L, ep_op *op)
{
	tree *t = epl_new(L, sizeof *t, TREE);
	t->tree = (ep_tree *)op;
	ep_op_retain(op);
	return 1;
}

/* tree(directory) -> tree: what an overwrite would send, with git's ids of the contents */
int epl_relace_tree(lua_State *L)
{
	size_t len;
	const ep_tree_options options = {.skip_binary = true, .ids = true};
	const char *folder = epl_check_text(L, 1, &len);
	if (!len) luaL_argerror(L, 1, "the folder is empty");
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	ep_tree *listed = ep_tree_start(procs, folder, &options);
	if (!listed) return luaL_error(L, "not enough memory");
	return epl_await(L, &listed->op, push_tree);
}

/* --- results --- */

static void push_id(lua_State *L, const unsigned char id[EP_SHA1_SIZE])
{
	char hex[2 * EP_SHA1_SIZE];
	ep_hex(hex, id, EP_SHA1_SIZE);
	lua_pushlstring(L, hex, sizeof hex);
}

static void set_content(lua_State *L, const char *name, uint64_t size, const unsigned char id[EP_SHA1_SIZE])
{
	lua_pushstring(L, name);
	lua_setfield(L, -2, "filename");
	lua_pushinteger(L, (lua_Integer)size);
	lua_setfield(L, -2, "size");
	push_id(L, id);
	lua_setfield(L, -2, "id");
}

/* --- methods --- */

/* tree:files() -> {{filename, size, id}, ...} */
static int tree_files(lua_State *L)
{
	const ep_tree *t = check_tree(L, 1);
	lua_createtable(L, (int)t->count, 0);
	for (size_t i = 0; i < t->count; i++) {
		lua_createtable(L, 0, 4);
		set_content(L, t->files[i].name, t->files[i].size, t->files[i].id);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* tree:left() -> {{filename, reason, size, id}, ...}: size and id of what is binary */
static int tree_left(lua_State *L)
{
	const ep_tree *t = check_tree(L, 1);
	lua_createtable(L, (int)t->left_count, 0);
	for (size_t i = 0; i < t->left_count; i++) {
		const ep_tree_left *left = &t->left[i];
		lua_createtable(L, 0, 4);
		if (left->reason == EP_LEFT_BINARY) {
			set_content(L, left->name, left->size, left->id);
		} else {
			lua_pushstring(L, left->name);
			lua_setfield(L, -2, "filename");
		}
		lua_pushstring(L, ep_tree_reason(left->reason));
		lua_setfield(L, -2, "reason");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* tree:path() -> string */
static int tree_path(lua_State *L)
{
	lua_pushstring(L, check_tree(L, 1)->path);
	return 1;
}

/* tree:length(change) -> bytes of the body that it makes */
static int tree_length(lua_State *L)
{
	ep_tree *t = check_tree(L, 1);
	ep_err err = {0};
	ep_relace_tree_change change = read_change(L, t, 2);
	int64_t length = ep_relace_tree_change_length(&change, &err);
	if (length < 0) return epl_raise(L, &err);
	lua_pushinteger(L, length);
	return 1;
}

static int tree_close(lua_State *L)
{
	tree *t = epl_check(L, 1, TREE);
	if (t->tree) ep_op_unref(&t->tree->op);
	t->tree = NULL;
	return 0;
}

static int push_sent(lua_State *L, ep_op *op) { return epl_push_answer(L, &((ep_relace_upload *)op)->call->op); }

/* client:send_change(id, tree, change, options) -> {repo_id, repo_head, changed_files} */
static int send_change(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	ep_relace_text id = epl_check_repo_id(L, 2);
	ep_tree *t = check_tree(L, 3);
	epl_call_options o = epl_relace_options(L, 5, "repo:apply");
	ep_relace_upload *upload;
	ep_err err = {0};
	ep_relace_tree_change change = read_change(L, t, 4);
	epl_check_can_wait(L);
	if (ep_relace_send_change(&upload, c, id, &change, &o.call, &err)) return epl_raise(L, &err);
	return epl_await(L, &upload->op, push_sent);
}

static const luaL_Reg client_methods[] = {{"send_change", send_change}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"files", tree_files}, {"left", tree_left}, {"path", tree_path},
	{"length", tree_length}, {"close", tree_close}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", tree_close}, {"__close", tree_close}, {NULL, NULL}};

void epl_open_relace_tree(lua_State *L)
{
	epl_type(L, TREE, methods, meta);
	luaL_setfuncs(L, client_methods, 0);
}
