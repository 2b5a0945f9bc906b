/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite databases. Face: lua/epact/sqlite.lua; engine: runtime/sqlite/. Nothing here waits. */
#include "runtime/sqlite/sqlite.h"

#include <string.h>

#include "bindings/epl.h"

#define TYPE "epact.sqlite"
#define BLOB "epact.sqlite.blob"

typedef struct database {
	ep_db *db; /* NULL: closed */
} database;

/* --- readers --- */

typedef struct open_options {
	bool readonly;
	uint64_t busy_timeout;
} open_options;

static const epl_option open_spec[] = {
	{"readonly", EPL_BOOL, offsetof(open_options, readonly), 0},
	{"busy_timeout", EPL_SECONDS, offsetof(open_options, busy_timeout), 0},
	{0},
};

static ep_db *check_db(lua_State *L)
{
	database *d = epl_check(L, 1, TYPE);
	if (!d->db) epl_raise_code(L, EP_ECLOSED, "the database is closed");
	return d->db;
}

/* A blob's bytes stand in its user value. */
static ep_value read_blob(lua_State *L, int arg)
{
	ep_value v = {.type = EP_BLOB};
	lua_getiuservalue(L, arg, 1);
	v.bytes = lua_tolstring(L, -1, &v.len);
	lua_pop(L, 1);
	return v;
}

static ep_value read_value(lua_State *L, int arg)
{
	ep_value v = {.type = EP_NULL};
	switch (lua_type(L, arg)) {
	case LUA_TNIL: return v;
	case LUA_TBOOLEAN: return (ep_value){.type = EP_INTEGER, .integer = lua_toboolean(L, arg)};
	case LUA_TNUMBER:
		if (lua_isinteger(L, arg)) return (ep_value){.type = EP_INTEGER, .integer = lua_tointeger(L, arg)};
		return (ep_value){.type = EP_REAL, .real = lua_tonumber(L, arg)};
	case LUA_TSTRING:
		v.type = EP_STRING;
		v.bytes = lua_tolstring(L, arg, &v.len);
		return v;
	default:
		if (luaL_testudata(L, arg, BLOB)) return read_blob(L, arg);
		luaL_argerror(L, arg, "a parameter is nil, a boolean, a number, a string or a sqlite.blob");
		return v;
	}
}

/* f(db, sql, parameters...): the statement with its parameters, which the stack keeps. */
static ep_stmt *prepare(lua_State *L)
{
	ep_db *db = check_db(L);
	ep_err err = {0};
	ep_stmt *s;
	const char *sql = epl_check_text(L, 2, NULL);
	int given = lua_gettop(L) - 2;
	if (ep_db_prepare(db, &s, sql, &err)) epl_raise(L, &err);
	if (ep_stmt_params(s) != given) luaL_error(L, "the SQL has %d parameters, %d were given", ep_stmt_params(s), given);
	for (int i = 1; i <= given; i++) {
		ep_value v = read_value(L, i + 2);
		if (ep_stmt_bind(s, i, &v, &err)) epl_raise(L, &err);
	}
	return s;
}

static int step(lua_State *L, ep_stmt *s)
{
	ep_err err = {0};
	int rc = ep_stmt_step(s, &err);
	return rc < 0 ? epl_raise(L, &err) : rc;
}

static void push_value(lua_State *L, const ep_value *v)
{
	switch (v->type) {
	case EP_INTEGER: lua_pushinteger(L, v->integer); break;
	case EP_REAL: lua_pushnumber(L, v->real); break;
	case EP_STRING:
	case EP_BLOB: lua_pushlstring(L, v->bytes, v->len); break;
	default: lua_pushnil(L); break;
	}
}

static void push_row(lua_State *L, const ep_stmt *s)
{
	int columns = ep_stmt_columns(s);
	ep_value v;
	lua_createtable(L, 0, columns);
	for (int i = 0; i < columns; i++) {
		ep_stmt_value(s, i, &v);
		push_value(L, &v);
		lua_setfield(L, -2, ep_stmt_name(s, i));
	}
}

/* --- module --- */

static int sqlite_open(lua_State *L)
{
	open_options o = {0};
	ep_err err = {0};
	const char *path = epl_check_text(L, 1, NULL);
	luaL_argcheck(L, *path, 1, "the path is empty");
	epl_read_options(L, 2, open_spec, &o, "sqlite.open");
	database *d = epl_new(L, sizeof *d, TYPE);
	ep_db_options options = {.readonly = o.readonly, .busy_timeout = o.busy_timeout};
	/* SQLite's word for it is the empty name, which is more often a mistake. */
	if (!strcmp(path, ":temporary:")) path = "";
	if (ep_db_open(&d->db, path, &options, &err)) return epl_raise(L, &err);
	return 1;
}

static int sqlite_blob(lua_State *L)
{
	luaL_checkstring(L, 1);
	epl_new(L, 1, BLOB);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	return 1;
}

/* --- methods --- */

static int db_exec(lua_State *L)
{
	ep_db *db = check_db(L);
	ep_err err = {0};
	if (ep_db_exec(db, epl_check_text(L, 2, NULL), &err)) return epl_raise(L, &err);
	return 0;
}

static int db_run(lua_State *L)
{
	ep_stmt *s = prepare(L);
	while (step(L, s)) continue;
	lua_pushinteger(L, ep_stmt_changes(s));
	lua_pushinteger(L, ep_db_last_id(check_db(L)));
	return 2;
}

static int db_all(lua_State *L)
{
	ep_stmt *s = prepare(L);
	lua_newtable(L);
	for (lua_Integer i = 1; step(L, s); i++) {
		push_row(L, s);
		lua_rawseti(L, -2, i);
	}
	return 1;
}

static int db_one(lua_State *L)
{
	ep_stmt *s = prepare(L);
	ep_err err = {0};
	if (!step(L, s)) return 0;
	push_row(L, s);
	if (ep_stmt_end(s, &err)) return epl_raise(L, &err);
	return 1;
}

static int db_in_transaction(lua_State *L)
{
	const database *d = epl_check(L, 1, TYPE);
	lua_pushboolean(L, d->db && ep_db_in_transaction(d->db));
	return 1;
}

static int db_close(lua_State *L)
{
	database *d = epl_check(L, 1, TYPE);
	ep_db *db = d->db;
	d->db = NULL;
	if (db) ep_db_close(db);
	return 0;
}

/* --- tables --- */

static const luaL_Reg functions[] = {{"open", sqlite_open}, {"blob", sqlite_blob}, {NULL, NULL}};

static const luaL_Reg methods[] = {{"exec", db_exec}, {"run", db_run}, {"all", db_all}, {"one", db_one},
	{"in_transaction", db_in_transaction}, {"close", db_close}, {NULL, NULL}};

static const luaL_Reg meta[] = {{"__gc", db_close}, {"__close", db_close}, {NULL, NULL}};

int epl_open_sqlite(lua_State *L)
{
	epl_type(L, TYPE, methods, meta);
	epl_type(L, BLOB, NULL, NULL);
	luaL_newlib(L, functions);
	return 1;
}
