-- SPDX-License-Identifier: Apache-2.0
-- race and any: several functions side by side, of which one counts. Face: epact.task.
local core = require "epact.core.task"
local errors = require "epact.error"
local lists = require "epact.task.lists"

local M = {}

-- Runs all until on_end(ok, ...), told of each end, returns true; then cancels those left and waits for them.
local function run(fns, on_end)
	core.scope(function(s)
		local decided = false
		local function ended(...)
			if decided or not on_end(...) then return end
			decided = true
			s:cancel("another was first")
		end
		for _, fn in ipairs(fns) do
			s:spawn(function() ended(pcall(fn)) end)
		end
	end)
end

function M.race(fns)
	lists.functions(fns, "task.race", 3)
	if #fns == 0 then error("task.race: the list of functions must be not empty", 2) end
	local first
	run(fns, function(...)
		first = table.pack(...)
		return true
	end)
	if not first[1] then error(first[2], 0) end
	return table.unpack(first, 2, first.n)
end

-- The error of all: the first one, with the others attached.
local function failure(failures)
	local err = failures[1]
	if type(err) ~= "table" then err = errors.new("failed", tostring(err), { cause = err }) end
	err.others = table.move(failures, 2, #failures, 1, {})
	return err
end

function M.any(fns)
	lists.functions(fns, "task.any", 3)
	if #fns == 0 then error("task.any: the list of functions must be not empty", 2) end
	local first
	local failures = {}
	run(fns, function(ok, ...)
		if ok then
			first = table.pack(...)
		else
			failures[#failures + 1] = (...)
		end
		return ok
	end)
	if not first then error(failure(failures), 0) end
	return table.unpack(first, 1, first.n)
end

return M
