-- SPDX-License-Identifier: Apache-2.0
-- Full text indexes of repos, for ranking: SQLite's FTS5 and its BM25. Each holds one commit of one repo, and moves to
-- another one by what differs. They are temporary databases without a name: gone with the process, however it ends.

local sqlite = require "epact.sqlite"
local task = require "epact.task"
local blobs = require "epact.server.blobs"
local texts = require "epact.server.texts"

local index = {}
index.__index = index

-- So much of a file counts.
local MAX_TEXT = 256 * 1024
-- Bytes that are indexed before other tasks get a turn.
local SLICE = 64 * 1024
-- What an empty file costs, as bytes.
local LEAST_WORK = 1024
local MOST_RESULTS = 2000

local SCHEMA = [[
CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL,
	is_text INTEGER NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (path, body, tokenize = 'porter unicode61');
]]

-- A word in a path says more than one in a text.
local QUERY = [[
SELECT files.path, files.blob, files.size, -bm25(words, 4.0, 1.0) AS weight FROM words JOIN files ON files.id = words.rowid
WHERE words MATCH ? ORDER BY weight DESC, files.path LIMIT ]] .. MOST_RESULTS

--- Keeps the indexes of the repos that were asked for last, while they hold at most `max_bytes` of text.
function index.new(git_store, max_bytes)
	return setmetatable({ git_store = git_store, max = max_bytes, size = 0, open = {}, order = {} }, index)
end

local function close(self, one)
	if self.open[one.id] == one then self.open[one.id] = nil end
	for place, other in ipairs(self.order) do
		if other == one then table.remove(self.order, place) end
	end
	self.size = self.size - one.size
	one.size = 0
	one.doomed = true
	if one.users == 0 then one.db:close() end
end

local function open(self, id)
	local db = sqlite.open(":temporary:")
	db:exec(SCHEMA)
	local one = { id = id, db = db, commit = nil, size = 0, users = 0 }
	self.open[id] = one
	return one
end

-- The index of a repo, as the one used last; to be closed behind the use.
local function use(self, id)
	local one = self.open[id] or open(self, id)
	one.users = one.users + 1
	for place, other in ipairs(self.order) do
		if other == one then table.remove(self.order, place) end
	end
	self.order[#self.order + 1] = one
	return one, setmetatable({}, { __close = function()
		one.users = one.users - 1
		if one.doomed and one.users == 0 then one.db:close() end
	end })
end

local function make_room(self)
	while self.size > self.max and #self.order > 1 do close(self, self.order[1]) end
end

-- One that was closed meanwhile, and still has a user, counts no more.
local function resize(self, one, size)
	if one.doomed then return end
	self.size = self.size + size - one.size
	one.size = size
	make_room(self)
end

-- What has to leave and to come so that the index holds the listing, and the bytes of text that stay.
local function compare(one, listing)
	local wanted, missing, stale, size = {}, {}, {}, 0
	for _, file in ipairs(listing) do wanted[file.path] = file.id end
	for _, row in ipairs(one.db:all("SELECT id, path, blob, size FROM files")) do
		if wanted[row.path] == row.blob then
			wanted[row.path] = nil
			size = size + math.min(row.size, MAX_TEXT)
		else
			stale[#stale + 1] = row
		end
	end
	for _, file in ipairs(listing) do
		if wanted[file.path] then missing[#missing + 1] = file end
	end
	return stale, missing, size
end

-- A function that is told of work and now and then gives others a turn.
local function pacer()
	local done = 0
	return function(bytes)
		done = done + math.min(bytes, MAX_TEXT) + LEAST_WORK
		if done < SLICE then return end
		done = 0
		task.yield()
	end
end

local function remove_files(one, stale)
	local pace = pacer()
	for _, row in ipairs(stale) do
		one.db:run("DELETE FROM words WHERE rowid = ?", row.id)
		one.db:run("DELETE FROM files WHERE id = ?", row.id)
		pace(row.size)
	end
end

-- The head of a blob, whatever its size; the rest is read over.
local function read_head(reader)
	local pieces, size = {}, 0
	for piece in reader:chunks() do
		if size <= MAX_TEXT then pieces[#pieces + 1] = piece end
		size = size + #piece
	end
	return texts.head(table.concat(pieces), MAX_TEXT), size
end

local function add_file(one, file, body, size)
	local is_text = texts.is_text(body) and utf8.len(file.path) ~= nil
	local _, id = one.db:run("INSERT INTO files (path, blob, size, is_text) VALUES (?, ?, ?, ?)", file.path, file.id, size,
		is_text)
	if is_text then
		one.db:run("INSERT INTO words (rowid, path, body) VALUES (?, ?, ?)", id, texts.split(file.path), texts.split(body))
	end
end

local function add_files(self, one, path, missing)
	local reader <close> = blobs.open(self.git_store, path, missing)
	local pace, total = pacer(), 0
	for _, file in ipairs(missing) do
		if not reader:next() then error("git cat-file misses a blob", 0) end
		local body, size = read_head(reader)
		add_file(one, file, body, size)
		total = total + #body
		pace(#body)
	end
	return total
end

-- All or nothing, as it is in a transaction; others who ask for the same repo wait.
local function move(self, one, path, commit)
	local stale, missing, size = compare(one, self.git_store:files(path, commit))
	remove_files(one, stale)
	if #missing > 0 then size = size + add_files(self, one, path, missing) end
	return size
end

-- Calls fn(db) while the index of the repo holds the commit.
local function with(self, id, commit, fn)
	local one, leave <close> = use(self, id)
	return one.db:transaction(function()
		if one.commit ~= commit then
			one.commit = nil
			local size = move(self, one, self.git_store:path(id), commit)
			one.commit = commit
			resize(self, one, size)
		end
		return fn(one.db)
	end)
end

-- FTS5 takes what stands in quotes as words; ours have no quotes in them.
local function match_any(words)
	return '"' .. table.concat(words, '" OR "') .. '"'
end

--- The files of a commit that hold any of the words, the best first: a list of {path, blob, size, weight}; weights
--- are more than 0 and mean something only beside each other.
function index:rank(id, commit, words)
	if #words == 0 then return {} end
	return with(self, id, commit, function(db) return db:all(QUERY, match_any(words)) end)
end

--- The number of files of a commit that are text.
function index:count(id, commit)
	return with(self, id, commit, function(db) return db:one("SELECT count(*) AS n FROM files WHERE is_text").n end)
end

--- Drops the index of a repo.
function index:forget(id)
	local one = self.open[id]
	if one then close(self, one) end
end

--- Closes all.
function index:close()
	for _, one in pairs(self.open) do one.db:close() end
	self.open, self.order = {}, {}
end

return index
