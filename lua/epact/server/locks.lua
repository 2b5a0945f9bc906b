-- SPDX-License-Identifier: Apache-2.0
-- One writer for each repo, in the order they came. A lock is a value to be closed:
--
--     local lock <close> = locks:acquire(repo_id, 2)

local task = require "epact.task"
local errors = require "epact.server.errors"

local locks = {}
locks.__index = locks

local Lock = {}

--- An empty set of locks.
function locks.new()
	-- id -> queue of locks; the first one is the holder's. No queue: free.
	return setmetatable({ queues = {} }, locks)
end

local function release(lock)
	local queue = lock.locks.queues[lock.id]
	for index, other in ipairs(queue or {}) do
		if other == lock then
			table.remove(queue, index)
			break
		end
	end
	if not queue or queue[1] == nil then
		lock.locks.queues[lock.id] = nil
	else
		queue[1].granted:set()
	end
end

Lock.__index = { release = release }
Lock.__close = release

--- Takes the lock of `id`, waiting up to `seconds`; raises 423 when other writers hold it for longer. The lock is
--- given back by its `release`, or when it is closed.
function locks:acquire(id, seconds)
	local lock = setmetatable({ locks = self, id = id, granted = task.event() }, Lock)
	local queue = self.queues[id]
	if not queue then
		self.queues[id] = { lock }
		return lock
	end
	queue[#queue + 1] = lock
	local kept = false
	local leave <close> = setmetatable({}, { __close = function()
		if not kept then release(lock) end
	end })
	-- A timeout and a grant may come together: who stands first in the queue is the truth.
	pcall(task.timeout, seconds, lock.granted.wait, lock.granted)
	if queue[1] ~= lock then errors.locked() end
	kept = true
	return lock
end

--- True when somebody holds the lock of `id`.
function locks:is_held(id)
	return self.queues[id] ~= nil
end

return locks
