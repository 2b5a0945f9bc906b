-- SPDX-License-Identifier: Apache-2.0
-- What the server knows beside the repos themselves, in one SQLite file that only one server at a time can open:
-- repos, tokens (their SHA-256, never they), updates that have begun, and answers kept for a repeated request.

local json = require "epact.json"
local schema = require "epact.server.schema"

local store = {}
store.__index = store

local NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"

--- Opens the file at `path`, which is made when it is missing. Raises when another server has it.
function store.open(path)
	return setmetatable({ db = schema.open(path) }, store)
end

--- Closes the file.
function store:close()
	self.db:close()
end

--- The time now, as text of the database.
function store:now()
	return self.db:one("SELECT " .. NOW .. " AS now").now
end

-- Repos

local function repo_of(row)
	if not row then return nil end
	row.auto_index = row.auto_index == 1
	row.metadata = row.metadata and json.decode(row.metadata)
	return row
end

local function metadata_text(metadata)
	return metadata and json.encode(metadata)
end

--- Adds a repo {id, metadata, auto_index, branch, remote}.
function store:add_repo(repo)
	self.db:run("INSERT INTO repos (id, created_at, metadata, auto_index, branch, remote) VALUES (?, " .. NOW ..
		", ?, ?, ?, ?)", repo.id, metadata_text(repo.metadata), repo.auto_index and 1 or 0, repo.branch, repo.remote)
end

--- The repo with that id, or nil.
function store:repo(id)
	return repo_of(self.db:one("SELECT * FROM repos WHERE id = ?", id))
end

--- True when there is a repo with that id.
function store:has_repo(id)
	return self.db:one("SELECT 1 AS found FROM repos WHERE id = ?", id) ~= nil
end

--- Forgets a repo, and takes it out of the scopes of all tokens.
function store:remove_repo(id)
	self.db:run("DELETE FROM repos WHERE id = ?", id)
end

--- The ids of all repos.
function store:repo_ids()
	local ids = {}
	for index, row in ipairs(self.db:all("SELECT id FROM repos")) do ids[index] = row.id end
	return ids
end

-- True for a repo whose metadata hold all pairs of an object: in one term, however many they are.
local HOLDS = [[(SELECT count(*) FROM json_each(?) AS wanted JOIN json_each(repos.metadata) AS held ON held.key = wanted.key
	AND held.type = 'text' AND wanted.type = 'text' AND held.value = wanted.value) = ?]]

local function count(object)
	local n = 0
	for _ in pairs(object) do n = n + 1 end
	return n
end

local function list_conditions(query)
	local conditions, values = { "1" }, {}
	local function add(condition, ...)
		conditions[#conditions + 1] = condition
		for _, value in ipairs { ... } do values[#values + 1] = value end
	end
	if query.after then add("created_at > ?", query.after) end
	if query.before then add("created_at < ?", query.before) end
	if query.filter and next(query.filter) then add(HOLDS, json.encode(query.filter), count(query.filter)) end
	return table.concat(conditions, " AND "), values
end

--- One page of a checked list query (list_query.lua): the repos, and how many match in all.
function store:list_repos(query)
	local where, values = list_conditions(query)
	local total = self.db:one("SELECT count(*) AS total FROM repos WHERE " .. where, table.unpack(values)).total
	local order = query.order == "updated_at" and "coalesce(updated_at, created_at)" or "created_at"
	local sql = ("SELECT * FROM repos WHERE %s ORDER BY %s %s, id LIMIT %d OFFSET %d"):format(where, order,
		query.descending and "DESC" or "ASC", query.size, query.start)
	local rows = self.db:all(sql, table.unpack(values))
	for _, row in ipairs(rows) do repo_of(row) end
	return rows, total
end

-- Updates

--- Writes down, before a branch is moved, what is to be true afterwards: `refs` is the state before, in the form the
--- caller compares, `metadata` (nil: as it is) what the repo has when they were moved.
function store:begin_update(id, refs, metadata)
	self.db:run("INSERT OR REPLACE INTO pending (repo, refs, metadata) VALUES (?, ?, ?)", id, refs,
		metadata_text(metadata))
end

--- Ends an update: with `changed` the repo has the new metadata (nil: as it is) and was updated now.
function store:end_update(id, changed, metadata)
	self.db:transaction(function()
		if changed then
			self.db:run("UPDATE repos SET updated_at = " .. NOW .. ", metadata = coalesce(?, metadata) WHERE id = ?",
				metadata_text(metadata), id)
		end
		self.db:run("DELETE FROM pending WHERE repo = ?", id)
	end)
end

--- The updates that had begun when the last server ended: {repo, branch, refs, metadata}.
function store:pending()
	local rows = self.db:all("SELECT repo, branch, refs, pending.metadata FROM pending JOIN repos ON id = repo")
	for _, row in ipairs(rows) do row.metadata = row.metadata and json.decode(row.metadata) end
	return rows
end

-- Tokens

--- Adds a token {hash, prefix (its first characters), name, expires_at (seconds since 1970 or nil), repo_ids}, all or
--- nothing.
function store:add_token(token)
	self.db:transaction(function()
		self.db:run("INSERT INTO tokens (hash, prefix, name, created_at, expires_at) VALUES (?, ?, ?, " .. NOW .. ", ?)",
			token.hash, token.prefix, token.name, token.expires_at)
		for _, id in ipairs(token.repo_ids) do
			self.db:run("INSERT INTO token_repos (token, repo) VALUES (?, ?)", token.hash, id)
		end
	end)
end

local function token_of(self, row)
	row.repo_ids = {}
	for index, scope in ipairs(self.db:all("SELECT repo FROM token_repos WHERE token = ? ORDER BY repo", row.hash)) do
		row.repo_ids[index] = scope.repo
	end
	return row
end

--- The token with that hash: {hash, prefix, name, created_at, expires_at, repo_ids}, or nil.
function store:token(hash)
	local row = self.db:one("SELECT * FROM tokens WHERE hash = ?", hash)
	return row and token_of(self, row)
end

--- The `most` newest tokens, and how many there are.
function store:tokens(most)
	local rows = self.db:all("SELECT * FROM tokens ORDER BY created_at DESC, hash LIMIT ?", most)
	for _, row in ipairs(rows) do token_of(self, row) end
	return rows, self.db:one("SELECT count(*) AS n FROM tokens").n
end

--- Forgets a token; false when there was none.
function store:remove_token(hash)
	return self.db:run("DELETE FROM tokens WHERE hash = ?", hash) > 0
end

--- Forgets the tokens that expired before `time`, and the answers that were kept before `kept_since`.
function store:purge(time, kept_since)
	self.db:run("DELETE FROM tokens WHERE expires_at < ?", time)
	self.db:run("DELETE FROM answers WHERE created_at < ?", kept_since)
end

-- Kept answers

--- The answer kept under `key` since `kept_since`: {request, status, body or nil}, or nil.
function store:answer(key, kept_since)
	return self.db:one("SELECT request, status, body FROM answers WHERE key = ? AND created_at >= ?", key, kept_since)
end

--- Keeps the answer to `request` (a hash of it) under `key`.
function store:keep_answer(key, request, status, body)
	self.db:run("INSERT OR REPLACE INTO answers (key, request, status, body, created_at) VALUES (?, ?, ?, ?, ?)", key,
		request, status, body, os.time())
end

return store
