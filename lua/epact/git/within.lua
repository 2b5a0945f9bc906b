-- SPDX-License-Identifier: Apache-2.0
-- Repositories within a repository, before a command that may enter them: what their own configuration says counts there, and
-- nothing of the environment of ours does. So they may say little, and have no hooks.
local core = require "epact.core.git"
local errors = require "epact.error"
local fs = require "epact.fs"
local run = require "epact.git.run"

local DEEPEST = 8

local M = {}

local function refuse(path, why)
	error(errors.new("unsafe_config", ("the repository within, '%s', %s; git would enter it: remove it, or open the repository with "
		.. "trust = true"):format(path, why)), 0)
end

local function has_hooks(git_dir)
	local ok, entries = pcall(fs.list, git_dir .. "/hooks")
	for _, entry in ipairs(ok and entries or {}) do
		if not entry.name:find "%.sample$" then return true end
	end
	return false
end

-- A git directory, not what is below it.
local function check_directory(git_dir)
	local setting = core.first_active(git_dir)
	if setting then refuse(git_dir, ("sets '%s'"):format(setting)) end
	if has_hooks(git_dir) then refuse(git_dir, "has hooks") end
end

-- Those that `git submodule` keeps in the git directory, one in another where names have slashes.
local function check_modules(folder, depth)
	local ok, entries = pcall(fs.list, folder)
	for _, entry in ipairs(ok and entries or {}) do
		local path = folder .. "/" .. entry.name
		if entry.type == "symlink" or depth > DEEPEST then refuse(path, "is not where it should be") end
		if entry.type == "directory" then
			if fs.stat(path .. "/HEAD") then
				check_directory(path)
				check_modules(path .. "/modules", depth + 1)
			else
				check_modules(path, depth + 1)
			end
		end
	end
end

-- The paths that are repositories of their own in the index.
local function links(repo, call)
	local list = {}
	local text = run.output(repo, { "ls-files", "--stage", "-z" }, { timeout = call.timeout, grace = call.grace })
	for entry in text:gmatch "[^\0]+" do
		list[#list + 1] = entry:match "^160000 %x+ %d\t(.+)$"
	end
	return list
end

-- A .git that is a file leads to one of those in the git directory, which are looked at there.
local function check_absorbed(repo, folder)
	local git_dir, modules = core.git_directory(folder), fs.realpath(repo.git_dir) .. "/modules/"
	if not git_dir or git_dir:sub(1, #modules) ~= modules then refuse(folder, "has a .git that leads elsewhere") end
end

local function check_linked(repo, call, depth)
	for _, path in ipairs(links(repo, call)) do
		local folder = repo.directory .. "/" .. path
		local stat = fs.stat(folder .. "/.git", { follow = false })
		if stat and stat.type == "directory" then
			check_directory(folder .. "/.git")
			if depth > DEEPEST then refuse(folder, "is nested too deep") end
			check_linked({ directory = folder, git_dir = folder .. "/.git", settings = {} }, call, depth + 1)
			check_modules(folder .. "/.git/modules", depth + 1)
		elseif stat then
			check_absorbed(repo, folder)
		end
	end
end

-- A list of what is still to be done could have been written by somebody else: a line of it may be a command of the shell.
local function check_todo(git_dir)
	local ok, todo = pcall(fs.read, git_dir .. "/rebase-merge/git-rebase-todo")
	for line in (ok and todo or ""):gmatch "[^\n]+" do
		if line:find "^%s*exec%f[%s]" or line:find "^%s*x%f[%s]" then
			error(errors.new("unsafe_config", ("the rebase that is under way would run '%s': abort it, or open the repository with trust = true")
				:format(line)), 0)
		end
	end
end

-- Raises unsafe_config unless the command can be run. repo, words and call as of run.git.
function M.check(repo, words, call)
	if words[1] == "submodule" then
		error(errors.new("unsafe_config", "git submodule works in the repositories within, by what their own configuration says: open the "
			.. "repository with trust = true, or clone with recurse_submodules"), 0)
	end
	local directory = repo.settings.git_dir or core.git_directory(repo.directory)
	if not directory then return end -- the command says why
	if words[1] == "rebase" then check_todo(directory) end
	check_modules(directory .. "/modules", 1)
	check_linked({ directory = repo.directory, git_dir = directory, settings = repo.settings }, call, 1)
end

return M
