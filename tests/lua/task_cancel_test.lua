-- SPDX-License-Identifier: Apache-2.0
-- Tasks in waits of every kind are cancelled at random: nothing is lost, nothing leaks, every task ends.
-- Arguments: how many cancels (default 4000), the seed.
local task = require "epact.task"

local CANCELS = tonumber(arg[1]) or 4000
local SEED = tonumber(arg[2]) or os.time()
local TASKS, PER_ROUND = 100, 200

local function waits(ch, semaphore, event, limiter)
	return {
		function() ch:send(1) end,
		function() ch:receive() end,
		function()
			local _ <close> = semaphore:acquire()
			task.yield()
		end,
		function() event:wait() end,
		function() limiter:acquire() end,
		function() task.select { ch, event, { ch, send = 2 }, timeout = 0.002 } end,
		function() task.race { function() task.sleep(0.001) end, function() ch:receive() end } end,
		function() task.any { function() task.sleep(0.001) end, function() ch:send(3) end } end,
		function()
			task.scope(function(s)
				s:spawn(task.sleep, 0.001)
				for _ in s:each() do end
				s:collect()
			end)
		end,
		function() task.retry({ attempts = 2, delay = 0.001, when = function() return true end }, task.sleep, 0) end,
		function() task.shield(0.002, task.sleep, 0.0005) end,
		function() task.timeout(0.001, task.map, { 1, 2, 3 }, function() task.sleep(0.0002) end, { limit = 2 }) end,
		function() coroutine.wrap(function() ch:receive() end)() end,
		function()
			local _ <close> = setmetatable({}, { __close = function() task.sleep(0) end })
			event:wait()
		end,
	}
end

local function round()
	local semaphore = task.semaphore(2)
	local kinds = waits(task.channel(2), semaphore, task.event(), task.limiter { rate = 1e5, burst = 2 })
	local tasks = {}
	task.scope(function(s)
		for i = 1, TASKS do tasks[i] = s:spawn_try(kinds[math.random(#kinds)]) end
		for i = 1, PER_ROUND do
			tasks[math.random(TASKS)]:cancel()
			if i % 20 == 0 then task.yield() end
		end
		s:cancel()
	end)
	assert(semaphore:available() == 2, "a permit was lost")
	for _, t in ipairs(tasks) do
		local status = t:status()
		assert(status == "done" or status == "cancelled", status)
	end
end

for i = 1, CANCELS, PER_ROUND do
	math.randomseed(SEED + i)
	local ok, err = pcall(round)
	if not ok then error(("seed %d: %s"):format(SEED + i, tostring(err)), 0) end
	collectgarbage() -- the stress build collects at each allocation, but in an emergency Lua runs no finalizer
end
print(("%d cancels, from seed %d"):format(CANCELS, SEED))
