-- SPDX-License-Identifier: Apache-2.0
-- Scopes: collect, each, failures that are returned, names, reasons; where errors come from.
local check = require "check"
local process = require "epact.process"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

local function closer(fn) return setmetatable({}, { __close = function(_, err) fn(err) end }) end

local function after(ms, ...)
	task.sleep(ms / 1000)
	return ...
end

case("collect gives the first results in the order of spawning, also of tasks that have ended long ago", function()
	task.scope(function(s)
		s:spawn(after, 3, "a", "ignored")
		s:spawn(after, 0, "b")
		s:spawn(after, 2)
		s:spawn(after, 1, "d")
		equal(s:collect(), { "a", "b", nil, "d" })
		s:spawn(after, 0, "e")
		task.sleep(0.002)
		equal(s:collect(), { "a", "b", nil, "d", "e" })
	end)
end)

case("collect leaves out daemons, tasks of task.spawn and cancelled ones", function()
	task.scope(function(s)
		s:spawn_daemon(task.sleep, 60)
		task.spawn(after, 0, "other")
		local gone = s:spawn(after, 60000, "gone")
		s:spawn(after, 1, "kept")
		gone:cancel()
		equal(s:collect(), { nil, "kept" })
	end)
end)

case("collect in a task of the scope does not wait for itself", function()
	equal(task.scope(function(s)
		s:spawn(after, 1, "a")
		return s:spawn(function() return s:collect() end):await()
	end), { "a" })
end)

case("collect raises the first failure, through the scope", function()
	fails("boom", task.scope, function(s)
		s:spawn(after, 60000)
		s:spawn(function()
			after(1)
			error "boom"
		end)
		s:collect()
	end)
end)

