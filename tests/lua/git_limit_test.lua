-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- The number of clones at once. A server that answers nothing holds those that have their turn.
local check = require "check"
local git = require "epact.git"
local git_server = require "git_server"
local process = require "epact.process"
local task = require "epact.task"

local case, equal = check.case, check.equal
local tmp = os.getenv "TMPDIR"

local function sh(script) return (process.run({ "sh", "-ec", script }, { cwd = tmp }).stdout:gsub("\n$", "")) end

sh "mkdir repos clones"
local root <close> = setmetatable({}, { __close = function() sh "rm -rf repos clones" end })
git_server.repositories(tmp .. "/repos")
local server <close> = git_server.start(tmp .. "/repos")

local function clone(mode, name, options)
	local call = { url = server:at(mode), directory = tmp .. "/clones/" .. name }
	for key, value in pairs(options or {}) do call[key] = value end
	return git.clone(call)
end

-- How many requests the server has had: one of each clone that has begun, as none is answered.
local function begun()
	local _, n = server:requests():gsub("silent", "")
	return n
end

local function wait_until(what, f)
	for _ = 1, 600 do
		if f() then return end
		task.sleep(0.02)
	end
	error("waited in vain: " .. what, 2)
end

case("the default suits the machine, and the number can be asked for", function()
	local n = git.limit()
	check.ok(math.type(n) == "integer" and n >= 4, "default")
	equal(git.limit(3), n)
	equal(git.limit(), 3)
	for _, bad in ipairs { 0, -1, 1.5, "2" } do check.fails("git.limit", git.limit, bad) end
	equal(git.limit(n), 3)
end)

case("no more than so many run; the rest waits, is seen waiting, and may leave", function()
	git.limit(2)
	task.scope(function(scope)
		local tasks = {}
		for i = 1, 6 do tasks[i] = scope:spawn_try(clone, "silent", "a" .. i) end
		wait_until("two begin", function() return begun() == 2 end)
		task.sleep(0.1)
		equal(begun(), 2)
		local _, text = task.tree()
		local _, waiting = text:gsub("a turn to clone", "")
		equal(waiting, 4)
		tasks[3]:cancel() -- the first of those that wait
		tasks[1]:cancel() -- its turn goes to the fourth
		wait_until("a third begins", function() return begun() == 3 end)
		git.limit(3)
		wait_until("a fourth begins", function() return begun() == 4 end)
		git.limit(1)
		tasks[2]:cancel()
		tasks[4]:cancel()
		tasks[5]:cancel()
		wait_until("the last begins", function() return begun() == 5 end)
		tasks[6]:cancel()
	end)
	equal(sh "ls clones", "")
end)

case("the clock of a timeout stands still in the queue", function()
	git.limit(1)
	local results = {}
	task.scope(function(scope)
		local first = scope:spawn_try(clone, "silent", "slow")
		wait_until("the first begins", function() return begun() == 6 end)
		scope:spawn(function() results.second = clone("open", "fast", { timeout = 30 }).branch end)
		scope:spawn(function()
			local ok, err = pcall(clone, "silent", "late", { timeout = 0.3 })
			results.third = not ok and err.code
		end)
		task.sleep(0.5)
		equal(next(results), nil)
		first:cancel()
	end)
	equal(results, { second = "main", third = "timeout" })
	equal(sh "ls clones; rm -r clones/fast", "fast")
end)

case("a clone that fails gives its turn back", function()
	git.limit(1)
	for i = 1, 3 do check.fails("authentication", clone, "404", "x" .. i) end
	check.fails("url", git.clone, { directory = "x" })
	equal(clone("open", "ok").branch, "main")
	sh "rm -r clones/ok"
end)

check.done()
