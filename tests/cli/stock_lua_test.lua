-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- `require "epact"` in the program lua5.4: the same scripts, on a loop that run drives.
local check = require "check"
local fs = require "epact.fs"
local process = require "epact.process"
local case, equal, contains, lacks, ok = check.case, check.equal, check.contains, check.lacks, check.ok

local build, source = os.getenv "EPACT_BUILD", os.getenv "EPACT_SOURCE"
local dir <close> = fs.temp_dir()

-- A sanitized module in a plain program: the sanitizer's library has to come first.
local function preload()
	local cache = fs.read(build .. "/CMakeCache.txt")
	local library = cache:match "EPACT_SANITIZE:STRING=address" and "libasan.so"
		or cache:match "EPACT_SANITIZE:STRING=thread" and "libtsan.so"
	return library and (process.run { "gcc", "-print-file-name=" .. library }.stdout:match "%S+")
end

local env = { LUA_CPATH = build .. "/lua/?.so;;", LUA_PATH = ";;", LD_PRELOAD = preload() }

local function lua(code, ...)
	return process.run({ "lua5.4", "-e", code, ... }, { env = env, check = false })
end

local function prints(expected, code, ...)
	local r = lua(code, ...)
	equal(r.stderr, "")
	equal(r.stdout, expected)
	equal(r.status, 0)
end

case("a function and what it spawned; its results", function()
	prints("ran\nspawned\n1\t2\n", [[
		local epact = require "epact"
		print(epact.run(function(a)
			local task = require "epact.task"
			task.spawn(function() task.sleep(0.05) print "spawned" end)
			print "ran"
			return a, 2
		end, 1))]])
end)

case("again, in a coroutine, inside itself", function()
	prints("1\n2\n3\nnil\n", [[
		local epact, task = require "epact", require "epact.task"
		local function one(n) task.sleep(0.001) return n end
		print(epact.run(one, 1))
		print(coroutine.wrap(function() return epact.run(one, 2) end)())
		print(epact.run(function() return epact.run(one, 3) end))
		print((task.current()))]])
end)

case("what fails is raised", function()
	prints("true\ttimeout\tno result\tx\n", [[
		local epact, task = require "epact", require "epact.task"
		local e = select(2, pcall(epact.run, function() task.timeout(0.01, task.sleep, 60) end))
		print(type(e) == "table", e.code, select(2, pcall(epact.run, function() error("no result", 0) end)),
			select(2, pcall(epact.run, function() task.spawn(function() error("x", 0) end) task.sleep(60) end)))]])
	contains(lua([[require "epact".run(function() require "epact.task".event():wait() end)]]).stderr, "deadlock")
	contains(lua([[require "epact".run(3)]]).stderr, "a function or the path of a script is expected, got number")
	contains(lua([[require "epact".run("no-such-script.lua")]]).stderr, "no-such-script.lua")
	contains(lua([[require "epact.task".sleep(1)]]).stderr, "module 'epact.task' not found")
	contains(lua([[require "epact" require "epact.task".sleep(1)]]).stderr, "no task is running")
end)

case("Lua's own functions go on as they were", function()
	prints("false\tx\n1 2 3\naXc\n5\ttrue\n", [[
		local old = coroutine.wrap(function() coroutine.yield() return pcall(error, "x") end) -- older than the module
		old()
		require "epact"
		print(old())
		local t = { 3, 1, 2 }
		table.sort(t, function(a, b) return a < b end)
		print(table.concat(t, " "))
		print((("abc"):gsub("b", function() return "X" end)))
		local co = coroutine.create(function(a) return coroutine.yield(a + 1) end)
		local _, five = coroutine.resume(co, 4)
		print(five, (select(2, coroutine.resume(co, true))))]])
end)

case("os.exit cleans up and ends the program with its status", function()
	local r = lua([[
		require "epact".run(function()
			local _ <close> = setmetatable({}, { __close = function() require "epact.task".sleep(0.01) print "cleaned" end })
			os.exit(7)
		end)
		print "not reached"]])
	equal(r.stdout, "cleaned\n")
	equal(r.status, 7)
	equal(lua([[require "epact" os.exit(3)]]).status, 3)
end)

case("Ctrl-C cancels what runs", function()
	local p <close> = process.spawn({ "lua5.4", "-e", [[
		require "epact".run(function()
			local _ <close> = setmetatable({}, { __close = function() print "cleaned" end })
			print "begun" io.stdout:flush()
			require "epact.task".sleep(60)
		end)]] }, { env = env, stdout = "pipe", stderr = "pipe" })
	local lines = p.stdout:lines()
	equal(lines(), "begun")
	p:kill "SIGINT"
	equal(lines(), "cleaned")
	ok(p:wait().status ~= 0, "it ended well")
end)

case("the log goes to standard error, as far as EPACT_LOG says", function()
	local quiet = lua [[require "epact".run(function() require "epact.log".debug "a word" end)]]
	equal(quiet.stderr, "")
	env.EPACT_LOG = "debug"
	contains(lua([[require "epact".run(function() require "epact.log".debug "a word" end)]]).stderr, "epact debug: a word")
	env.EPACT_LOG = nil
end)

case("what is left open when the program ends goes with it", function()
	prints("left\n", [[
		local epact = require "epact"
		epact.run(function()
			local http, serve = require "epact.http", require "epact.serve"
			server = serve.listen { port = 0 }
			dir = require "epact.fs".temp_dir { prefix = "left-" }
			client = http.client {}
			secret = require "epact.secret".new "rlc-0123456789"
		end)
		print "left"]])
end)

case("the quickstart as it is, against a local server", function()
	local data = dir.path .. "/data"
	local server <close> = process.spawn({ os.getenv "EPACT_BIN", "serve", "--data", data }, { stdout = "pipe", stderr = "pipe" })
	env.RELACE_BASE_URL = server.stdout:lines()():match "^ready (%S+)$"
	env.RELACE_API_KEY = fs.read(data .. "/api-key"):match "%S+"
	fs.mkdir(dir.path .. "/project")
	fs.write(dir.path .. "/project/README.md", "# A project\n")
	env.ASAN_OPTIONS = env.LD_PRELOAD and "detect_leaks=0" -- it has children that are not ours, and get the library, too
	local r = lua(([[require "epact".run(%q, %q)]]):format(source .. "/examples/quickstart.lua", dir.path .. "/project"))
	equal(r.stderr, "")
	contains(r.stdout, "deleted the repo; done")
	lacks(r.stdout, env.RELACE_API_KEY)
	env.RELACE_BASE_URL, env.RELACE_API_KEY, env.ASAN_OPTIONS = nil, nil, nil
end)

check.done()
