-- SPDX-License-Identifier: Apache-2.0
--- SQLite: small local data in one file.
--
-- Calls run on the loop's thread and do not wait: keep statements short. A commit outlives the death of the process at
-- any moment (write-ahead log); a power cut may take the last ones, and never damages the file.
--
-- Parameters stand for `?` in the SQL: nil, booleans (as 0 and 1), integers, numbers, strings (as text),
-- `sqlite.blob(bytes)`. Integers are exact to 64 bits, text and blobs keep every byte, NULL is nil.
-- A failure raises the error `database` (its `detail` is such as "constraint_unique"), `busy` (another process writes
-- for longer than the busy time-out), `no_space`. No error holds a parameter.
local colon = require "epact.colon"
local core = require "epact.core.sqlite"
local errors = require "epact.error"
local task = require "epact.task"

local M = {}

---@class Database
local Database = {}
Database.__index = Database

--- Opens a database; creates it, for its owner alone, when it is missing. Foreign keys are enforced.
-- Options: `readonly` boolean; `busy_timeout` seconds to wait for another process that writes (default 5; the loop
-- stands still meanwhile).
-- @param path string: ":memory:" for one that is never on disk; ":temporary:" for one without a name, which may grow
--   beyond the memory, in $TMPDIR, and is gone when it is closed or the process ends
-- @param options table?
-- @return Database; give it to a `<close>` variable
function M.open(path, options)
	return setmetatable({ handle = core.open(path, options), depth = 0 }, Database)
end

--- Bytes as a parameter that is kept as a blob; it is read back as a string.
-- @param bytes string
-- @return blob
function M.blob(bytes) return core.blob(bytes) end

-- A transaction is its task's: others wait for its end.
local function wait_turn(db)
	if db.holder == nil then return end
	local me = task.current() or false
	while db.holder ~= nil and db.holder ~= me do db.released:wait() end
end

--- Runs statements without parameters, separated by `;`; rows are dropped.
-- @param sql string
-- Example: `db:exec [[create table if not exists t(id integer primary key, name text not null)]]`
function Database:exec(sql)
	wait_turn(self)
	self.handle:exec(sql)
end

--- Runs one statement.
-- @param sql string
-- @param ... its parameters
-- @return integer: the rows it changed
-- @return integer: the id of the row that was last inserted
function Database:run(sql, ...)
	wait_turn(self)
	return self.handle:run(sql, ...)
end

--- All rows of a query.
-- @param sql string
-- @param ... its parameters
-- @return table: a list of rows, each a table by column name
function Database:all(sql, ...)
	wait_turn(self)
	return self.handle:all(sql, ...)
end

--- The first row of a query.
-- @param sql string
-- @param ... its parameters
-- @return table, or nil when there is none
-- Example: `local user = db:one("select * from user where id = ?", id)`
function Database:one(sql, ...)
	wait_turn(self)
	return self.handle:one(sql, ...)
end

local function begin(db)
	wait_turn(db)
	local name = "s" .. db.depth
	local outer = db.depth == 0
	db.handle:exec(outer and "begin immediate" or "savepoint " .. name)
	if outer then db.holder, db.released = task.current() or false, task.event() end
	db.depth = db.depth + 1
	return outer, name
end

local function leave(db, outer)
	db.depth = db.depth - 1
	if not outer then return end
	db.holder = nil
	db.released:set()
end

-- Nothing is left to undo when the database was closed, or when SQLite has rolled back by itself.
local function roll_back(db, outer, name)
	if not db.handle:in_transaction() then return end
	db.handle:exec(outer and "rollback" or ("rollback to %s; release %s"):format(name, name))
end

--- Calls `fn(...)` in a transaction: all that it does to the database is done together or, when it raises or is
-- cancelled, not at all. It may wait; other tasks that use this database wait for its end then: one that `fn` spawned and
-- waits for would wait for ever. Inside of another transaction of the same task it is a part of that one, and undone alone.
-- @param fn function
-- @param ... its arguments
-- @return what fn returns
function Database:transaction(fn, ...)
	if type(fn) ~= "function" then error("database:transaction: a function is expected, got " .. type(fn), 2) end
	local outer, name = begin(self)
	local done = false
	local guard <close> = setmetatable({}, { __close = function()
		if not done then
			local ok, err = pcall(roll_back, self, outer, name)
			leave(self, outer)
			if not ok then error(err, 0) end
		else
			leave(self, outer)
		end
	end })
	local results = table.pack(fn(...))
	if not self.handle:in_transaction() then
		error(errors.new("closed", "the database was closed, or its transaction ended, before it was done"), 2)
	end
	self.handle:exec(outer and "commit" or "release " .. name)
	done = true
	return table.unpack(results, 1, results.n)
end

--- Closes it; an open transaction is undone.
function Database:close() self.handle:close() end

Database.__close = Database.close

colon.class(Database, "database")

return M
