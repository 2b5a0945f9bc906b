-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

case("the burst is free, then tokens come in at the rate", function()
	local limiter = task.limiter { rate = 20, burst = 10 }
	local start = task.now()
	for _ = 1, 10 do limiter:acquire() end
	check.ok(task.now() - start < 0.4, "the burst waited") -- by the rate it would have taken half a second
	for _ = 1, 4 do limiter:acquire() end
	local took = task.now() - start
	check.ok(took >= 0.1995, "too fast: " .. took)
	check.ok(took < 2, "too slow: " .. took)
end)

case("in the order of asking, whatever the count", function()
	local limiter, order = task.limiter { rate = 1000, burst = 4 }, {}
	limiter:acquire(4)
	task.scope(function(s)
		for i, n in ipairs { 4, 1, 2 } do
			s:spawn(function()
				limiter:acquire(n)
				order[#order + 1] = i
			end)
		end
		task.yield()
		equal(limiter:try_acquire(), false)
	end)
	equal(order, { 1, 2, 3 })
end)

case("the bucket never holds more than the burst", function()
	local limiter = task.limiter { rate = 10000, burst = 2 }
	task.sleep(0.005)
	equal(limiter:try_acquire(2), true)
	equal(limiter:try_acquire(2), false)
end)

case("who is cancelled has taken nothing and holds nobody up", function()
	local limiter = task.limiter { rate = 10, burst = 100 }
	limiter:acquire(100)
	check.within(5, task.scope, function(s) -- the cancelled one would have had to wait for 10 seconds
		local big = s:spawn(limiter.acquire, limiter, 100)
		local small = s:spawn(limiter.acquire, limiter, 1)
		task.sleep(0.002)
		big:cancel()
		small:await()
	end)
end)

case("wrong options and counts are named", function()
	fails("option 'rate'", task.limiter, {})
	fails("option 'rate'", task.limiter, { rate = 0 })
	fails("option 'burst' must be 1 or more", task.limiter, { rate = 1, burst = 0 })
	fails("unknown option 'bust'; did you mean 'burst'? (known: burst, rate)", task.limiter, { rate = 1, bust = 2 })
	local limiter = task.limiter { rate = 1, burst = 2 }
	fails("at most the burst", limiter.acquire, limiter, 3)
	fails("above 0", limiter.try_acquire, limiter, 0)
end)

check.done()
