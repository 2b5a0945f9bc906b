/* SPDX-License-Identifier: Apache-2.0 */
/* Making and changing repos of the Relace API: their sources and metadata. Face: lua/epact/relace/repo.lua; engine:
 * runtime/relace/repo and upload. */
#include <string.h>

#include "bindings/argv.h"
#include "bindings/relace.h"
#include "bindings/relace_body.h"
#include "runtime/relace/repo.h"
#include "runtime/relace/upload.h"

/* --- readers --- */

static ep_relace_text field_text(lua_State *L, int index, const char *key, lua_Integer i)
{
	ep_relace_text text;
	if (lua_getfield(L, index, key) != LUA_TSTRING)
		luaL_error(L, "repo:update: operation %I needs the string '%s'", i, key);
	text.data = lua_tolstring(L, -1, &text.len); /* anchored by the operation's table */
	lua_pop(L, 1);
	return text;
}

static const char *const operation_types[] = {"write", "delete", "rename", NULL};

static void read_operation(lua_State *L, ep_buf *operations, int index, lua_Integer i)
{
	ep_err err = {0};
	int rc = 0;
	if (!lua_istable(L, index)) luaL_error(L, "repo:update: operation %I must be a table", i);
	ep_relace_text type = field_text(L, index, "type", i);
	if (!strcmp(type.data, "write"))
		rc = ep_relace_add_write(
			operations, field_text(L, index, "filename", i), field_text(L, index, "content", i), &err);
	else if (!strcmp(type.data, "delete"))
		rc = ep_relace_add_delete(operations, field_text(L, index, "filename", i), &err);
	else if (!strcmp(type.data, "rename"))
		rc = ep_relace_add_rename(
			operations, field_text(L, index, "old_filename", i), field_text(L, index, "new_filename", i), &err);
	else
		luaL_error(L, "repo:update: operation %I has the type '%s'; known are %s, %s, %s", i, type.data,
			operation_types[0], operation_types[1], operation_types[2]);
	if (rc) epl_raise(L, &err);
}

static const ep_buf *read_operations(lua_State *L, int index)
{
	lua_Integer n = epl_check_array(L, index, "repo:update", "operations");
	ep_buf *operations = epl_push_text(L);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, index, i);
		read_operation(L, operations, lua_gettop(L), i);
		lua_pop(L, 1);
	}
	return operations;
}

typedef struct source_options {
	epl_text type, directory, url, branch, hash, repo_id;
	int files, operations;                   /* stack indexes, 0: not given */
	int shallow, copy_metadata, copy_remote; /* 1, 0, -1: not given */
	bool skip_binary;
} source_options;

#define OPTION(name, kind) EPL_OPTION(kind, source_options, name)

static const epl_option files_spec[] = {
	OPTION(type, EPL_TEXT), OPTION(files, EPL_TABLE), OPTION(directory, EPL_TEXT), OPTION(skip_binary, EPL_BOOL), {0}};
static const epl_option git_spec[] = {OPTION(type, EPL_TEXT), OPTION(url, EPL_TEXT), OPTION(branch, EPL_TEXT),
	OPTION(hash, EPL_TEXT), OPTION(shallow, EPL_TRISTATE), {0}};
static const epl_option relace_spec[] = {OPTION(type, EPL_TEXT), OPTION(repo_id, EPL_TEXT),
	OPTION(copy_metadata, EPL_TRISTATE), OPTION(copy_remote, EPL_TRISTATE), {0}};
static const epl_option diff_spec[] = {OPTION(type, EPL_TEXT), OPTION(operations, EPL_TABLE), {0}};

typedef struct repo_options {
	int source, metadata, auto_index;
} repo_options;

static const epl_option create_spec[] = {{"source", EPL_TABLE, offsetof(repo_options, source), 0},
	{"metadata", EPL_TABLE, offsetof(repo_options, metadata), 0},
	{"auto_index", EPL_TRISTATE, offsetof(repo_options, auto_index), 0}, {0}};
