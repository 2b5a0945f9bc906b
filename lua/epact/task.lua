-- SPDX-License-Identifier: Apache-2.0
--- Tasks: calls that wait, side by side on one thread, in scopes that end together.
--
-- A task lives in a scope; a scope ends when all its tasks have ended; the first failure cancels the others and is
-- raised where the scope was opened. A cancel is an error raised at the next wait: `<close>` variables are closed,
-- `pcall` lets it pass, and clean-up may wait for a grace of some seconds.
local core = require "epact.core.task"

local M = {}

--- Starts a function as a task of the innermost scope. Its failure cancels that scope.
-- @param fn function
-- @param ... its arguments
-- @return task: `task:await()` waits and returns its results or raises its error, `task:cancel()`,
--   `task:status()` ("ready", "running", "waiting", "done", "failed", "cancelled")
-- Example: `local t = task.spawn(http.get, url); local response = t:await()`
M.spawn = core.spawn

--- Calls `fn(scope, ...)` and waits for all tasks spawned in it. Returns what fn returns; nothing when the scope
-- was cancelled by `scope:cancel()`. The first error is raised, with later ones in its field `others`.
-- Methods: `scope:spawn(fn, ...)`, `scope:spawn_daemon(fn, ...)` (cancelled when the others have ended),
-- `scope:deadline(seconds)` (error `timeout` when it passes), `scope:cancel()`.
-- @param fn function
-- @return what fn returns
M.scope = core.scope

--- Calls `fn(...)`; when it has not returned after `seconds`, cancels it and raises the error `timeout`.
-- @param seconds number
-- @param fn function
-- @return what fn returns
M.timeout = core.timeout

--- Calls `fn(...)` so that no cancel from outside reaches it, for at most `seconds` (then: error `timeout`). The
-- cancel is met at the next wait behind it.
-- @param seconds number
-- @param fn function
-- @return what fn returns
M.shield = core.shield

--- Waits.
-- @param seconds number: 0 or more
M.sleep = core.sleep

--- Lets other tasks run.
M.yield = core.yield

--- The running task, nil outside of any.
-- @return task?
M.current = core.current

--- The time on a clock that never goes back, to measure with.
-- @return number: seconds
M.now = core.now

--- Makes an event: `event:wait()` waits until it is set, `event:set()`, `event:clear()`, `event:is_set()`,
-- `event:wake_one()` lets the first waiting task go on and says whether there was one.
-- @return event
M.event = core.event

--- Cancels a task or a scope.
-- @param what task or scope
function M.cancel(what) what:cancel() end

local function collect(tasks)
	local results = {}
	for i, t in ipairs(tasks) do results[i] = t:await() end
	return results
end

--- Calls all functions side by side.
-- @param fns table: an array of functions
-- @return table: their first results in the same order
-- Example: `local a, b = table.unpack(task.all { get_a, get_b })`
function M.all(fns)
	return M.scope(function(s)
		local tasks = {}
		for i, fn in ipairs(fns) do tasks[i] = s:spawn(fn) end
		return collect(tasks)
	end)
end

--- Calls `fn(item, index)` for each item, at most `options.limit` (default 64) at once.
-- @param items table: an array
-- @param fn function
-- @param options table?: `limit` integer
-- @return table: the first results in the order of the items
function M.map(items, fn, options)
	local limit = options and options.limit or 64
	if math.type(limit) ~= "integer" or limit < 1 then error("task.map: option 'limit' must be a positive integer", 2) end
	local results, next_item = {}, 0
	M.scope(function(s)
		for _ = 1, math.min(limit, #items) do
			s:spawn(function()
				while next_item < #items do
					next_item = next_item + 1
					local i = next_item
					results[i] = fn(items[i], i)
				end
			end)
		end
	end)
	return results
end

return M
