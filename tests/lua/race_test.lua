-- SPDX-License-Identifier: Apache-2.0
-- race, any, all, map, try.
local check = require "check"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

local function closer(fn) return setmetatable({}, { __close = function(_, err) fn(err) end }) end

local function after(ms, ...)
	local values = table.pack(...)
	return function()
		task.sleep(ms / 1000)
		return table.unpack(values, 1, values.n)
	end
end

local function failing(ms, err)
	return function()
		task.sleep(ms / 1000)
		error(err, 0)
	end
end

case("race: the first to end counts, the others are cancelled and waited for", function()
	local reason, cleaned
	equal({ task.race { after(60000, "late"), after(1, "first", nil, 3), function()
		local _ <close> = closer(function(err)
			reason = err.reason
			task.sleep(0.002)
			cleaned = true
		end)
		task.sleep(60)
	end } }, { "first", nil, 3 })
	equal(reason, "another was first")
	equal(cleaned, true)
end)

case("race: an error that comes first is raised; what losers raise is dropped, but not an error of their clean-up", function()
	fails("boom", task.race, { after(60000), failing(1, "boom") })
	fails("while cleaning up", task.race, { after(1, "won"), function()
		local _ <close> = closer(function() error "while cleaning up" end)
		task.sleep(60)
	end })
	local both = task.event()
	equal(task.race { function() both:wait() return 1 end, function() both:wait() error "second" end,
		function() both:set() task.sleep(60) end }, 1)
end)

case("race and any: a cancel from outside goes through, and cancels all", function()
	for _, word in ipairs { task.race, task.any } do
		local cleaned = 0
		local function waits()
			local _ <close> = closer(function() cleaned = cleaned + 1 end)
			task.sleep(60)
		end
		fails("timeout", task.timeout, 0.002, word, { waits, waits })
		equal(cleaned, 2)
	end
end)

case("a cancel while a scope waits for its tasks is raised there: no half of a result is seen", function()
	for _, word in ipairs { "map", "all" } do
		local went_on = false
		fails("timeout", task.timeout, 0.002, function()
			if word == "map" then
				task.map({ 0, 60 }, function(n) task.sleep(n) return n end)
			else
				task.all { function() end, function() task.sleep(60) end }
			end
			went_on = true
		end)
		equal(went_on, false)
	end
	task.scope(function(s)
		local t = s:spawn(function()
			task.spawn(task.sleep, 60)
			return "half"
		end)
		task.yield()
		task.yield()
		t:cancel()
		equal(task.try(t.await, t), false)
	end)
end)

case("any: the first success counts", function()
	equal({ task.any { failing(0, "a"), after(3, "won", 2), after(60000, "late") } }, { "won", 2 })
end)

case("any: when all fail, the first error has the others", function()
	local first, second = { code = "first" }, { code = "second" }
	local err = fails("first", task.any, { failing(4, second), failing(1, first), failing(8, "third") })
	equal(rawequal(err, first), true)
	equal(err.others, { second, "third" })
	local wrapped = fails("failed", task.any, { failing(0, "a text"), failing(2, "b") })
	equal(wrapped.message, "a text")
	equal(wrapped.cause, "a text")
	equal(wrapped.others, { "b" })
end)

case("all fails with the first, map stops handing out items", function()
	fails("boom", task.all, { after(60000), failing(1, "boom") })
	local begun = 0
	fails("boom", task.map, { 1, 2, 3, 4, 5, 6 }, function(i)
		begun = begun + 1
		task.sleep(0.001)
		if i == 2 then error("boom", 0) end
		task.sleep(0.001)
	end, { limit = 2 })
	equal(begun, 2)
	fails("unknown option 'limits'", task.map, {}, print, { limits = 1 })
end)

case("try returns errors, lets the own cancel through, and returns that of another task", function()
	equal({ task.try(function(...) return ... end, 1, 2) }, { true, 1, 2 })
	equal({ task.try(error, "boom", 0) }, { false, "boom" })
	local passed = true
	task.scope(function(s)
		local t = s:spawn(function()
			task.try(task.sleep, 60)
			passed = false
		end)
		task.yield()
		t:cancel()
		local ok, err = task.try(t.await, t)
		equal({ ok, err.code }, { false, "cancelled" })
	end)
	equal(passed, true)
end)

case("wrong arguments are named", function()
	fails("not empty", task.race, {})
	fails("not empty", task.any, {})
	fails("item 2 must be a function, got number", task.any, { print, 5 })
end)

check.done()
