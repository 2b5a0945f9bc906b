-- SPDX-License-Identifier: Apache-2.0
-- A repository to test with: local w <close> = git_work.new(); w.repo, w:put(path, text), w:sh(script).
local fs = require "epact.fs"
local git = require "epact.git"
local process = require "epact.process"

local M = {}

local Work = {}
Work.__index = Work

-- Writes a file of the work tree, with the folders above it.
function Work:put(path, text)
	local folder = path:match "^(.*)/[^/]*$"
	if folder then fs.mkdir(self.dir .. "/" .. folder, { parents = true }) end
	fs.write(self.dir .. "/" .. path, text)
end

function Work:get(path) return fs.read(self.dir .. "/" .. path) end

-- Runs a script of shell in the work tree; its output without the last line end.
function Work:sh(script, env)
	return (process.run({ "sh", "-ec", script }, { cwd = self.dir, env = env }).stdout:gsub("\n$", ""))
end

-- Writes files and commits them all; returns the commit.
function Work:commit(message, files)
	for path, text in pairs(files or {}) do self:put(path, text) end
	return self.repo:add():commit { message = message, allow_empty = files == nil }
end

function Work:close()
	process.run({ "sh", "-c", "chmod -R u+w . 2>/dev/null; true" }, { cwd = self.folder.path })
	self.folder:close()
end

Work.__close = Work.close

-- options: as of git.open; `bare`: without a work tree.
function M.new(options)
	local given, bare = {}, false
	for name, value in pairs(options or {}) do
		if name == "bare" then bare = value else given[name] = value end
	end
	local folder = fs.temp_dir()
	local self = setmetatable({ folder = folder, dir = folder.path .. "/work" }, Work)
	process.run({ "git", "init", "-q", "-b", "main", bare and "--bare" or "-q", self.dir })
	self.repo = git.open(self.dir, given)
	return self
end

return M