static const epl_option update_spec[] = {{"source", EPL_TABLE, offsetof(repo_options, source), 0},
	{"metadata", EPL_TABLE, offsetof(repo_options, metadata), 0}, {0}};

/* What is to be sent: files, or a change without files. */
typedef struct sending {
	bool has_files;
	ep_relace_files files;
	ep_relace_change change;
} sending;

/* The list of files at index; pushes an array that holds the texts while they are sent, and the items. */
static void read_list(lua_State *L, int index, ep_relace_files *files, const char *what)
{
	lua_Integer n = epl_check_array(L, index, what, "files");
	lua_createtable(L, (int)(n * 2), 0);
	int held = lua_gettop(L);
	ep_files_item *items = lua_newuserdatauv(L, (size_t)(n ? n : 1) * sizeof *items, 0);
	for (lua_Integer i = 0; i < n; i++) {
		if (lua_rawgeti(L, index, i + 1) != LUA_TTABLE) luaL_error(L, "%s: file %I must be a table", what, i + 1);
		if (lua_getfield(L, -1, "filename") != LUA_TSTRING)
			luaL_error(L, "%s: file %I needs the string 'filename'", what, i + 1);
		items[i].name = lua_tolstring(L, -1, &items[i].name_len);
		lua_rawseti(L, held, i * 2 + 1);
		if (lua_getfield(L, -1, "content") != LUA_TSTRING)
			luaL_error(L, "%s: file %I ('%s') needs the string 'content'", what, i + 1, items[i].name);
		items[i].content = lua_tolstring(L, -1, &items[i].content_len);
		lua_rawseti(L, held, i * 2 + 2);
		lua_pop(L, 1);
	}
	files->list = items;
	files->count = (size_t)n;
}

static void read_files(lua_State *L, int source, sending *s, const char *what)
{
	source_options o = {0};
	epl_read_options(L, source, files_spec, &o, what);
	if (!o.files == !o.directory.data) luaL_error(L, "%s: a source of files needs either 'files' or 'directory'", what);
	if (o.directory.data && !o.directory.len) luaL_error(L, "%s: option 'directory' is empty", what);
	s->has_files = true;
	s->files.folder = o.directory.data;
	s->files.skip_binary = o.skip_binary;
	if (o.files) read_list(L, o.files, &s->files, what);
}

static void need(lua_State *L, bool given, const char *what, const char *type, const char *name)
{
	if (!given) luaL_error(L, "%s: a source of type '%s' needs '%s'", what, type, name);
}

static void read_source(lua_State *L, int source, sending *s, bool create, const char *what)
{
	source_options o = {.shallow = -1, .copy_metadata = -1, .copy_remote = -1};
	lua_getfield(L, source, "type");
	const char *type = lua_tostring(L, -1);
	if (type && !strcmp(type, "files")) {
		read_files(L, source, s, what);
	} else if (type && !strcmp(type, "git")) {
		epl_read_options(L, source, git_spec, &o, what);
		need(L, o.url.data, what, type, "url");
		s->change.source = EP_SOURCE_GIT;
		s->change.url = epl_relace_text(o.url);
		s->change.branch = epl_relace_text(o.branch);
		s->change.hash = epl_relace_text(o.hash);
		s->change.shallow = o.shallow;
	} else if (type && create && !strcmp(type, "relace")) {
		epl_read_options(L, source, relace_spec, &o, what);
		need(L, o.repo_id.data, what, type, "repo_id");
		s->change.source = EP_SOURCE_RELACE;
		s->change.repo_id = epl_relace_text(o.repo_id);
		s->change.copy_metadata = o.copy_metadata;
		s->change.copy_remote = o.copy_remote;
	} else if (type && !create && !strcmp(type, "diff")) {
		epl_read_options(L, source, diff_spec, &o, what);
		need(L, o.operations, what, type, "operations");
		s->change.source = EP_SOURCE_DIFF;
		s->change.operations = read_operations(L, o.operations);
	} else {
		luaL_error(L, "%s: the source's 'type' must be %s", what,
			create ? "'files', 'git' or 'relace'" : "'files', 'diff' or 'git'");
	}
}

