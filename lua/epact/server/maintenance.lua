-- SPDX-License-Identifier: Apache-2.0
-- Each update adds a small pack to its repo. After some of them they are joined, in the background, one repo at a time;
-- git allows readers and writers meanwhile.

local fs = require "epact.fs"
local log = require "epact.log"
local task = require "epact.task"

local maintenance = {}
maintenance.__index = maintenance

-- What a git that was killed left among the packs is removed when it is this old, in seconds.
local STALE = 3600
local CLEAN_GRACE = 10

--- Packs a repo after `every` changes.
function maintenance.new(git_store, every)
	return setmetatable({
		git_store = git_store,
		every = every,
		changes = {},
		due = {},
		wake = task.event(),
		current = nil,
	}, maintenance)
end

--- Tells that a repo was changed.
function maintenance:note(id)
	local changes = (self.changes[id] or 0) + 1
	self.changes[id] = changes
	if changes < self.every then return end
	self.changes[id] = nil
	self.due[#self.due + 1] = id
	self.wake:set()
end

--- Ends the packing of a repo that is to be copied; its packs stay as they are.
function maintenance:stop(id)
	local current = self.current
	if not current or current.id ~= id then return end
	current.scope:cancel()
	current.ended:wait()
end

--- Forgets a repo that is removed.
function maintenance:forget(id)
	self.changes[id] = nil
	self:stop(id)
end

local function remove_stale(packs)
	for _, entry in ipairs(fs.list(packs)) do
		local is_temporary = entry.name:find("^tmp_") or entry.name:find("^%.tmp%-")
		local status = is_temporary and fs.stat(packs .. "/" .. entry.name)
		if status and status.mtime < os.time() - STALE then fs.remove(packs .. "/" .. entry.name) end
	end
end

--- The ids of the repos that the last server was packing when it ended.
function maintenance:interrupted()
	local ids = {}
	for _, entry in ipairs(fs.list(self.git_store.tmp)) do
		ids[#ids + 1] = entry.name:match("^packing%.(.+)$")
	end
	return ids
end

-- Tells the next start what had no end: a git that was killed leaves locks, which would stop later ones.
local function mark(self, id)
	local file = self.git_store.tmp .. "/packing." .. id
	fs.write(file, "")
	return setmetatable({}, { __close = function() task.shield(CLEAN_GRACE, fs.remove, file) end })
end

local function pack(self, id)
	local path = self.git_store:path(id)
	if not fs.stat(path) then return end
	local marked <close> = mark(self, id)
	remove_stale(path .. "/objects/pack")
	self.git_store.git:run(path, { "-c", "pack.compression=6", "repack", "--quiet", "-d", "-F", "--geometric=2" })
	self.git_store.git:run(path, { "pack-refs", "--all" })
end

local function pack_next(self)
	local current = { id = table.remove(self.due, 1), ended = task.event() }
	local leave <close> = setmetatable({}, { __close = function()
		self.current = nil
		current.ended:set()
	end })
	local ok, failure = pcall(task.scope, function(scope)
		current.scope = scope
		self.current = current
		pack(self, current.id)
	end)
	if not ok then log.warn("packing of repo %s failed: %s", current.id, tostring(failure)) end
end

--- Packs what is due, until it is cancelled.
function maintenance:run()
	while true do
		self.wake:wait()
		self.wake:clear()
		while #self.due > 0 do pack_next(self) end
	end
end

return maintenance
