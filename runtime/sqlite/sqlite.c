/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sqlite/sqlite.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"

enum { CACHED = 64 };

struct ep_stmt {
	sqlite3_stmt *stmt; /* NULL: a free place of the cache */
	ep_db *db;
	char *sql;
	uint64_t hash, used;
	int total_before; /* changes of the database before its first step */
	bool stepped;
};

struct ep_db {
	sqlite3 *db;
	ep_stmt *active; /* not yet reset */
	uint64_t clock;
	ep_stmt cache[CACHED];
};

/* --- errors --- */

/* Enough of the SQL to find it again; what stands in quotes may be data. */
static int first_words(const char *sql)
{
	int n = 0, words = 0;
	while (isspace((unsigned char)*sql)) sql++;
	for (; sql[n] && n < 60 && !strchr("'\"(;", sql[n]); n++)
		if (isspace((unsigned char)sql[n]) && ++words == 4) break;
	return n;
}

static const char *kind_of(int extended)
{
	switch (extended) {
	case SQLITE_CONSTRAINT_UNIQUE: return "constraint_unique";
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID: return "constraint_primary_key";
	case SQLITE_CONSTRAINT_FOREIGNKEY: return "constraint_foreign_key";
	case SQLITE_CONSTRAINT_NOTNULL: return "constraint_not_null";
	case SQLITE_CONSTRAINT_CHECK: return "constraint_check";
	}
	switch (extended & 0xff) {
	case SQLITE_CONSTRAINT: return "constraint";
	case SQLITE_READONLY: return "readonly";
	case SQLITE_CORRUPT: return "corrupt";
	case SQLITE_NOTADB: return "not_a_database";
	case SQLITE_CANTOPEN: return "cannot_open";
	default: return NULL;
	}
}

static int code_of(int extended)
{
	switch (extended & 0xff) {
	case SQLITE_NOMEM: return EP_ENOMEM;
	case SQLITE_FULL: return EP_ENOSPACE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return EP_EBUSY;
	default: return EP_EDATABASE;
	}
}

static int fail(sqlite3 *db, int rc, const char *sql, ep_err *err)
{
	int extended = sqlite3_extended_errcode(db);
	if ((extended & 0xff) != (rc & 0xff)) extended = rc;
	const char *kind = kind_of(extended);
	while (isspace((unsigned char)*sql)) sql++;
	int code = ep_err_set(err, code_of(extended), "database: %s (in: %.*s)", sqlite3_errmsg(db), first_words(sql), sql);
	if (err && kind) ep_err_text(&err->detail, kind, strlen(kind));
	if (err) err->retryable = code == EP_EBUSY;
	return code;
}

/* --- open and close --- */

static const char pragmas[] = "pragma foreign_keys=on; pragma trusted_schema=off;";
static const char write_pragmas[] = "pragma journal_mode=wal; pragma synchronous=normal;";

/* Only a file that is not there: to open and close one that is would drop this process's locks on it. */
static void create_private(const char *path)
{
	if (!*path || !strcmp(path, ":memory:")) return;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) close(fd); /* otherwise SQLite will find out why, and say so */
}

static int set_up(ep_db *db, const ep_db_options *o, ep_err *err)
{
	uint64_t ms = o->busy_timeout ? o->busy_timeout / 1000000 : 5000;
	sqlite3_extended_result_codes(db->db, 1);
	sqlite3_busy_timeout(db->db, ms > INT_MAX ? INT_MAX : (int)ms);
	sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL); /* "x" is a name, never a string */
	sqlite3_db_config(db->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	int rc = ep_db_exec(db, pragmas, err);
	return rc || o->readonly ? rc : ep_db_exec(db, write_pragmas, err);
}

