-- SPDX-License-Identifier: Apache-2.0
-- The tables of the server's SQLite file, and how it is opened: by one server at a time.

local fault = require "epact.error"
local sqlite = require "epact.sqlite"

local schema = {}

local SCHEMA = [[
CREATE TABLE IF NOT EXISTS repos (
	id TEXT PRIMARY KEY,
	created_at TEXT NOT NULL,
	updated_at TEXT,
	metadata TEXT,
	auto_index INTEGER NOT NULL,
	branch TEXT NOT NULL,
	remote TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS repos_created ON repos (created_at, id);
CREATE TABLE IF NOT EXISTS tokens (
	hash TEXT PRIMARY KEY,
	name TEXT NOT NULL,
	created_at TEXT NOT NULL,
	expires_at INTEGER,
	prefix TEXT NOT NULL DEFAULT 'rlcr-'
) STRICT;
CREATE TABLE IF NOT EXISTS token_repos (
	token TEXT NOT NULL REFERENCES tokens (hash) ON DELETE CASCADE,
	repo TEXT NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
	PRIMARY KEY (token, repo)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS token_repos_repo ON token_repos (repo);
CREATE TABLE IF NOT EXISTS pending (
	repo TEXT PRIMARY KEY REFERENCES repos (id) ON DELETE CASCADE,
	refs TEXT NOT NULL,
	metadata TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS answers (
	key TEXT PRIMARY KEY,
	request TEXT NOT NULL,
	status INTEGER NOT NULL,
	body TEXT,
	created_at INTEGER NOT NULL
) STRICT;
]]

-- What files made by older versions lack.
local function migrate(db)
	if not db:one("SELECT 1 AS found FROM pragma_table_info('tokens') WHERE name = 'prefix'") then
		db:exec("ALTER TABLE tokens ADD COLUMN prefix TEXT NOT NULL DEFAULT 'rlcr-'")
	end
end

local function open_alone(path)
	-- Nobody else is to write: there is nothing to wait for but the end of a server that is just closing.
	local db = sqlite.open(path, { busy_timeout = 1 })
	local ok, failure = pcall(function()
		db:exec("PRAGMA locking_mode = EXCLUSIVE")
		db:exec(SCHEMA)
		migrate(db)
		-- The lock is taken by the first write.
		db:exec("PRAGMA user_version = 1")
	end)
	if ok then return db end
	db:close()
	return error(failure, 0)
end

--- Opens the file at `path`, which is made when it is missing, with all its tables. Raises `busy` when another server
--- has it.
function schema.open(path)
	local ok, db = pcall(open_alone, path)
	if ok then return db end
	if fault.is(db, "busy") then
		error(fault.new("busy", ("another server runs on this data folder (%s)"):format(path)), 0)
	end
	return error(db, 0)
end

return schema
