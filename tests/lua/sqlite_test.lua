-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local process = require "epact.process"
local sqlite = require "epact.sqlite"
local task = require "epact.task"

local folder = os.getenv("TMPDIR")

local function with_file(name, fn)
	local path = folder .. "/" .. name
	local guard <close> = setmetatable({}, { __close = function()
		for _, suffix in ipairs { "", "-wal", "-shm", "-journal" } do os.remove(path .. suffix) end
	end })
	fn(path)
end

local function memory()
	local db = sqlite.open(":memory:")
	db:exec "create table t(id integer primary key, v); create table u(id integer primary key, t references t(id))"
	return db
end

check.case("values are exact", function()
	local db <close> = memory()
	local values = { math.maxinteger, math.mininteger, 0, -1, 0.1, 1e300, math.huge, -0.5, "", "a\0b", "ä€😀",
		("x"):rep(1000000) }
	for _, v in ipairs(values) do
		db:run("insert into t(v) values(?)", v)
		check.equal(db:one("select v from t order by id desc limit 1").v, v)
	end
	check.equal(db:one("select ? as v", nil).v, nil)
	check.equal(db:one("select ? as a, ? as b", true, false), { a = 1, b = 0 })
	for _, bytes in ipairs { "", "\0\255\254", "abc" } do
		check.equal(db:one("select ?1 as v, typeof(?1) as k", sqlite.blob(bytes)), { v = bytes, k = "blob" })
	end
	check.equal(db:one("select typeof(?) as k", "").k, "text")
	check.fails("NaN", db.run, db, "insert into t(v) values(?)", 0 / 0)
end)

check.case("run, all, one", function()
	local db <close> = memory()
	local changes, id = db:run("insert into t(v) values('a'), ('b'), ('c')")
	check.equal({ changes, id }, { 3, 3 })
	check.equal(db:run("update t set v = 'x' where id > 1"), 2)
	check.equal(db:run("create table w(a)"), 0)
	check.equal(db:run("delete from t where id = 99"), 0)
	check.equal(db:all("select * from t order by id"), { { id = 1, v = "a" }, { id = 2, v = "x" }, { id = 3, v = "x" } })
	check.equal(db:all("select * from t where id > ?", 10), {})
	check.equal(db:one("select count(*) as n from t").n, 3)
	check.equal(db:one("select * from t where id = 7"), nil)
	check.equal(db:one("insert into t(v) values('r'), ('s') returning id").id, 4)
	check.equal(db:one("select count(*) as n from t").n, 5)
end)

check.case("more statements than the cache holds", function()
	local db <close> = memory()
	for round = 1, 2 do
		for i = 1, 200 do check.equal(db:one("select ? + " .. i .. " as n", round).n, round + i) end
	end
end)

check.case("mistakes name themselves", function()
	local db <close> = memory()
	check.fails("2 parameters, 1 were given", db.run, db, "insert into t values(?, ?)", 1)
	check.fails("0 parameters, 1 were given", db.all, db, "select 1", nil)
	check.fails("a parameter is", db.run, db, "insert into t(v) values(?)", {})
	check.fails("more than one", db.run, db, "select 1; select 2")
	check.equal(db:one("select 1 as a; -- a comment\n ;").a, 1)
	check.fails("no SQL", db.run, db, " -- nothing")
	check.fails("known: readonly", sqlite.open, ":memory:", { mode = "r" })
	check.fails("call it with a colon, database:exec", db.exec, "select 1")
	check.fails("a function is expected, got string", db.transaction, db, "select 1")
	local _, place = pcall(function() db:exec(nil) end)
	check.contains(place, "sqlite_test.lua:")
	local err = check.fails("database", db.run, db, "select absent from t where v = 'secret'")
	check.contains(err.message, "no such column: absent (in: select absent from t")
	check.lacks(err.message, "secret")
	check.fails("database", db.run, db, 'select "text"')
end)

check.case("constraints have their kind, and no parameter shows", function()
	local db <close> = memory()
	db:run("insert into t(id, v) values(1, 'a')")
	local err = check.fails("database", db.run, db, "insert into t(id, v) values(?, ?)", 1, "secret-value")
	check.equal(err.detail, "constraint_primary_key")
	check.lacks(tostring(err), "secret-value")
	err = check.fails("database", db.run, db, "insert into u(t) values(42)")
	check.equal(err.detail, "constraint_foreign_key")
end)

