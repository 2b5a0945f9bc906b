/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EP_SQLITE_SQLITE_H
#define EP_SQLITE_SQLITE_H

/* A SQLite database: small local data. Calls block the thread; none waits for anything but the disk and, up to the busy
 * timeout, another process that writes.
 *
 * Life: a database from ep_db_open to ep_db_close; a statement is the database's, and valid until the next ep_db_ call.
 * Thread: one, the opener's. Owner: the caller of ep_db_open.
 * Errors: EP_EDATABASE with SQLite's words and the first ones of the SQL, never a parameter, and its kind as the detail
 * ("constraint_unique", ...); EP_ENOMEM, EP_ENOSPACE, EP_EBUSY. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/err.h"

typedef struct ep_db ep_db;
typedef struct ep_stmt ep_stmt;

typedef struct ep_db_options {
	bool readonly;
	uint64_t busy_timeout; /* nanoseconds to wait for another process; 0: 5 s */
} ep_db_options;

/* Opens or creates (mode 0600) a database: WAL, foreign keys on, the schema not trusted. A commit outlives the death of
 * the process at any moment; a power cut may take the last ones (synchronous is NORMAL), and never damages the rest. */
int ep_db_open(ep_db **out, const char *path, const ep_db_options *options, ep_err *err);

void ep_db_close(ep_db *db);

/* Runs all statements of sql; rows are dropped. */
int ep_db_exec(ep_db *db, const char *sql, ep_err *err);

/* Whether a transaction is open. */
bool ep_db_in_transaction(const ep_db *db);

/* The one statement of sql, ready to be bound, from the cache if it is there. */
int ep_db_prepare(ep_db *db, ep_stmt **out, const char *sql, ep_err *err);

int ep_stmt_params(const ep_stmt *s);

typedef enum ep_type { EP_NULL, EP_INTEGER, EP_REAL, EP_STRING, EP_BLOB } ep_type;

typedef struct ep_value {
	ep_type type;
	int64_t integer;
	double real;
	const char *bytes; /* of a string or blob: borrowed, until the next step or, bound, the end of the statement */
	size_t len;
} ep_value;

/* index from 1. A NaN is refused: SQLite would keep NULL. */
int ep_stmt_bind(ep_stmt *s, int index, const ep_value *value, ep_err *err);

/* 1: a row; 0: done. */
int ep_stmt_step(ep_stmt *s, ep_err *err);

int ep_stmt_columns(const ep_stmt *s);
const char *ep_stmt_name(const ep_stmt *s, int column); /* column from 0; borrowed */
void ep_stmt_value(const ep_stmt *s, int column, ep_value *out);

/* Ends the statement before its last row, unless it writes: then it runs to its end. */
int ep_stmt_end(ep_stmt *s, ep_err *err);

/* Rows changed by the statement that has just been done, without those of triggers. */
int64_t ep_stmt_changes(const ep_stmt *s);

/* The rowid of the last row inserted through this database. */
int64_t ep_db_last_id(const ep_db *db);

#endif
