-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

case("at most n at once", function()
	local semaphore, running, most = task.semaphore(3), 0, 0
	task.scope(function(s)
		for _ = 1, 12 do
			s:spawn(function()
				local _ <close> = semaphore:acquire()
				running = running + 1
				most = math.max(most, running)
				task.sleep(0.001)
				running = running - 1
			end)
		end
	end)
	equal(most, 3)
	equal(semaphore:available(), 3)
end)

case("permits go to the one that has waited longest; a release counts once", function()
	local semaphore, order = task.semaphore(1), {}
	local permit = semaphore:acquire()
	equal(semaphore:try_acquire(), nil)
	task.scope(function(s)
		for i = 1, 3 do
			s:spawn(function()
				local _ <close> = semaphore:acquire()
				order[#order + 1] = i
			end)
		end
		task.yield()
		permit:release()
		permit:release()
		equal(semaphore:available(), 0)
		equal(semaphore:try_acquire(), nil)
	end)
	equal(order, { 1, 2, 3 })
	equal(semaphore:available(), 1)
	semaphore:try_acquire():release()
	equal(semaphore:available(), 1)
end)

case("a permit is given back by an error and by a cancel", function()
	local semaphore = task.semaphore(1)
	pcall(function()
		local _ <close> = semaphore:acquire()
		error "boom"
	end)
	equal(semaphore:available(), 1)
	pcall(task.timeout, 0.001, function()
		local _ <close> = semaphore:acquire()
		task.sleep(60)
	end)
	equal(semaphore:available(), 1)
end)

case("a cancelled waiter gets no permit: the next one does", function()
	local semaphore, got = task.semaphore(1)
	task.scope(function(s)
		local permit = semaphore:acquire()
		local first = s:spawn(function() semaphore:acquire() end)
		s:spawn(function()
			local _ <close> = semaphore:acquire()
			got = true
		end)
		task.yield()
		first:cancel()
		permit:release()
	end)
	equal(got, true)
	equal(semaphore:available(), 1)
end)

case("one that is cancelled behind the hand-over has the permit, and <close> gives it back", function()
	local semaphore, held = task.semaphore(1)
	task.scope(function(s)
		local permit = semaphore:acquire()
		local t = s:spawn(function()
			local _ <close> = semaphore:acquire()
			held = true
			task.yield()
			held = false
		end)
		task.yield()
		permit:release()
		t:cancel()
	end)
	equal(held, true)
	equal(semaphore:available(), 1)
end)

case("no permit is lost under random cancels", function()
	local semaphore = task.semaphore(4)
	task.scope(function(s)
		local tasks = {}
		for i = 1, 200 do
			tasks[i] = s:spawn(function()
				local _ <close> = semaphore:acquire()
				for _ = 1, math.random(3) do task.yield() end
			end)
		end
		for _ = 1, 150 do
			tasks[math.random(#tasks)]:cancel()
			if math.random(5) == 1 then task.yield() end
		end
	end)
	equal(semaphore:available(), 4)
end)

case("wrong counts are refused", function()
	fails("positive integer", task.semaphore, 0)
	fails("positive integer", task.semaphore)
end)

check.done()
