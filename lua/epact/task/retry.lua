-- SPDX-License-Identifier: Apache-2.0
-- retry: calls again what failed for a reason that may pass. Face: epact.task.
local core = require "epact.core.task"
local options = require "epact.options"

local spec = {
	attempts = { 3, "integer", 1 },
	delay = { 0.5, "number", 0 },
	factor = { 2, "number", 1 },
	jitter = { 0.25, "number", 0 },
	max_delay = { 30, "number", 0 },
	when = { nil, "function" },
}

local function may_pass(err) return type(err) == "table" and err.retryable == true end

-- The pause behind the n-th attempt; nil when the peer asked for a longer one than is allowed.
local function pause(read, n, err)
	local delay = math.min(read.max_delay, read.delay * read.factor ^ (n - 1))
	delay = delay * (1 - math.random() * math.min(read.jitter, 1))
	local asked = type(err) == "table" and tonumber(err.retry_after) or 0
	if asked > read.max_delay then return nil end
	return math.max(delay, asked)
end

local attempt

local function behind(read, n, fn, args, ok, ...)
	if ok then return ... end
	local err = ...
	local delay = n < read.attempts and (read.when or may_pass)(err, n) and pause(read, n, err)
	if not delay then error(err, 0) end
	core.sleep(delay)
	return attempt(read, n + 1, fn, args)
end

function attempt(read, n, fn, args)
	return behind(read, n, fn, args, pcall(fn, table.unpack(args, 1, args.n)))
end

return function(opts, fn, ...)
	local read = options.read(opts, spec, "task.retry", 3)
	if type(fn) ~= "function" then error("bad argument #2 to 'retry' (function expected, got " .. type(fn) .. ")", 2) end
	return attempt(read, 1, fn, table.pack(...))
end
