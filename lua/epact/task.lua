-- SPDX-License-Identifier: Apache-2.0
--- Tasks: calls that wait, side by side on one thread, in scopes that end together.
--
-- A task lives in a scope; a scope ends when all its tasks have ended; the first failure cancels the others and is
-- raised where the scope was opened. A cancel is an error raised at the next wait: `<close>` variables are closed,
-- `pcall` lets it pass, and clean-up may wait for a grace of some seconds.
--
-- Where a list of functions is taken, wrap arguments: `function() return http.get(url) end`.
local core = require "epact.core.task"
local options = require "epact.options"
local view = require "epact.core.view"

-- The files beside this one are loaded when they are first needed: most scripts need few, and each instance has its own.
local function part(name) return require("epact.task." .. name) end

local select_first

local M = {}

--- Starts a function as a task of the innermost scope. Its failure cancels that scope.
-- The task: `task:await()` waits and returns its results or raises its error; `task:cancel(reason)`; `task:status()`
-- is "ready", "running", "waiting", "done", "failed" or "cancelled"; `task:name()` is the name that
-- `task:name(text)`, which returns the task, has given it for tracebacks and views.
-- @param fn function
-- @param ... its arguments
-- @return task
-- Example: `local t = task.spawn(http.get, url):name "front page"; local response = t:await()`
M.spawn = core.spawn

--- Calls `fn(scope, ...)` and waits for all tasks spawned in it. The first error is raised, with later ones in its
-- field `others`. Methods of the scope:
-- `s:spawn(fn, ...)` -> task: its failure cancels the scope.
-- `s:spawn_try(fn, ...)` -> task: a failure is returned: it ends with true and results, or false and the error.
-- `s:spawn_daemon(fn, ...)` -> task: cancelled when the others have ended.
-- `s:deadline(seconds)`: cancels what still runs then; the scope raises the error `timeout`.
-- `s:cancel(reason)`: the reason is the field `reason` of the error `cancelled` that the tasks meet.
-- `s:collect()` -> array: waits for the tasks spawned so far by `spawn` and `spawn_try`; their first results in the
-- order of spawning, nil for a task that was cancelled.
-- `for task, ... in s:each() do`: these tasks as they end, with their results; each is given once.
-- A scope keeps tasks that returned something until it ends or `each` gave them; in a loop without end let tasks
-- return nothing, or start them by `task.spawn`, which keeps nothing.
-- @param fn function
-- @param ... further arguments of fn
-- @return what fn returns; nothing when the scope was cancelled by `s:cancel()` before fn returned
M.scope = core.scope

local scope = core.scope_methods

--- Waits for the tasks that `spawn` and `spawn_try` of this scope made so far.
-- @return table: their first results in the order of spawning; nil for one that was cancelled
function scope:collect()
	local tasks, count = core.scope_tasks(self)
	local current, results = core.current(), {}
	for i = 1, count do
		local t = tasks[i]
		if t and t ~= current and core.join(t) ~= "cancelled" then results[i] = t:await() end
	end
	return results
end

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

--- Lets other tasks run; a cancelled task meets its cancel here, as at any wait.
M.yield = core.yield

--- The running task, nil outside of any.
-- @return task?
M.current = core.current

--- The time on a clock that never goes back, to measure with.
-- @return number: seconds
M.now = core.now

--- Calls `fn(...)` protected: an error is returned, but the cancel of the running task passes through, as it does
-- through `pcall`, which this is.
-- @param fn function
-- @return true and what fn returns, or false and the error
-- Example: `local ok, err = task.try(http.get, url)`
M.try = pcall

--- Cancels a task or a scope.
-- @param what task or scope
-- @param reason string?: the field `reason` of the error `cancelled`
function M.cancel(what, reason) what:cancel(reason) end

--- What all tasks do, for a look from inside; the program prints the text on SIGQUIT (Ctrl-\).
-- @return table: the main task: `name`, `state` ("ready", "running", "waiting"), `waits_on` (a text such as
--   "GET host/path"), `since` (seconds it has waited), `at` ("file:line" where it waits), `spawned` ("file:line"),
--   `cancelled` (the reason, when it is being cancelled), `children` (an array of the same)
-- @return string: the same as a text, one line for each task
M.tree = view.tree

--- Says after how many seconds of computing without a wait a task is warned of in the log, once for each place. 0.25
-- at first, or EPACT_SLICE; 0 turns it off. A single task is not warned of: it keeps nobody waiting.
-- @param seconds number?: nothing is changed without it
-- @return number: the seconds before
M.warn_slice = view.warn_slice

--- Makes an event: `event:wait()` waits until it is set, `event:set()`, `event:clear()`, `event:is_set()`,
-- `event:wake_one()` lets the first waiting task go on and says whether there was one.
-- @return event
M.event = core.event