case("each gives the tasks as they end, each once, with all results", function()
	local order = {}
	task.scope(function(s)
		local slow = s:spawn(after, 6, "slow", 2)
		local quick = s:spawn(after, 1, "quick", 1)
		local nothing = s:spawn(after, 3)
		for t, word, number in s:each() do
			order[#order + 1] = { word, number, t == slow and "slow" or t == quick and "quick" or t == nothing and "nothing" }
		end
		for _ in s:each() do error "given twice" end
	end)
	equal(order, { { "quick", 1, "quick" }, { nil, nil, "nothing" }, { "slow", 2, "slow" } })
end)

case("each gives what ended before it was called, and what is spawned while it runs", function()
	local seen = {}
	task.scope(function(s)
		s:spawn(after, 0, 1)
		s:spawn(after, 0) -- returns nothing, ends before: nothing to tell
		task.sleep(0.002)
		for t, n in s:each() do
			seen[#seen + 1] = n or t:status()
			if n and n < 4 then s:spawn(after, 1, n + 1) end
			if n == 4 then s:spawn(after, 60000):cancel() end
		end
	end)
	equal(seen, { 1, 2, 3, 4, "cancelled" })
end)

case("each can be left, and raises a failure", function()
	equal(task.scope(function(s)
		for i = 1, 3 do s:spawn(after, i, i) end
		for _, n in s:each() do return n end
	end), 1)
	fails("boom", task.scope, function(s)
		s:spawn(error, "boom")
		s:spawn(after, 60000)
		for _ in s:each() do check.ok(false) end
	end)
end)

case("each that is cancelled loses no task", function()
	task.scope(function(s)
		s:spawn(after, 5, "late")
		fails("timeout", task.timeout, 0.001, function() for _ in s:each() do check.ok(false) end end)
		local got = {}
		for _, word in s:each() do got[#got + 1] = word end
		equal(got, { "late" })
	end)
end)

case("a scope keeps no task that returned nothing", function()
	task.scope(function(s)
		local weak = setmetatable({}, { __mode = "v" })
		for i = 1, 20 do weak[i] = s:spawn(function() end) end
		task.sleep(0.001)
		collectgarbage()
		collectgarbage()
		equal(next(weak), nil)
	end)
end)

case("spawn_try returns the failure; a cancel is none", function()
	task.scope(function(s)
		local bad = s:spawn_try(function() error { code = "bad" } end)
		local good = s:spawn_try(after, 1, 1, 2)
		equal({ good:await() }, { true, 1, 2 })
		local ok, err = bad:await()
		equal(ok, false)
		equal(err.code, "bad")
		equal(s:collect(), { false, true })
		local t = s:spawn_try(task.sleep, 60)
		task.yield()
		t:cancel "enough"
		equal(fails("cancelled", t.await, t).reason, "enough")
		fails("function expected", s.spawn_try, s, 1)
	end)
end)

case("the reason of a cancel is in the error, of a task, of a scope, of one from inside", function()
	local reasons = {}
	local function note(key)
		return closer(function(err) reasons[key] = err.reason end)
	end
	task.scope(function(s)
		local t = s:spawn(function()
			local _ <close> = note "task"
			task.sleep(60)
		end)
		task.yield()
		t:cancel "not needed"
		t:cancel "the first reason counts"
		local err = fails("cancelled", t.await, t)
		equal(err.reason, "not needed")
		equal(err.message, "the task was cancelled: not needed")
	end)
	task.scope(function(s)
		s:spawn(function()
			local _ <close> = note "scope"
			task.sleep(60)
		end)
		task.yield()
		task.cancel(s, "the scope is over")
	end)
	pcall(task.timeout, 0.001, function()
		local _ <close> = note "timeout"
		task.sleep(60)
	end)
	task.scope(function(s)
		local t = s:spawn(function()
			local _ <close> = note "before"
			task.sleep(60)
		end)
		t:cancel "never started"
		equal(fails("cancelled", t.await, t).reason, "never started")
		local self
		self = s:spawn(function()
			local _ <close> = note "own"
			self:cancel(("own "):rep(1000))
			collectgarbage()
			task.yield()
		end)
	end)
	equal(reasons, { task = "not needed", scope = "the scope is over", timeout = "its time was up", own = ("own "):rep(1000) })
	task.scope(function(s) fails("string expected", s.cancel, s, {}) end)
end)

case("a task has the name it was given", function()
	task.scope(function(s)
		local t = s:spawn(after, 1):name "reader"
		equal(t:name(), "reader")
		check.contains(t, "task 'reader' (")
		equal(s:spawn(after, 0):name(), nil)
		fails("string expected", t.name, t, {})
	end)
end)

case("a time limit that passes while the body succeeds does not swallow what it returned", function()
	equal(task.timeout(0, function() return "value" end), "value")
	local e = task.event()
	equal(task.scope(function(s)
		s:spawn(function()
			local start = task.now()
			while task.now() < start + 0.004 do task.yield() end
			e:set()
		end)
		return task.timeout(0.5, function()
			e:wait()
			return "set"
		end)
	end), "set")
	fails("timeout", task.timeout, 0.001, function() task.spawn(task.sleep, 60) end)
end)

-- The standard error of a script that fails.
local function stderr_of(script)
	local result = process.run({ os.getenv "EPACT_BIN", "run", "-" }, { stdin = { bytes = script }, check = false })
	equal(result.status, 1)
	return result.stderr
end

local function count(text, part)
	local n, at = 0, 1
	while true do
		local _, last = text:find(part, at, true)
		if not last then return n end
		n, at = n + 1, last + 1
	end
end

case("an error tells of ten tasks and where each was spawned", function()
	local err = stderr_of [[
		local task = require "epact.task"
		local function level(n)
			if n == 0 then task.sleep(0.001) error "at the bottom" end
			task.scope(function(s) s:spawn(level, n - 1):name("level " .. n) end)
		end
		level(10)]]
	check.contains(err, "at the bottom")
	for n = 1, 10 do check.contains(err, ("[task 'level %d' spawned at stdin:4]"):format(n)) end
end)

case("the chain goes on through <close>, through a cancel and through all", function()
	local err = stderr_of [[
		local task = require "epact.task"
		local function closer(fn) return setmetatable({}, { __close = fn }) end
		local function level(n)
			if n == 0 then
				local _ <close> = closer(function() task.sleep(0.001) error "in the clean-up" end)
				task.sleep(60)
			end
			local _ <close> = closer(function() task.sleep(0.001) end)
			task.all { function() level(n - 1) end }
		end
		local t = task.spawn(level, 10)
		task.sleep(0.01)
		t:cancel()
		t:await()]]
	check.contains(err, "in the clean-up")
	equal(count(err, "spawned at stdin:9]"), 10)
	equal(count(err, "spawned at stdin:11]"), 1)
end)

check.done()