int ep_db_open(ep_db **out, const char *path, const ep_db_options *options, ep_err *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | (options->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	ep_db *db = ep_calloc(1, sizeof *db);
	if (!db) return ep_err_set(err, EP_ENOMEM, "no memory for a database");
	if (!options->readonly) create_private(path);
	int rc = sqlite3_open_v2(path, &db->db, flags, NULL);
	if (rc) {
		const char *kind = kind_of(rc);
		rc = ep_err_set(
			err, code_of(rc), "opening database %s: %s", path, db->db ? sqlite3_errmsg(db->db) : "no memory");
		if (err && kind) ep_err_text(&err->detail, kind, strlen(kind));
		goto fail;
	}
	if ((rc = set_up(db, options, err))) goto fail;
	*out = db;
	return 0;
fail:
	ep_db_close(db);
	return rc;
}

static void empty(ep_stmt *s)
{
	sqlite3_finalize(s->stmt);
	ep_free(s->sql);
	*s = (ep_stmt){0};
}

void ep_db_close(ep_db *db)
{
	for (int i = 0; i < CACHED; i++) empty(&db->cache[i]);
	sqlite3_close_v2(db->db);
	ep_free(db);
}

/* --- statements --- */

static void reset(ep_db *db)
{
	if (!db->active) return;
	sqlite3_reset(db->active->stmt);
	sqlite3_clear_bindings(db->active->stmt);
	db->active = NULL;
}

int ep_db_exec(ep_db *db, const char *sql, ep_err *err)
{
	reset(db);
	int rc = sqlite3_exec(db->db, sql, NULL, NULL, NULL);
	return rc ? fail(db->db, rc, sql, err) : 0;
}

bool ep_db_in_transaction(const ep_db *db) { return !sqlite3_get_autocommit(db->db); }

static uint64_t hash_of(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (; *text; text++) h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return h;
}

static ep_stmt *find(ep_db *db, const char *sql, uint64_t hash)
{
	for (int i = 0; i < CACHED; i++) {
		ep_stmt *s = &db->cache[i];
		if (s->stmt && s->hash == hash && !strcmp(s->sql, sql)) return s;
	}
	return NULL;
}

/* A free place, or that of the statement which was not used for longest. */
static ep_stmt *place_for(ep_db *db)
{
	ep_stmt *oldest = &db->cache[0];
	for (int i = 0; i < CACHED; i++) {
		ep_stmt *s = &db->cache[i];
		if (!s->stmt) return s;
		if (s->used < oldest->used) oldest = s;
	}
	empty(oldest);
	return oldest;
}

/* What follows the first statement may be blanks and comments only. */
static int check_tail(ep_db *db, const char *tail, ep_err *err)
{
	sqlite3_stmt *more = NULL;
	if (!*tail) return 0;
	int rc = sqlite3_prepare_v2(db->db, tail, -1, &more, NULL);
	sqlite3_finalize(more);
	if (!rc && !more) return 0;
	return ep_err_set(err, EP_EINVAL, "more than one SQL statement: exec runs several");
}

static int compile(ep_db *db, ep_stmt **out, const char *sql, uint64_t hash, ep_err *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *tail = "";
	int rc = sqlite3_prepare_v3(db->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &tail);
	if (rc) return fail(db->db, rc, sql, err);
	if (!stmt) return ep_err_set(err, EP_EINVAL, "no SQL statement");
	rc = check_tail(db, tail, err);
	char *copy = rc ? NULL : ep_strdup(sql);
	if (!copy) {
		sqlite3_finalize(stmt);
		return rc ? rc : ep_err_set(err, EP_ENOMEM, "no memory for a statement");
	}
	*out = place_for(db);
	**out = (ep_stmt){.stmt = stmt, .db = db, .sql = copy, .hash = hash};
	return 0;
}

int ep_db_prepare(ep_db *db, ep_stmt **out, const char *sql, ep_err *err)
{
	reset(db);
	uint64_t hash = hash_of(sql);
	ep_stmt *s = find(db, sql, hash);
	int rc = s ? 0 : compile(db, &s, sql, hash, err);
	if (rc) return rc;
	s->used = ++db->clock;
	s->stepped = false;
	db->active = s;
	*out = s;
	return 0;
}

int ep_stmt_params(const ep_stmt *s) { return sqlite3_bind_parameter_count(s->stmt); }

static int bind(sqlite3_stmt *stmt, int index, const ep_value *v)
{
	const char *bytes = v->len ? v->bytes : ""; /* a NULL pointer would be NULL */
	switch (v->type) {
	case EP_INTEGER: return sqlite3_bind_int64(stmt, index, v->integer);
	case EP_REAL: return sqlite3_bind_double(stmt, index, v->real);
	case EP_STRING: return sqlite3_bind_text64(stmt, index, bytes, v->len, SQLITE_STATIC, SQLITE_UTF8);
	case EP_BLOB: return sqlite3_bind_blob64(stmt, index, bytes, v->len, SQLITE_STATIC);
	default: return sqlite3_bind_null(stmt, index);
	}
}

int ep_stmt_bind(ep_stmt *s, int index, const ep_value *value, ep_err *err)
{
	if (value->type == EP_REAL && isnan(value->real))
		return ep_err_set(err, EP_EINVAL, "parameter %d is not a number (NaN), which SQLite can't keep", index);
	int rc = bind(s->stmt, index, value);
	return rc ? fail(s->db->db, rc, s->sql, err) : 0;
}

int ep_stmt_step(ep_stmt *s, ep_err *err)
{
	if (!s->stepped) s->total_before = sqlite3_total_changes(s->db->db);
	s->stepped = true;
	int rc = sqlite3_step(s->stmt);
	if (rc == SQLITE_ROW) return 1;
	if (rc != SQLITE_DONE) rc = fail(s->db->db, rc, s->sql, err);
	reset(s->db); /* which ends an implicit transaction */
	return rc == SQLITE_DONE ? 0 : rc;
}

int ep_stmt_end(ep_stmt *s, ep_err *err)
{
	int rc = 1;
	while (rc > 0 && s->db->active == s && !sqlite3_stmt_readonly(s->stmt)) rc = ep_stmt_step(s, err);
	reset(s->db);
	return rc < 0 ? rc : 0;
}

int ep_stmt_columns(const ep_stmt *s) { return sqlite3_column_count(s->stmt); }
const char *ep_stmt_name(const ep_stmt *s, int column) { return sqlite3_column_name(s->stmt, column); }

void ep_stmt_value(const ep_stmt *s, int column, ep_value *out)
{
	*out = (ep_value){.type = EP_NULL};
	switch (sqlite3_column_type(s->stmt, column)) {
	case SQLITE_INTEGER:
		*out = (ep_value){.type = EP_INTEGER, .integer = sqlite3_column_int64(s->stmt, column)};
		return;
	case SQLITE_FLOAT: *out = (ep_value){.type = EP_REAL, .real = sqlite3_column_double(s->stmt, column)}; return;
	case SQLITE_TEXT:
		out->type = EP_STRING;
		out->bytes = (const char *)sqlite3_column_text(s->stmt, column);
		break;
	case SQLITE_BLOB:
		out->type = EP_BLOB;
		out->bytes = sqlite3_column_blob(s->stmt, column);
		break;
	default: return;
	}
	out->len = (size_t)sqlite3_column_bytes(s->stmt, column);
	if (!out->bytes) out->bytes = "";
}

int64_t ep_stmt_changes(const ep_stmt *s)
{
	bool changed = sqlite3_total_changes(s->db->db) != s->total_before;
	return changed ? sqlite3_changes64(s->db->db) : 0;
}

int64_t ep_db_last_id(const ep_db *db) { return sqlite3_last_insert_rowid(db->db); }