--- Calls all functions side by side.
-- @param fns table: an array of functions
-- @return table: their first results in the same order
-- Example: `local a, b = table.unpack(task.all { get_a, get_b })`
function M.all(fns)
	part "lists".functions(fns, "task.all", 3)
	return M.scope(function(s)
		local tasks, results = {}, {}
		for i, fn in ipairs(fns) do tasks[i] = s:spawn(fn) end
		for i, t in ipairs(tasks) do results[i] = t:await() end
		return results
	end)
end

--- Calls all functions side by side; the first that ends, by returning or by an error, is what counts. The others
-- are cancelled and waited for; what they still return or raise is dropped, but an error of their clean-up is raised.
-- @param fns table: an array of functions, not empty
-- @return what the first returned; its error is raised
-- Example: `local answer = task.race { ask_a, ask_b }`
function M.race(fns) return part "race".race(fns) end

--- Calls all functions side by side; the first that succeeds is what counts, the others are cancelled and waited for.
-- When all fail, the first error is raised with the others in its field `others`.
-- @param fns table: an array of functions, not empty
-- @return what the first successful one returned
-- Example: `local file = task.any { from_mirror_a, from_mirror_b }`
function M.any(fns) return part "race".any(fns) end

--- Calls `fn(item, index)` for each item, at most `options.limit` (default 64) at once.
-- @param items table: an array
-- @param fn function
-- @param options table?: `limit` integer
-- @return table: the first results in the order of the items
function M.map(items, fn, opts)
	part "lists".check(items, "task.map", 3)
	if type(fn) ~= "function" then error("task.map: argument #2 must be a function, got " .. type(fn), 2) end
	local limit = options.read(opts, { limit = { 64, "integer", 1 } }, "task.map", 3).limit
	local results, next_item = {}, 0
	M.scope(function()
		for _ = 1, math.min(limit, #items) do
			M.spawn(function()
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

--- Makes a channel, which hands values from task to task in order. `channel:send(value)` waits while it is full,
-- `channel:receive()` while it is empty; `channel:close()`: what is stored can still be received, then `receive`
-- returns nil, and `send` raises the error `closed`. `for v in channel do` (or `channel:each()`) ends with it.
-- `channel:try_send(v)`, `channel:try_receive()` do not wait; `#channel` counts what is stored; `<close>` closes.
-- @param capacity integer?: values it stores; default 0: `send` waits until the value is received
-- @return channel
function M.channel(capacity)
	capacity = capacity == nil and 0 or capacity
	if math.type(capacity) ~= "integer" or capacity < 0 then
		error("task.channel: the capacity must be an integer, 0 or more, got " .. tostring(capacity), 2)
	end
	return part "channel".new(capacity)
end

--- Waits for the first of several things, of which only one happens. Cases: a channel (receives), `{ channel,
-- send = value }`, a task (awaits), an event (waits). Of several that are ready, the first in the list is taken.
-- @param cases table: an array; `timeout` seconds: how long to wait at most; 0: not at all
-- @return the number of the case and its value (nil of a channel that has ended) or results; nil when the time was up
-- Example: `local which, value = task.select { orders, stop, timeout = 5 }`
function M.select(cases)
	if type(cases) ~= "table" then error("bad argument #1 to 'select' (table expected, got " .. type(cases) .. ")", 2) end
	select_first = select_first or part "select"
	return select_first(cases)
end

--- Makes a semaphore of n permits. `local permit <close> = semaphore:acquire()` waits for one, in the order of
-- asking; `permit:release()`; `semaphore:try_acquire()` gives one or nil; `semaphore:available()` counts the free ones.
-- @param n integer: 1 or more
-- @return semaphore
function M.semaphore(n)
	if math.type(n) ~= "integer" or n < 1 then
		error("task.semaphore: the count must be a positive integer, got " .. tostring(n), 2)
	end
	return part "semaphore".new(n)
end

--- Makes a limiter: `limiter:acquire(n)` waits until n (default 1) tokens are there, in the order of asking, and
-- takes them; `limiter:try_acquire(n)` says whether it could without waiting.
-- @param options table: `rate` tokens that come in each second; `burst` (default 1) how many are kept, at most
-- @return limiter
-- Example: `local limiter = task.limiter { rate = 10, burst = 20 }`
function M.limiter(opts) return part "limiter".new(opts) end

--- Calls `fn(...)` again when it fails for a reason that may pass. The last error is raised as it is.
-- @param options table?: `attempts` (default 3); `delay` seconds before the second (0.5), multiplied by `factor` (2)
--   each time, up to `max_delay` (30), shortened at random by up to the part `jitter` (0.25); `when(err, attempt)`
--   says whether to try again (default: `err.retryable`). An error's `retry_after` makes the pause longer; when it is
--   above `max_delay` the error is raised.
-- @param fn function
-- @return what fn returns
-- Example: `local page = task.retry({ attempts = 5 }, http.get, url)`
function M.retry(opts, fn, ...) return part "retry"(opts, fn, ...) end

return M
