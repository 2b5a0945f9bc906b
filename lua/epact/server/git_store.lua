-- SPDX-License-Identifier: Apache-2.0
-- The bare repos on disk: DATA/repos/ID.git. What is asked of one (head, tree, blobs) and the one way to change it: a
-- commit whose objects are complete before the branch moves, and moves only from the head it was made on.

local fs = require "epact.fs"
local errors = require "epact.server.errors"
local fast_import = require "epact.server.fast_import"
local git = require "epact.server.git"

local git_store = {}
git_store.__index = git_store

-- All that makes a folder a bare repo; see gitrepository-layout(5).
local CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
local MAX_REF = 4096
local MAX_LISTING = 1 << 30

--- Opens the store below `folder`, which is made when it is missing. `identity` ({name, email}) signs the commits.
function git_store.open(folder, identity)
	fs.mkdir(folder .. "/repos", { parents = true })
	fs.mkdir(folder .. "/tmp", { parents = true })
	return setmetatable({
		git = git.open(folder),
		repos = folder .. "/repos",
		tmp = folder .. "/tmp",
		identity = { name = fast_import.plain(identity.name), email = fast_import.plain(identity.email) },
	}, git_store)
end

--- True when `name` can be a branch.
function git_store:is_branch(name)
	if name:sub(1, 1) == "-" or name:find("@{", 1, true) then return false end
	return self.git:run(nil, { "check-ref-format", "--branch", name }, { check = false }).status == 0
end

--- The folder of a repo; `id` was checked to be a UUID.
function git_store:path(id)
	return self.repos .. "/" .. id .. ".git"
end

--- Gives the repo at `path` the configuration and the HEAD that every repo here has, and no other.
function git_store:write_config(path, branch)
	fs.write(path .. "/config", CONFIG)
	fs.write(path .. "/HEAD", "ref: refs/heads/" .. branch .. "\n")
end

--- Makes a bare repo without commits at `path`, whose HEAD is `branch`.
function git_store:init(path, branch)
	fs.mkdir(path)
	fs.mkdir(path .. "/objects")
	fs.mkdir(path .. "/refs")
	self:write_config(path, branch)
end

local function packed_head(path, ref)
	if not fs.stat(path .. "/packed-refs") then return nil end
	for id, name in fs.read(path .. "/packed-refs"):gmatch("(%x+) ([^\n]+)\n") do
		if name == ref then return id end
	end
	return nil
end

--- The id that `branch` of the repo at `path` has, or nil when there is no such branch.
function git_store:head(path, branch)
	local ref = "refs/heads/" .. branch
	-- A ref is one small file, or a line of packed-refs: reading it is a hundred times cheaper than asking git.
	local file = path .. "/" .. ref
	if fs.stat(file) then
		local ok, text = pcall(fs.read, file, { max = MAX_REF })
		local id = ok and text:match("^(%x+)\n$")
		if id then return id end
	end
	return packed_head(path, ref)
end

--- All refs of a repo, one line each, sorted.
function git_store:refs(path)
	return self.git:run(path, { "for-each-ref", "--format=%(refname) %(objectname)" }).stdout
end

--- The id of the commit that `name`, a ref or a full id, leads to, or nil.
function git_store:commit_of(path, name)
	local result = self.git:run(path, { "rev-parse", "--verify", "--quiet", "--end-of-options", name .. "^{commit}" },
		{ check = false })
	return result.status == 0 and result.stdout:match("^(%x+)\n$") or nil
end

--- The id of the commit that the full or shortened id `wanted` names, or nil when there is none, or more than one. A branch
--- may be named as an id begins: it is not meant.
function git_store:find_commit(path, wanted)
	local found
	for id in self.git:run(path, { "rev-parse", "--disambiguate=" .. wanted }).stdout:gmatch("%x+") do
		if self:commit_of(path, id) == id then
			if found then return nil end
			found = id
		end
	end
	return found
end

local function list(self, path, commit)
	return self.git:run(path, { "ls-tree", "-r", "-z", "--full-tree", commit }, { max_output = MAX_LISTING }).stdout
end

--- The tree of a commit: path to {mode, id}.
function git_store:tree(path, commit)
	local entries = {}
	for mode, id, name in list(self, path, commit):gmatch("(%d+) %a+ (%x+)\t([^%z]+)%z") do
		entries[name] = { mode = mode, id = id }
	end
	return entries
end

--- The files of a commit, no links or submodules: a list of {path, id}, sorted by path.
function git_store:files(path, commit)
	local files = {}
	for mode, id, name in list(self, path, commit):gmatch("(%d+) %a+ (%x+)\t([^%z]+)%z") do
		if mode:sub(1, 3) == "100" then files[#files + 1] = { path = name, id = id } end
	end
	return files
end

--- Stores the bytes of a file as a blob, and returns its id.
function git_store:store_blob(path, file)
	return self.git:run(path, { "hash-object", "-w", "--no-filters", "--", file }).stdout:match("^%x+")
end

-- Writes in pieces of about a megabyte: neither all in one, nor a write for each word.
local function feed(stdin, words)
	local first, size = 1, 0
	for index = 1, #words do
		size = size + #words[index]
		if size >= 1 << 20 or index == #words then
			stdin:write(table.concat(words, "", first, index))
			first, size = index + 1, 0
		end
	end
	stdin:close()
end

-- Runs fast-import on a stream; returns the id that it printed last.
local function import(self, path, words)
	local child <close> = self.git:spawn(path, { "fast-import", "--quiet", "--depth=0" }, {
		stdin = "pipe",
		stdout = "pipe",
		stderr = "tail",
	})
	-- One that has ended early says why.
	local fed, failure = pcall(feed, child.stdin, words)
	local id = (child.stdout:read() or ""):match("^(%x+)\n")
	local result = child:wait()
	if result.status == 0 and fed and id then return id end
	if result.stderr:find("Not updating", 1, true) then errors.locked() end
	return error("git fast-import: " .. (fed and git.complaint(result) or tostring(failure)), 0)
end

--- Removes what a git that failed left behind, which would keep a full disk full. Nothing may write to the repo meanwhile.
function git_store:remove_leftovers(path)
	local packs = path .. "/objects/pack"
	for _, entry in ipairs(fs.list(packs)) do
		if entry.name:find "^tmp_" or entry.name:find "^%.tmp%-" then fs.remove(packs .. "/" .. entry.name) end
	end
	for _, entry in ipairs(fs.list(path)) do
		if entry.name:find "^fast_import_crash_" then fs.remove(path .. "/" .. entry.name) end
	end
end

--- Makes one commit of an edit (see tree.lua) on `branch` of the repo at `path` and moves the branch, all or nothing:
--- a git that ends before its last word changes no ref, and one whose parent is no longer the head refuses. `parent` is
--- the head it was made on, nil for the first commit. Returns the id of the commit.
function git_store:commit(path, branch, parent, edit, message)
	return import(self, path, fast_import.stream {
		ref = "refs/heads/" .. branch,
		message = message,
		name = self.identity.name,
		email = self.identity.email,
		time = os.time(),
		parent = parent,
		removed = edit.removed,
		changed = edit.changed,
		tree = edit.tree,
	})
end

return git_store
