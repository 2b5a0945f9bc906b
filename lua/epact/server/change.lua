-- SPDX-License-Identifier: Apache-2.0
-- The life of a change to a repo: lock, write down what is to come, move the branch, settle. Ended at any point, also
-- by kill -9, the repo is at its old or its new state, and the row in the database follows at the next start.

local crypto = require "epact.crypto"
local json = require "epact.json"
local task = require "epact.task"
local errors = require "epact.server.errors"

local change = {}

local SETTLE_GRACE = 10

--- The id git gives a blob of these bytes.
function change.blob_id(content)
	return crypto.sha1(("blob %d\0%s"):format(#content, content))
end

--- Takes the lock of a repo for up to `seconds` (locks.lua). Raises 404 when the writer before has deleted the repo.
function change.lock(app, id, seconds)
	local lock = app.locks:acquire(id, seconds)
	local ok, found = pcall(app.store.has_repo, app.store, id)
	if ok and found then return lock end
	lock:release()
	if not ok then error(found, 0) end
	return errors.fail(404, "no such repo")
end

--- The answer to a change: the head of the repo and the paths that it changed. A name that is not UTF-8, which a push may
--- bring, cannot be told: it is left out, as the clone does.
function change.answer(id, head, changed)
	local files = {}
	for _, path in ipairs(changed) do
		if utf8.len(path) then files[#files + 1] = path end
	end
	return { repo_id = id, repo_head = head, changed_files = json.array(files) }
end

-- What a change may move: the default branch, or (a push) any ref.
local state_of = {}

function state_of.branch(app, path, branch)
	return app.git_store:head(path, branch) or "none"
end

function state_of.refs(app, path)
	return crypto.sha256(app.git_store:refs(path))
end

local function state(app, watched, repo)
	return watched .. " " .. state_of[watched](app, app.git_store:path(repo.id), repo.branch)
end

--- Brings the row of a repo in line with what became of a change that had begun: `pending` is
--- {repo, branch, refs, metadata}, a row of store:pending().
function change.settle(app, pending)
	local watched = pending.refs:match("^%a+")
	local now = state(app, watched, { id = pending.repo, branch = pending.branch })
	app.store:end_update(pending.repo, now ~= pending.refs, pending.metadata)
end

--- Calls move(), which may move what is `watched` ("branch" or "refs") of a locked repo, between two notes in the
--- database. `metadata` (nil: as it is) is what the repo has if something moved. Returns what move returns.
function change.run(app, repo, watched, metadata, move)
	local before = state(app, watched, repo)
	local pending = { repo = repo.id, branch = repo.branch, refs = before, metadata = metadata }
	app.store:begin_update(repo.id, before, metadata)
	local settle <close> = setmetatable({}, { __close = function()
		task.shield(SETTLE_GRACE, change.settle, app, pending)
	end })
	return move()
end

-- To be closed behind a change of a locked repo: tidies up when it failed. Packing, the other writer, is ended first.
local function tidying(app, repo, path)
	return setmetatable({}, { __close = function(_, err)
		if not err then return end
		task.shield(SETTLE_GRACE, function()
			app.maintenance:stop(repo.id)
			app.git_store:remove_leftovers(path)
		end)
	end })
end

--- Makes one commit on the default branch: edit(old) gets the tree and returns the edit of it (tree.lua). Nothing is
--- committed when nothing differs. Returns the members of the answer.
function change.commit(app, repo, message, metadata, edit)
	local lock <close> = change.lock(app, repo.id, app.options.lock_wait)
	local path = app.git_store:path(repo.id)
	local head = app.git_store:head(path, repo.branch)
	local result = edit(app.trees:get(app.git_store, path, head))
	if #result.changed == 0 and #result.removed == 0 then
		if metadata then app.store:end_update(repo.id, true, metadata) end
		return change.answer(repo.id, head, {})
	end
	local tidy <close> = tidying(app, repo, path)
	local new_head = change.run(app, repo, "branch", metadata, function()
		return app.git_store:commit(path, repo.branch, head, result, message)
	end)
	app.trees:put(path, new_head, result.tree)
	app.maintenance:note(repo.id)
	return change.answer(repo.id, new_head, result.changed_files)
end

--- Gives content its blob id, for each of a list of writes that has content.
function change.identify(writes)
	for _, write in ipairs(writes) do
		if write.content then write.id = change.blob_id(write.content) end
	end
	return writes
end

return change
