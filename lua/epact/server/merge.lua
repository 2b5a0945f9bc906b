-- SPDX-License-Identifier: Apache-2.0
-- The update of type git: fetch a branch of a remote, and bring it into the default branch, by moving it forward or by
-- a merge commit. Bare repos only: no work tree is needed.

local crypto = require "epact.crypto"
local task = require "epact.task"
local change = require "epact.server.change"
local errors = require "epact.server.errors"
local fs = require "epact.fs"
local sources = require "epact.server.sources"

local merge = {}

local CLEAN_GRACE = 10

local function is_ancestor(store, path, older, newer)
	local result = store.git:run(path, { "merge-base", "--is-ancestor", older, newer }, { check = false })
	return result.status == 0
end

local function merged_tree(store, path, ours, theirs)
	local result = store.git:run(path, { "merge-tree", "--write-tree", "--no-messages", ours, theirs }, { check = false })
	local id = result.stdout:match("^(%x+)\n")
	if result.status == 0 and id then return id end
	if result.status == 1 then errors.fail(400, "merge of the remote failed: there are conflicts") end
	return errors.fail(400, "merge of the remote failed: the histories have nothing in common")
end

local function merge_commit(store, path, ours, theirs, url)
	local who = store.identity
	local identity = { GIT_AUTHOR_NAME = who.name, GIT_AUTHOR_EMAIL = who.email,
		GIT_COMMITTER_NAME = who.name, GIT_COMMITTER_EMAIL = who.email }
	local arguments = { "commit-tree", merged_tree(store, path, ours, theirs), "-p", ours, "-p", theirs,
		"-m", "Merge " .. url }
	return store.git:run(path, arguments, { env = store.git:environment(identity) }).stdout:match("^%x+")
end

-- The commit that the branch is to have, or nil when it has all of theirs already.
local function target(store, path, ours, theirs, url)
	if ours == theirs or is_ancestor(store, path, theirs, ours) then return nil end
	if is_ancestor(store, path, ours, theirs) then return theirs end
	return merge_commit(store, path, ours, theirs, url)
end

local function changed_between(store, path, old, new)
	local names = {}
	local listing = store.git:run(path, { "diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new }).stdout
	for name in listing:gmatch("([^%z]+)%z") do names[#names + 1] = name end
	table.sort(names)
	return names
end

local function bring_in(app, repo, path, theirs, url, metadata)
	local store = app.git_store
	local lock <close> = change.lock(app, repo.id, app.options.lock_wait)
	local ours = store:head(path, repo.branch)
	local new_head = target(store, path, ours, theirs, url)
	if not new_head then
		if metadata then app.store:end_update(repo.id, true, metadata) end
		return change.answer(repo.id, ours, {})
	end
	change.run(app, repo, "branch", metadata, function()
		store.git:run(path, { "update-ref", "refs/heads/" .. repo.branch, new_head, ours })
	end)
	return change.answer(repo.id, new_head, changed_between(store, path, ours, new_head))
end

--- Brings the remote branch of a checked source into the default branch. Returns the members of the answer; raises 400
--- when they cannot be merged, 422 when the remote cannot be used.
function merge.pull(app, repo, source, metadata)
	local store, path = app.git_store, app.git_store:path(repo.id)
	sources.check_url(source.url, app.options.git_sources)
	if source.branch then sources.check_branch(app, source.branch) end
	if fs.stat(path .. "/shallow") then
		errors.fail(400, "merge of the remote failed: the repo was imported without its history")
	end
	-- The remote may be slow: nobody waits for the lock meanwhile.
	local ref = "refs/epact/fetch/" .. crypto.uuid()
	local clean <close> = setmetatable({}, { __close = function()
		task.shield(CLEAN_GRACE, store.git.run, store.git, path, { "update-ref", "-d", ref })
	end })
	sources.fetch(app, path, source.url, source.branch, ref)
	return bring_in(app, repo, path, store:commit_of(path, ref), source.url, metadata)
end

return merge
