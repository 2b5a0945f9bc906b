-- SPDX-License-Identifier: Apache-2.0
-- Ctrl-\ shows the tasks and the run goes on; warnings of tasks that compute; virtual time of the program.
local check = require "check"
local process = require "epact.process"
local task = require "epact.task"
local case, equal, contains = check.case, check.equal, check.contains

local bin = os.getenv "EPACT_BIN"
local QUIT = 3

-- Reads lines until one holds the words; returns all of them.
local function read_until(lines, words)
	local all = {}
	return task.timeout(20, function()
		for line in lines do
			all[#all + 1] = line
			if line:find(words, 1, true) then return table.concat(all, "\n") end
		end
		error("not seen: " .. words .. "; but: " .. table.concat(all, "\n"))
	end)
end

case("SIGQUIT prints the tree, and the run goes on", function()
	local script = [[
		local task = require "epact.task"
		local process = require "epact.process"
		task.scope(function(s)
			s:spawn(function()
				task.scope(function(inner) inner:spawn(function() task.sleep(60) end) end)
			end)
			s:spawn(process.run, { "sleep", "60" })
			local nested = s:spawn(function() coroutine.wrap(function() task.event():wait() end)() end)
			s:spawn(function() nested:await() end)
			task.yield()
			print "ready"
			io.stdout:flush()
			io.stdin:read "l"
			task.sleep(60)
		end)]]
	local p <close> = process.spawn({ bin, "-e", script }, { stdin = "pipe", stdout = "pipe", stderr = "pipe" })
	read_until(p.stdout:lines(), "ready")
	p.stdin:write "go\n"
	local lines = p.stderr:lines()
	local tree
	for _ = 1, 50 do -- until each task is in its wait
		p:kill(QUIT)
		tree = read_until(lines, "a task's end")
		if tree:find("main: waiting", 1, true) and not tree:find("ready", 1, true) then break end
		task.sleep(0.02)
	end
	contains(tree, "main: waiting")
	contains(tree, "for sleep, ")
	contains(tree, "  task: waiting")
	contains(tree, "for its tasks, at (-e):5, spawned at (-e):4")
	contains(tree, "    task: waiting")
	contains(tree, "at (-e):5, spawned at (-e):5")
	contains(tree, "for sleep (pid ")
	contains(tree, "for an event, at (-e):8, spawned at (-e):8")
	contains(tree, "for a task's end, at (-e):9, spawned at (-e):9")
	p:kill(QUIT)
	read_until(lines, "main: waiting") -- it still runs
end)

case("task.tree gives the same as a table", function()
	task.scope(function(s)
		local named = s:spawn(function()
			s:spawn(task.sleep, 60)
			task.sleep(60)
		end)
		equal(named:name "poll":name(), "poll")
		local event = task.event()
		local shielded = s:spawn(function() task.shield(3, event.wait, event) end)
		task.sleep(0.02)
		shielded:cancel()
		local tree, text = task.tree()
		equal(tree.name, "main")
		equal(tree.state, "running")
		equal(tree.spawned, nil)
		equal(#tree.children, 3)
		local first = tree.children[1]
		equal(first.name, "poll")
		equal(tree.children[2].name, "task")
		equal(first.state, "waiting")
		contains(first.waits_on, "sleep, ")
		check.ok(first.since >= 0.01 and first.since < 20, first.since)
		contains(first.at, "view_test.lua:")
		contains(first.spawned, "view_test.lua:")
		equal(first.children, {})
		equal(tree.children[2].waits_on, "an event")
		equal(tree.children[2].cancelled, nil)
		contains(text, "main: running\n  poll: waiting ")
		equal(select(2, text:gsub("\n", "")), 4)
		event:set()
		s:cancel()
	end)
end)

case("a cancelled task says so while it cleans up", function()
	task.scope(function(s)
		local t = s:spawn(function()
			local _ <close> = setmetatable({}, { __close = function() task.sleep(0.05) end })
			task.sleep(60)
		end)
		task.sleep(0.001)
		t:cancel()
		task.sleep(0.001)
		local tree, text = task.tree()
		equal(tree.children[1].cancelled, "it was cancelled")
		contains(text, ", cancelled: it was cancelled\n")
	end)
end)

local busy = [[
	local task = require "epact.task"
	task.spawn(task.sleep, 0)
	local t = os.clock()
	while os.clock() < t + 0.2 do end
	task.sleep(0)]]

case("a task that computes is warned of", function()
	local function run(slice) return process.run({ bin, "-e", busy }, { env = { EPACT_SLICE = slice } }).stderr end
	contains(run "0.05", "epact warn: the main task computed until (-e):5 for ")
	equal(run "0", "")
	contains(run "soon", "EPACT_SLICE must be a number of seconds, not 'soon'")
	local before = task.warn_slice(1.5)
	equal(task.warn_slice(0), 1.5)
	check.fails("bad argument #1", task.warn_slice, -1)
	equal(task.warn_slice(before), 0.0)
end)

case("virtual time: a day in a moment, in an order that the seed decides", function()
	local script = [[
		local task = require "epact.task"
		local order = {}
		task.scope(function(s)
			for i = 1, 8 do
				s:spawn(function()
					for _ = 1, 24 do
						task.sleep(3600)
						order[#order + 1] = i
					end
				end)
			end
		end)
		print(table.concat(order), math.random(1000))]]
	local function run(seed)
		return process.run({ bin, "run", "--virtual-time", seed, "-e", script }, { timeout = 20 }).stdout
	end
	local first = run "7"
	equal(#first:match "^%d+", 8 * 24)
	equal(run "7", first)
	check.ok(run "8" ~= first)
end)

case("virtual time: a process runs in real time, and a limit ends it", function()
	local script = [[
		local task = require "epact.task"
		local process = require "epact.process"
		local begun = task.now()
		print(process.run({ "echo", "real" }).stdout)
		check = pcall(task.timeout, 0.1, process.run, { "sleep", "60" })
		task.sleep(3600)
		print(check, task.now() - begun >= 3600)]]
	local out = process.run({ bin, "run", "--virtual-time=1", "-e", script }, { timeout = 20 }).stdout
	equal(out, "real\n\nfalse\ttrue\n")
end)

case("the example of the guide runs", function()
	local file <close> = assert(io.open(os.getenv "EPACT_SOURCE" .. "/docs/guide/testing.md"))
	local example = file:read "a":match "\n```lua\n(.-)\n```"
	process.run({ bin, "run", "--virtual-time", "1", "-e", example }, { timeout = 20 })
end)

check.done()
