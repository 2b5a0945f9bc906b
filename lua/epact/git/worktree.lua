-- SPDX-License-Identifier: Apache-2.0
-- repo:worktree(): further work trees of a repository.
local check = require "epact.git.check"
local choice = require "epact.git.choice"
local errors = require "epact.error"
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

-- A work tree of a work tree is one of the same repository, which is there longer than either.
local function main_of(repo) return repo.main or repo end

-- Fine when git knows of no such work tree, or the repository itself is gone.
local function forget(main, path)
	local ok, err = pcall(run.git, main, { "worktree", "remove", "--force", "--force", "--", path }, { timeout = REMOVE_GRACE })
	if not ok and not errors.is(err, "not_found") then error(err, 0) end
end

local function has_branch(repo, o)
	return run.line(repo, { "rev-parse", "--verify", "--quiet", "refs/heads/" .. o.branch },
		{ accepted = { 1 }, timeout = o.timeout, grace = o.grace }) ~= nil
end

local function is_folder(path)
	local there = fs.stat(path, { follow = false })
	return there and there.type == "directory"
end

local function read_note(path)
	local ok, text = pcall(fs.read, path, { max = 4096 })
	return ok and text:gsub("\n$", "") or nil
end

-- Whether these are git's notes of the work tree at `path`, which it was still making: it locks them for as long, and writes down last
-- where the work tree is. Before that their name tells, which is the last one of the path, and a number when it is taken.
local function is_unfinished(notes, path)
	local folder, name = path:match "^(.*)/([^/]*)$"
	local tree = read_note(notes .. "/gitdir")
	if tree then
		local known, real = pcall(fs.realpath, folder .. "/")
		local here = (known and real or folder) .. "/" .. name .. "/.git"
		return tree == here and read_note(notes .. "/locked") == "initializing"
	end
	local own = notes:match "[^/]*$"
	return own:sub(1, #name) == name and not own:find("%D", #name + 1)
end

-- A git that was killed leaves notes that even prune keeps.
local function forget_unfinished(repo, path)
	local common = run.line(repo, { "rev-parse", "--path-format=absolute", "--git-common-dir" }, { timeout = REMOVE_GRACE })
	local folder = common .. "/worktrees"
	if not is_folder(folder) then return end
	for _, entry in ipairs(fs.list(folder)) do
		local notes = folder .. "/" .. entry.name
		if is_folder(notes) and is_unfinished(notes, path) then fs.remove(notes, { recursive = true }) end
	end
end

-- What git left of a work tree that it did not come to the end of. A folder that was there before is not touched, nor is a branch;
-- nor is a folder that git itself found there.
local function undo(repo, o, path, before, err)
	if not before.folder and not errors.is(err, "exists") then fs.remove(path, { recursive = true }) end
	forget_unfinished(repo, path)
	if o.new and not before.branch then
		run.git(repo, { "branch", "--quiet", "-D", o.branch }, { timeout = REMOVE_GRACE })
	end
end

local function add(repo, words, o, path)
	local _ <close> = turn(main_of(repo))
	local before = { folder = fs.stat(path, { follow = false }), branch = o.new and has_branch(repo, o) }
	local done = false
	local _ <close> = setmetatable({}, { __close = function(_, err)
		-- The error that is raised is git's, or the cancel, also when there was nothing to undo.
		if not done then pcall(task.shield, REMOVE_GRACE, undo, repo, o, path, before, err) end
	end })
	run.git(repo, words, o)
	done = true
end

-- The files go first: git would not remove what it may not write. By force, else it would ask for the status of the tree, and of
-- repositories within. Not by prune, which takes one for gone that another task is just making. One that fails can be tried again.
local function remove(tree)
	if tree.removed then return end
	local _ <close> = tree.folder
	fs.remove(tree.directory, { recursive = true })
	local _ <close> = turn(tree.main)
	forget(tree.main, tree.directory)
	tree.removed = true
end

local function absolute(path)
	path = path:gsub("(.)/+$", "%1")
	if path:sub(1, 1) == "/" then return path end
	return fs.realpath(".") .. "/" .. path
end

-- new(directory, settings, fields): makes a repository object.
function M.methods(new)
	local methods = {}

	--- Makes another work tree of the repository, with a branch or commit of its own checked out. Without `branch`, `from` and `path`:
	-- those there are.
	-- @param options table?: `branch` string: which no other work tree has; with `new = true` a new one, `from` a revision; without a
	--   branch the revision `from` (HEAD) alone; `path` string: its folder, a temporary one by default; `force` boolean: the branch may be
	--   checked out in another work tree too, and `path` may be that of a work tree whose folder is gone; `timeout`
	-- @return repository: one more object, of the new folder (`directory`), with `remove()`; as a `<close>` variable it is removed
	--   with all that is in it. Else an array of `{ path, head, branch, detached, bare, locked, prunable }`
	-- When it fails or is cancelled, nothing of it stays: neither the folder nor a new branch.
	-- Example: `local tree <close> = repo:worktree { branch = "fix", new = true }`
	function methods.worktree(repo, options)
		local o = run.read(options, spec, "worktree")
		choice.needs("git.worktree", options, { { "new", "branch" }, { "force", "branch", "from", "path" } })
		if o.branch and o.from and not o.new then error("git.worktree: option 'from' beside 'branch' needs 'new'", 2) end
		if not (o.branch or o.from or o.path) then return list(repo, o) end
		if o.path then check.paths("git.worktree: option 'path'", o.path) end
		local folder = not o.path and fs.temp_dir { prefix = "epact-worktree-" } or nil
		local made = false
		local _ <close> = setmetatable({}, { __close = function()
			if folder and not made then folder:close() end
		end })
		-- git keeps its notes under the last name: one that several share it could give to two at once.
		local path = folder and folder.path .. folder.path:match "/[^/]*$" or absolute(o.path)
		add(repo, add_words(o, path), o, path)
		made = true
		local settings = setmetatable({ git_dir = false }, { __index = repo.settings })
		return new(path, settings, { main = main_of(repo), folder = folder })
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
