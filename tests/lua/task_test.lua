-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

local function closer(fn) return setmetatable({}, { __close = function(_, err) fn(err) end }) end

case("a task returns all its results, as often as asked", function()
	local t = task.spawn(function(...) task.sleep(0.001) return ... end, 1, nil, 3)
	equal(table.pack(t:await()), { 1, nil, 3, n = 3 })
	equal(table.pack(t:await()), { 1, nil, 3, n = 3 })
	equal(t:status(), "done")
end)

case("a scope waits for its tasks and returns what its body does", function()
	local ended = 0
	equal(task.scope(function(s)
		for _ = 1, 10 do
			s:spawn(function()
				task.sleep(0.005)
				ended = ended + 1
			end)
		end
		return "body"
	end), "body")
	equal(ended, 10)
end)

case("the first failure cancels the others, and is raised with later ones", function()
	local cancelled, closing
	local err = fails("boom", task.scope, function(s)
		s:spawn(function()
			local _ <close> = closer(function(e) closing = e end)
			cancelled = true
			task.sleep(60)
			cancelled = false
		end)
		s:spawn(function()
			local _ <close> = closer(function() error { code = "second" } end)
			task.sleep(60)
		end)
		task.sleep(0.002)
		error { code = "boom" }
	end)
	equal(cancelled, true)
	equal(closing.code, "cancelled")
	equal(#err.others, 1)
	equal(err.others[1].code, "second")
end)

case("pcall and xpcall let a cancel pass, rawpcall does not, and it comes again", function()
	local seen = {}
	task.scope(function(s)
		local t = s:spawn(function()
			local ok, err = rawpcall(task.sleep, 60)
			seen[#seen + 1] = tostring(ok) .. err.code
			pcall(task.sleep, 60)
			seen[#seen + 1] = "never"
		end)
		local u = s:spawn(function()
			xpcall(task.sleep, debug.traceback, 60)
			seen[#seen + 1] = "never"
		end)
		task.sleep(0.001)
		t:cancel()
		u:cancel()
	end)
	equal(seen, { "falsecancelled" })
end)

case("an error inside a clean-up's own pcall is an ordinary error", function()
	local caught, after
	task.scope(function(s)
		local t = s:spawn(function()
			local _ <close> = closer(function()
				local ok, err = pcall(function()
					task.sleep(0.001)
					error "inner"
				end)
				caught = not ok and err
				after = true
			end)
			task.sleep(60)
		end)
		task.sleep(0.001)
		t:cancel()
	end)
	check.contains(caught, "inner")
	equal(after, true)
end)

case("clean-up may wait, may open scopes and time limits, and is bounded by them", function()
	local steps = {}
	task.scope(function(s)
		local t = s:spawn(function()
			local _ <close> = closer(function()
				task.sleep(0.002)
				steps[1] = "slept"
				steps[2] = task.all({ function() return "all" end })[1]
				local ok, err = pcall(task.timeout, 0.005, task.sleep, 60)
				steps[3] = not ok and err.code
				task.sleep(0.001)
				steps[4] = "end"
			end)
			task.sleep(60)
		end)
		task.sleep(0.001)
		t:cancel()
	end)
	equal(steps, { "slept", "all", "timeout", "end" })
end)

case("timeouts nest, the nearest wins, and the outer one passes through the inner", function()
	equal(task.timeout(1, function() return 5 end), 5)
	fails("timeout", task.timeout, 0.005, task.sleep, 60)
	local outer = fails("timeout", task.timeout, 0.005, function()
		local ok = pcall(task.timeout, 60, task.sleep, 60)
		error("swallowed " .. tostring(ok))
	end)
	equal(outer.code, "timeout")
	equal(task.timeout(60, function()
		local _, err = pcall(task.timeout, 0.002, task.sleep, 60)
		task.sleep(0.001)
		return err.code
	end), "timeout")
end)

case("a shield holds a cancel off until its end", function()
	local inside, behind
	task.scope(function(s)
		local t = s:spawn(function()
			task.shield(5, function()
				task.sleep(0.01)
				inside = true
			end)
			task.sleep(0)
			behind = true
		end)
		task.sleep(0.001)
		t:cancel()
	end)
	equal(inside, true)
	equal(behind, nil)
	fails("timeout", task.shield, 0.002, task.sleep, 60)
end)

case("cancel before the start, twice, after the end, from itself", function()
	local ran
	task.scope(function(s)
		local t = s:spawn(function() ran = true end)
		t:cancel()
		t:cancel()
		local done = s:spawn(function() return 1 end)
		equal(done:await(), 1)
		done:cancel()
		equal(done:status(), "done")
		local self
		self = s:spawn(function()
			self:cancel()
			task.sleep(0)
			ran = true
		end)
		equal(select(2, pcall(self.await, self)).code, "cancelled")
		equal(t:status(), "cancelled")
	end)
	equal(ran, nil)
end)

case("daemons end with the others", function()
	local ticks, closed = 0, false
	task.scope(function(s)
		s:spawn_daemon(function()
			local _ <close> = closer(function() closed = true end)
			while true do
				task.sleep(0.001)
				ticks = ticks + 1
			end
		end)
		s:spawn(task.sleep, 0.01)
	end)
	check.ok(ticks > 2)
	equal(closed, true)
end)

case("a scope's deadline and its cancel", function()
	fails("timeout", task.scope, function(s)
		s:deadline(0.003)
		s:spawn(task.sleep, 60)
	end)
	equal(select("#", task.scope(function(s)
		s:spawn(task.sleep, 60)
		s:cancel()
		task.sleep(60)
	end)), 0)
	local kept
	task.scope(function(s) kept = s end)
	fails("the scope has ended", kept.spawn, kept, print)
end)

case("waits go through coroutines of the script, and a cancel closes what they hold", function()
	local closed
	local values = {}
	for v in coroutine.wrap(function()
		for i = 1, 3 do
			task.sleep(0.001)
			coroutine.yield(i)
		end
	end) do
		values[#values + 1] = v
	end
	equal(values, { 1, 2, 3 })
	local co = coroutine.create(function(a)
		task.sleep(0.001)
		return a + coroutine.yield(a)
	end)
	equal({ coroutine.resume(co, 1) }, { true, 1 })
	equal({ coroutine.resume(co, 4) }, { true, 5 })
	equal({ coroutine.resume(co) }, { false, "cannot resume dead coroutine" })
	task.scope(function(s)
		local t = s:spawn(function()
			coroutine.wrap(function()
				local _ <close> = closer(function() closed = true end)
				task.sleep(60)
			end)()
		end)
		task.sleep(0.001)
		t:cancel()
	end)
	equal(closed, true)
end)

case("a coroutine can't yield out of a scope that it opened", function()
	local where = { task.scope, function(fn) task.timeout(60, fn) end, function(fn) task.shield(60, fn) end }
	for _, open in ipairs(where) do
		local co = coroutine.create(function() open(function() coroutine.yield(1) end) end)
		local ok, err = coroutine.resume(co)
		equal(ok, false)
		check.contains(err, "cannot yield here: the coroutine is in a scope")
		equal(coroutine.status(co), "dead")
	end
	local outer, inner = {}, {}
	task.scope(function(s) -- a scope around the coroutine, and one that was left before the yield, are no matter
		for v in coroutine.wrap(function()
			s:spawn(task.sleep, 0.001)
			task.timeout(60, task.sleep, 0.001)
			coroutine.yield(1)
		end) do
			outer[#outer + 1] = v
		end
		coroutine.yield() -- of the task itself: lets others run
	end)
	equal(outer, { 1 })
	coroutine.wrap(function()
		task.scope(function()
			for v in coroutine.wrap(function() coroutine.yield(2) end) do inner[#inner + 1] = v end
		end)
	end)()
	equal(inner, { 2 })
	task.sleep(0)
end)

case("a cancel passes the pcall of a coroutine that another task began", function()
	local seen
	local shared = coroutine.wrap(function()
		for _ = 1, 5 do pcall(function() end) end
		seen = { pcall(function()
			coroutine.yield()
			task.sleep(60)
		end) }
	end)
	shared()
	task.scope(function(s)
		local t = s:spawn(shared)
		task.yield()
		t:cancel()
	end)
	equal(seen, nil)
end)

case("tasks that clean-up spawns may wait, in the cancelled scope itself too", function()
	local said = {}
	local function clean_up(s)
		return closer(function()
			said.own = task.spawn(function()
				task.sleep(0.002)
				return task.all { function() task.sleep(0.001) return "inner" end }[1]
			end):await()
			if s then said.scope = s:spawn(function() task.sleep(0.001) return "scope" end):await() end
			local t = task.spawn(task.sleep, 60)
			t:cancel() -- as ever
			said.cancelled = not pcall(t.await, t) and t:status()
		end)
	end
	task.scope(function(s)
		local t = s:spawn(function()
			local _ <close> = clean_up()
			task.sleep(60)
		end)
		task.yield()
		t:cancel()
	end)
	equal(said, { own = "inner", cancelled = "cancelled" })
	said = {}
	task.scope(function(s)
		local _ <close> = clean_up(s)
		s:cancel()
		task.sleep(60)
	end)
	equal(said, { own = "inner", scope = "scope", cancelled = "cancelled" })
end)

case("what is no array of functions is named", function()
	fails("task.all: argument #1 must be an array, got nil", task.all)
	fails("got a table with the key 'later'", task.all, { later = print })
	fails("task.all: item 2 must be a function, got nil", task.all, { print, nil, print })
	fails("task.map: argument #1 must be an array, got string", task.map, "x", print)
	fails("task.map: argument #2 must be a function, got nil", task.map, { 1 })
	fails("task.map: the options must be a table, got number", task.map, { 1 }, print, 3)
	equal(task.all(table.pack(function() return 1 end)), { 1 })
end)

case("a timeout says which limit it was", function()
	local err = fails("timeout", task.timeout, 0.005, task.timeout, 60, task.sleep, 60)
	check.contains(err.message, "not done within 0.005 s")
	err = fails("timeout", task.scope, function(s)
		s:deadline(0.0025)
		task.sleep(60)
	end)
	check.contains(err.message, "not done within 0.0025 s")
end)

case("events wake those who wait", function()
	local e, woken = task.event(), 0
	task.scope(function(s)
		for _ = 1, 3 do
			s:spawn(function()
				e:wait()
				woken = woken + 1
			end)
		end
		task.sleep(0.001)
		equal(e:wake_one(), true)
		task.sleep(0.001)
		equal(woken, 1)
		e:set()
	end)
	equal(woken, 3)
	e:wait()
	e:clear()
	equal(e:is_set(), false)
	fails("timeout", task.timeout, 0.001, e.wait, e)
end)

case("all and map keep the order, map its limit", function()
	equal(task.all { function() task.sleep(0.003) return 1 end, function() return 2 end }, { 1, 2 })
	local running, most = 0, 0
	local squares = task.map({ 1, 2, 3, 4, 5, 6 }, function(x)
		running = running + 1
		most = math.max(most, running)
		task.sleep(0.002)
		running = running - 1
		return x * x
	end, { limit = 2 })
	equal(squares, { 1, 4, 9, 16, 25, 36 })
	equal(most, 2)
	fails("'limit' must be 1 or more", task.map, {}, print, { limit = 0 })
end)

case("wrong arguments are named", function()
	fails("bad argument #1 to", task.sleep, -1)
	fails("number expected", task.sleep, "soon")
	fails("bad argument #2 to", task.timeout, 1)
	fails("bad argument #1", task.spawn, nil)
end)

case("ten thousand sleepers, cancelled at random", function()
	task.scope(function(s)
		local tasks = {}
		for i = 1, 10000 do
			tasks[i] = s:spawn(function() task.sleep(math.random() * 0.05) end)
		end
		for _ = 1, 5000 do
			tasks[math.random(#tasks)]:cancel()
			if math.random(100) == 1 then task.sleep(0) end
		end
	end)
end)

check.done()
