-- SPDX-License-Identifier: Apache-2.0
-- How many clones run at once; the others wait in the order in which they came. Face: epact.git.
local core = require "epact.core.git"
local task = require "epact.core.task"

local PER_CORE, LEAST, MEMORY_EACH = 8, 4, 128 << 20

local M = {}

local queue = task.queue "a turn to clone (git.limit)"
local running, limit = 0, nil

local Turn = {}
Turn.__index = Turn

-- A turn that is over is the next one's, unless there are more than there may be.
function Turn:__close()
	if self.over then return end
	self.over = true
	if running > limit or not queue:wake() then running = running - 1 end
end

-- As many as keep the processors busy while others wait for the network, and fit into the memory.
function M.default()
	local cores, memory = core.machine()
	return math.max(LEAST, math.min(PER_CORE * cores, memory // MEMORY_EACH))
end

-- The limit; with n, which becomes it, the one before.
function M.set(n)
	local before = limit or M.default()
	if n == nil then return before end
	if math.type(n) ~= "integer" or n < 1 then error("git.limit: the number of clones must be an integer of 1 or more", 3) end
	limit = n
	while running < limit and queue:wake() do running = running + 1 end
	return before
end

-- Waits for a turn; it ends with <close>.
function M.turn()
	limit = limit or M.default()
	local turn = setmetatable({}, Turn) -- first: nothing may fail when the turn is taken
	if running < limit then
		running = running + 1
	else
		queue:wait()
	end
	return turn
end

return M
