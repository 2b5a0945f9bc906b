-- SPDX-License-Identifier: Apache-2.0
-- repo:worktree(): further work trees of a repository.
local check = require "epact.git.check"
local fs = require "epact.fs"
local run = require "epact.git.run"
local task = require "epact.task"

local M = {}

local REMOVE_GRACE = 30

local spec = run.spec { path = { nil, "string" }, branch = { nil, "string" }, new = { false, "boolean" }, from = { nil, "string" },
	force = { false, "boolean" } }

-- While git makes a work tree, another git that looks at all of them fails. One at a time in each repository, by its folder;
-- turns[directory] is there while somebody has or wants one.
local turns = setmetatable({}, { __mode = "v" })

local function turn(repo)
	local semaphore = turns[repo.directory] or task.semaphore(1)
	turns[repo.directory] = semaphore
	return semaphore:acquire()
end

local function entry_of(block)
	local entry = { locked = false, prunable = false, bare = false, detached = false }
	for field in block:gmatch "[^\0]+" do
		local key, value = field:match "^(%S+) ?(.*)$"
		if key == "worktree" then entry.path = value
		elseif key == "HEAD" then entry.head = not value:find "^0+$" and value or nil
		elseif key == "branch" then entry.branch = value:gsub("^refs/heads/", "")
		else entry[key] = true end
	end
	return entry
end

local function list(repo, o)
	local entries = {}
	for block in run.output(repo, { "worktree", "list", "--porcelain", "-z" }, o):gmatch "(.-)\0\0" do
		entries[#entries + 1] = entry_of(block)
	end
	return entries
end

local function add_words(o, path)
	local words = { "worktree", "add", "--quiet" }
	if o.force then words[#words + 1] = "--force" end
	if not o.branch then words[#words + 1] = "--detach" end
	if o.new then
		if not o.branch then error("git.worktree: option 'new' needs 'branch'", 3) end
		words[#words + 1] = "-b"
		words[#words + 1] = check.ref("git.worktree: option 'branch'", o.branch)
	end
	words[#words + 1] = "--"
	words[#words + 1] = path
	if o.branch and not o.new then
		words[#words + 1] = check.ref("git.worktree: option 'branch'", o.branch)
	elseif o.from then
		words[#words + 1] = check.revision("git.worktree: option 'from'", o.from)
	end
	return words
end

local function add(repo, words, o)
	local _ <close> = turn(repo)
	run.git(repo, words, o)
end

-- The files go first: git would not remove what it may not write. By force, else it would ask for the status of the tree, and of
-- repositories within. Not by prune, which takes one for gone that another task is just making.
local function remove(tree)
	if tree.removed then return end
	tree.removed = true
	fs.remove(tree.directory, { recursive = true })
	local _ <close> = turn(tree.main)
	run.git(tree.main, { "worktree", "remove", "--force", "--force", "--", tree.directory })
	if tree.folder then tree.folder:close() end
end

local function absolute(path)
	if path:sub(1, 1) == "/" then return path end
	return fs.realpath(".") .. "/" .. path
end

-- new(directory, settings, fields): makes a repository object.
function M.methods(new)
	local methods = {}

	--- Makes another work tree of the repository, with a branch or commit of its own checked out. Without options: those there are.
	-- @param options table?: `branch` string: which no other work tree has; with `new = true` a new one, `from` a revision; without a
	--   branch the revision `from` (HEAD) alone; `path` string: its folder, a temporary one by default; `force` boolean; `timeout`
	-- @return repository: one more object, of the new folder (`directory`), with `remove()`; as a `<close>` variable it is removed
	--   with all that is in it. Without options an array of `{ path, head, branch, detached, bare, locked, prunable }`
	-- Example: `local tree <close> = repo:worktree { branch = "fix", new = true }`
	function methods.worktree(repo, options)
		local o = run.read(options, spec, "worktree")
		if not next(options or {}) then return list(repo, o) end
		local folder = not o.path and fs.temp_dir { prefix = "epact-worktree-" } or nil
		-- git keeps its notes under the last name: one that several share it could give to two at once.
		local path = folder and folder.path .. folder.path:match "/[^/]*$" or absolute(o.path)
		local ok, err = pcall(add, repo, add_words(o, path), o)
		if not ok then
			if folder then folder:close() end
			error(err, 0)
		end
		local settings = setmetatable({ git_dir = false }, { __index = repo.settings })
		return new(path, settings, { main = repo, folder = folder })
	end

	--- Removes a work tree that `worktree` made, with all that is in it. Fine when it is gone.
	function methods.remove(tree)
		if not tree.main then error("git.remove: this is no work tree that repo:worktree made", 2) end
		remove(tree)
	end

	return methods
end

-- Also in a task that was cancelled.
function M.close(tree)
	if tree.main then task.shield(REMOVE_GRACE, remove, tree) end
end

return M
