/* SPDX-License-Identifier: Apache-2.0 */
/* What Lua can't reach: failing memory, statements that are left in the middle. The rest: tests/lua/sqlite_test.lua. */
#include "runtime/sqlite/sqlite.h"

#include "runtime/base/mem.h"
#include "test.h"

static ep_db *open_memory(void)
{
	ep_db *db;
	ep_err err = {0};
	CHECK_INT_EQ(ep_db_open(&db, ":memory:", &(ep_db_options){0}, &err), 0);
	CHECK_INT_EQ(ep_db_exec(db, "create table t(v); insert into t values(1), (2), (3)", &err), 0);
	return db;
}

static ep_stmt *prepare(ep_db *db, const char *sql)
{
	ep_stmt *s;
	CHECK_INT_EQ(ep_db_prepare(db, &s, sql, NULL), 0);
	return s;
}

TEST(open_without_memory)
{
	ep_err err = {0};
	ep_db *db = NULL;
	for (long n = 1; !db; n++) {
		ep_mem_fail_after(n);
		int rc = ep_db_open(&db, ":memory:", &(ep_db_options){0}, &err);
		ep_mem_fail_after(0);
		CHECK(rc == 0 || rc == EP_ENOMEM);
		ep_err_fini(&err);
	}
	ep_db_close(db);
}

TEST(prepare_without_memory)
{
	ep_db *db = open_memory();
	ep_stmt *s;
	ep_mem_fail_after(1);
	CHECK_INT_EQ(ep_db_prepare(db, &s, "select 1", NULL), EP_ENOMEM);
	ep_mem_fail_after(0);
	CHECK_INT_EQ(ep_stmt_step(prepare(db, "select 1"), NULL), 1);
	ep_db_close(db);
}

TEST(left_in_the_middle)
{
	ep_db *db = open_memory();
	ep_value v;
	ep_stmt *s = prepare(db, "select v from t");
	CHECK_INT_EQ(ep_stmt_step(s, NULL), 1);
	CHECK_INT_EQ(ep_db_exec(db, "drop table t", NULL), 0); /* locked, if the statement still ran */
	s = prepare(db, "select ?");
	CHECK_INT_EQ(ep_stmt_bind(s, 1, &(ep_value){.type = EP_INTEGER, .integer = 7}, NULL), 0);
	s = prepare(db, "select ?"); /* the same one from the cache: nothing is bound */
	CHECK_INT_EQ(ep_stmt_step(s, NULL), 1);
	ep_stmt_value(s, 0, &v);
	CHECK_INT_EQ(v.type, EP_NULL);
	ep_db_close(db); /* with the statement open */
}

TEST(end_runs_a_write_to_its_end)
{
	ep_db *db = open_memory();
	ep_value v;
	ep_stmt *s = prepare(db, "insert into t values(4), (5) returning v");
	CHECK_INT_EQ(ep_stmt_step(s, NULL), 1);
	CHECK_INT_EQ(ep_stmt_end(s, NULL), 0);
	CHECK(!ep_db_in_transaction(db));
	s = prepare(db, "select count(*) from t");
	CHECK_INT_EQ(ep_stmt_step(s, NULL), 1);
	ep_stmt_value(s, 0, &v);
	CHECK_INT_EQ(v.integer, 5);
	ep_db_close(db);
}