static sending read_sending(lua_State *L, int params, bool create, const char *what)
{
	sending s = {.change = EP_RELACE_NO_CHANGE};
	repo_options o = {.auto_index = -1};
	epl_read_options(L, params, create ? create_spec : update_spec, &o, what);
	luaL_checkstack(L, 30, what);
	s.change.auto_index = s.files.auto_index = o.auto_index;
	s.change.metadata = s.files.metadata = epl_push_pairs(L, o.metadata, "metadata", what);
	if (o.source) read_source(L, o.source, &s, create, what);
	return s;
}

/* --- answers of what sends files --- */

static void push_left_out(lua_State *L, const ep_tree *tree)
{
	lua_createtable(L, (int)tree->left_count, 0);
	for (size_t i = 0; i < tree->left_count; i++) {
		lua_createtable(L, 0, 2);
		lua_pushstring(L, tree->left[i].name);
		lua_setfield(L, -2, "filename");
		lua_pushstring(L, ep_tree_reason(tree->left[i].reason));
		lua_setfield(L, -2, "reason");
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static int add_left_out(lua_State *L, const ep_relace_upload *u)
{
	if (u->tree) {
		push_left_out(L, u->tree);
		lua_setfield(L, -2, "left_out");
	}
	return 1;
}

static int push_uploaded(lua_State *L, ep_op *op)
{
	const ep_relace_upload *u = (const ep_relace_upload *)op;
	epl_push_answer(L, &u->call->op);
	return add_left_out(L, u);
}

/* Without its id the new repo is lost: that is no success. */
static int push_created(lua_State *L, ep_op *op)
{
	epl_push_answer(L, op);
	if (lua_getfield(L, -1, "repo_id") != LUA_TSTRING)
		return epl_fail_answer(L, (const ep_relace_call *)op, "no repo_id stands in it");
	lua_pop(L, 1);
	return 1;
}

static int push_created_of_files(lua_State *L, ep_op *op)
{
	const ep_relace_upload *u = (const ep_relace_upload *)op;
	push_created(L, &u->call->op);
	return add_left_out(L, u);
}

static int push_uploaded_raw(lua_State *L, ep_op *op)
{
	const ep_relace_upload *u = (const ep_relace_upload *)op;
	epl_push_raw(L, u->call);
	return add_left_out(L, u);
}

static int await_upload(
	lua_State *L, int rc, ep_relace_upload *u, ep_err *err, const epl_call_options *o, epl_push *push)
{
	return rc ? epl_raise(L, err) : epl_await(L, &u->op, o->raw ? push_uploaded_raw : push);
}

/* --- methods --- */

/* client:repo_create(params, options) -> {repo_id, repo_head, left_out} */
static int repo_create(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	epl_call_options o = epl_relace_options(L, 3, "repo:create");
	ep_relace_upload *upload;
	ep_relace_call *call;
	ep_err err = {0};
	sending s = read_sending(L, 2, true, "repo:create");
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	if (s.has_files) {
		int rc = ep_relace_create_of_files(&upload, c, procs, &s.files, &o.call, &err);
		return await_upload(L, rc, upload, &err, &o, push_created_of_files);
	}
	int rc = ep_relace_repo_create(&call, c, &s.change, &o.call, &err);
	return epl_await_call(L, rc, call, &err, &o, push_created);
}

/* client:repo_update(id, params, options) -> {repo_id, repo_head, changed_files, left_out} */
static int repo_update(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	ep_relace_text id = epl_check_repo_id(L, 2);
	epl_call_options o = epl_relace_options(L, 4, "repo:update");
	ep_relace_upload *upload;
	ep_relace_call *call;
	ep_err err = {0};
	luaL_checktype(L, 3, LUA_TTABLE);
	sending s = read_sending(L, 3, false, "repo:update");
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	if (s.has_files) {
		int rc = ep_relace_overwrite(&upload, c, procs, id, &s.files, &o.call, &err);
		return await_upload(L, rc, upload, &err, &o, push_uploaded);
	}
	int rc = ep_relace_repo_update(&call, c, id, &s.change, &o.call, &err);
	return epl_await_call(L, rc, call, &err, &o, epl_push_answer);
}

typedef struct overwrite_options {
	epl_call_fields call;
	int metadata;
	bool skip_binary;
} overwrite_options;

static const epl_option overwrite_spec[] = {EPL_CALL_OPTIONS(offsetof(overwrite_options, call)),
	{"metadata", EPL_TABLE, offsetof(overwrite_options, metadata), 0},
	{"skip_binary", EPL_BOOL, offsetof(overwrite_options, skip_binary), 0}, {0}};

/* The folder or the list at index. */
static void read_content(lua_State *L, int index, ep_relace_files *files)
{
	if (lua_type(L, index) == LUA_TSTRING) {
		files->folder = epl_check_text(L, index, NULL);
		if (!files->folder[0]) luaL_error(L, "repo:overwrite: the name of the folder is empty");
	} else if (lua_istable(L, index)) {
		read_list(L, index, files, "repo:overwrite");
	} else {
		luaL_error(L, "repo:overwrite: a folder or an array of files is expected, got %s", luaL_typename(L, index));
	}
}

/* client:repo_overwrite(id, content, options) -> {repo_id, repo_head, changed_files, left_out} */
static int repo_overwrite(lua_State *L)
{
	ep_relace_client *c = epl_check_relace(L, 1);
	overwrite_options own = {.call = EPL_NO_CALL_FIELDS};
	ep_relace_files files = {.auto_index = -1};
	ep_relace_upload *upload;
	ep_err err = {0};
	lua_settop(L, 4);
	ep_relace_text id = epl_check_repo_id(L, 2);
	luaL_checkstack(L, 30, "repo:overwrite");
	epl_read_options(L, 4, overwrite_spec, &own, "repo:overwrite");
	epl_call_options o = epl_take_call_fields(L, &own.call, "repo:overwrite");
	files.skip_binary = own.skip_binary;
	files.metadata = epl_push_pairs(L, own.metadata, "metadata", "repo:overwrite");
	read_content(L, 3, &files);
	ep_procs *procs = epl_procs(L);
	epl_check_can_wait(L);
	int rc = ep_relace_overwrite(&upload, c, procs, id, &files, &o.call, &err);
	return await_upload(L, rc, upload, &err, &o, push_uploaded);
}

typedef struct apply_options {
	epl_call_fields call;
	bool skip_binary;
} apply_options;

/* client:apply_check(options) -> skip_binary; raises for options that repo:apply does not take */
static int apply_check(lua_State *L)
{
	static const epl_option spec[] = {
		EPL_CALL_OPTIONS(offsetof(apply_options, call)), EPL_OPTION(EPL_BOOL, apply_options, skip_binary), {0}};
	apply_options o = {.call = EPL_NO_CALL_FIELDS};
	lua_settop(L, 2);
	epl_read_options(L, 2, spec, &o, "repo:apply");
	epl_take_call_fields(L, &o.call, "repo:apply");
	lua_pushboolean(L, o.skip_binary);
	return 1;
}

static const luaL_Reg methods[] = {{"repo_create", repo_create}, {"repo_update", repo_update},
	{"repo_overwrite", repo_overwrite}, {"apply_check", apply_check}, {NULL, NULL}};

void epl_open_relace_change(lua_State *L) { luaL_setfuncs(L, methods, 0); }
