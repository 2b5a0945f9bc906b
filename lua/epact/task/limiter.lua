-- SPDX-License-Identifier: Apache-2.0
--- Limiters: at most so many calls a second, by a bucket that fills with tokens. Face: epact.task.
local core = require "epact.core.task"
local options = require "epact.options"
local semaphore = require "epact.task.semaphore"

local Limiter = {}
Limiter.__index = Limiter
Limiter.__name = "epact.limiter"

local spec = { rate = { nil, "number" }, burst = { 1, "number", 1 } }
local M = {}

function M.new(opts)
	local read = options.read(opts, spec, "task.limiter", 3)
	if not read.rate or not (read.rate > 0) then error("task.limiter: option 'rate' must be a number above 0", 2) end
	return setmetatable({
		rate = read.rate,
		burst = read.burst,
		tokens = read.burst,
		filled = core.now(),
		turn = semaphore.new(1), -- of the task that waits for the bucket to fill
	}, Limiter)
end

local function fill(self)
	local now = core.now()
	self.tokens = math.min(self.burst, self.tokens + (now - self.filled) * self.rate)
	self.filled = now
end

-- Sums of small fills may stay a little below a whole token.
local ALMOST = 1e-6

local function check_count(self, n)
	n = n or 1
	if type(n) ~= "number" or not (n > 0 and n <= self.burst) then
		error(("the count must be a number above 0 and at most the burst (%s), got %s"):format(self.burst, tostring(n)), 3)
	end
	return n
end

local function take(self, n)
	fill(self)
	if self.tokens + ALMOST < n then return false end
	self.tokens = self.tokens - n
	return true
end

--- Waits until the bucket holds n tokens and takes them; tasks get theirs in the order in which they asked. A task
-- that is cancelled while it waits has taken none.
-- @param n number?: default 1, at most the burst
function Limiter:acquire(n)
	n = check_count(self, n)
	local _ <close> = self.turn:acquire()
	while not take(self, n) do core.sleep((n - self.tokens) / self.rate) end
end

--- Takes n tokens when they are there and nobody waits for some.
-- @param n number?: default 1
-- @return boolean
function Limiter:try_acquire(n)
	n = check_count(self, n)
	return self.turn:available() == 1 and take(self, n)
end

return M
