-- SPDX-License-Identifier: Apache-2.0
--- Semaphores: at most n tasks at once. Face: epact.task.
local core = require "epact.core.task"

local Permit = {}
Permit.__index = Permit
Permit.__name = "epact.permit"

local Semaphore = {}
Semaphore.__index = Semaphore
Semaphore.__name = "epact.semaphore"

local M = {}

function M.new(n) return setmetatable({ free = n, queue = core.queue "a semaphore" }, Semaphore) end

--- Gives the permit back, to the task that has waited longest. Twice is no error.
function Permit:release()
	local semaphore = self.semaphore
	if not semaphore then return end
	self.semaphore = nil
	if not semaphore.queue:wake() then semaphore.free = semaphore.free + 1 end
end

Permit.__close = Permit.release

--- Waits for a permit; tasks get theirs in the order in which they asked.
-- @return permit: `permit:release()` gives it back, as does `<close>`
-- Example: `local permit <close> = semaphore:acquire()`
function Semaphore:acquire()
	local permit = setmetatable({ semaphore = self }, Permit) -- first: nothing may fail when the count is taken
	local free = self.free
	if free > 0 then
		self.free = free - 1
	else
		self.queue:wait()
	end
	return permit
end

--- Takes a permit when one is free.
-- @return permit, or nil
function Semaphore:try_acquire()
	if self.free > 0 then return self:acquire() end
end

--- How many permits are free.
-- @return integer
function Semaphore:available() return self.free end

return M