check.case("transactions", function()
	local db <close> = memory()
	local a, b = db:transaction(function(x)
		db:run("insert into t(v) values(?)", x)
		return x, nil
	end, "one")
	check.equal({ a, b }, { "one" })
	check.fails("boom", db.transaction, db, function()
		db:run("insert into t(v) values('two')")
		error("boom")
	end)
	check.equal(db:one("select count(*) as n from t").n, 1)
	db:transaction(function()
		db:run("insert into t(v) values('three')")
		check.fails("inner", db.transaction, db, function()
			db:run("insert into t(v) values('four')")
			error("inner")
		end)
		db:transaction(function() db:run("insert into t(v) values('five')") end)
	end)
	check.equal(#db:all("select * from t"), 3)
end)

check.case("a transaction that waits keeps other tasks out, and is undone by a cancel", function()
	local db <close> = memory()
	local order = {}
	task.scope(function(s)
		s:spawn(function()
			db:transaction(function()
				db:run("insert into t(v) values('a')")
				task.sleep(0.02)
				db:run("insert into t(v) values('b')")
				order[#order + 1] = "transaction"
			end)
		end)
		task.sleep(0.005)
		for i = 1, 3 do
			s:spawn(function()
				check.equal(db:one("select count(*) as n from t").n, 2)
				order[#order + 1] = "reader"
			end)
		end
	end)
	check.equal(order, { "transaction", "reader", "reader", "reader" })
	check.fails("timeout", task.timeout, 0.02, function()
		db:transaction(function()
			db:run("insert into t(v) values('c')")
			task.sleep(10)
		end)
	end)
	check.equal(db:one("select count(*) as n from t").n, 2)
	check.fails("closed", db.transaction, db, function() db:close() end)
end)

check.case("files: modes, readonly, errors", function()
	with_file("a.db", function(path)
		do
			local db <close> = sqlite.open(path)
			check.equal(db:one("pragma journal_mode").journal_mode, "wal")
			check.equal(db:one("pragma foreign_keys").foreign_keys, 1)
			check.equal(db:one("pragma trusted_schema").trusted_schema, 0)
			db:exec "create table t(v); insert into t values(1)"
			check.equal(process.run({ "stat", "-c", "%a", path }).stdout, "600\n")
			local other <close> = sqlite.open(path, { readonly = true })
			check.equal(other:one("select v from t").v, 1)
			check.equal(check.fails("database", other.run, other, "insert into t values(2)").detail, "readonly")
			local writer <close> = sqlite.open(path, { busy_timeout = 0.01 })
			db:transaction(function()
				check.equal(check.fails("busy", writer.run, writer, "insert into t values(3)").retryable, true)
			end)
		end
		check.fails("not_found", require("epact.process").run, { path .. "-none" })
	end)
	local err = check.fails("database", sqlite.open, folder .. "/no/such/folder/a.db")
	check.contains(err.message, "/no/such/folder/a.db")
	check.equal(err.detail, "cannot_open")
	with_file("text.db", function(path)
		local file <close> = assert(io.open(path, "w"))
		file:write(("this is no database\n"):rep(100))
		file:flush()
		check.fails("database", sqlite.open, path)
	end)
end)

check.case("closed", function()
	local db = memory()
	db:run("insert into t(v) values(1)")
	db:close()
	db:close()
	check.fails("closed", db.run, db, "select 1")
end)

-- A child commits one row after another and prints each number when it is committed; it is killed at some moment.
check.case("kill -9 loses no commit", function()
	with_file("kill.db", function(path)
		local script = [[
			local sqlite = require "epact.sqlite"
			local db = sqlite.open(arg[1])
			db:exec "create table t(v)"
			for i = 1, 1000000 do db:run("insert into t values(?)", i); io.write(i, "\n"); io.flush() end]]
		local last = 0
		do
			local p <close> = process.spawn({ os.getenv("EPACT_BIN"), "-e", script, path })
			for line in p.stdout:lines() do
				last = tonumber(line)
				if last == 200 then p:kill("KILL") end
			end
			p:wait()
		end
		check.ok(last >= 200)
		local db <close> = sqlite.open(path)
		local row = db:one("select max(v) as top, count(*) as n from t")
		check.ok(row.top >= last and row.n == row.top, "lost: " .. last .. " > " .. row.top)
		check.equal(db:one("pragma integrity_check").integrity_check, "ok")
	end)
end)

check.case("a temporary database has no name, and is gone when it is closed", function()
	for _ = 1, 2 do
		local db <close> = sqlite.open(":temporary:")
		db:exec "create table t(a)"
		db:run("insert into t values(zeroblob(8000000))")
		check.equal(db:one("select length(a) as n from t").n, 8000000)
	end
	check.equal(require "epact.fs".stat(":temporary:"), nil)
	check.fails("the path is empty", sqlite.open, "")
end)

check.done()
