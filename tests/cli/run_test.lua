-- SPDX-License-Identifier: Apache-2.0
-- The program as a user meets it: statuses, messages, signals.
local check = require "check"
local fs = require "epact.fs"
local process = require "epact.process"
local task = require "epact.task"
local case, equal, contains = check.case, check.equal, check.contains

local epact = os.getenv "EPACT_BIN"
local dir <close> = fs.temp_dir()

local function run(argv, options)
	local full = { epact, table.unpack(argv) }
	options = options or {}
	options.check = false
	return process.run(full, options)
end

local function script(name, text)
	local path = dir.path .. "/" .. name
	fs.write(path, text)
	return path
end

case("help and version", function()
	contains(run({ "help" }).stdout, "usage: epact run")
	contains(run({ "help", "serve" }).stdout, "--port N")
	contains(run({ "run", "--help" }).stdout, "--local")
	contains(run({ "version" }).stdout, "epact 0.")
	local r = run { "help", "nothing" }
	equal(r.status, 2)
	contains(r.stderr, "there is no command 'nothing'")
	equal(run({}).status, 2)
end)

case("a script gets its arguments, and its integer is the status", function()
	local path = script("args.lua", "print(select('#', ...), ..., arg[0], arg[2]) return 3")
	local r = run { "run", path, "a b", "c" }
	equal(r.status, 3)
	equal(r.stdout, "2\ta b\t" .. path .. "\tc\n")
	equal(run({ path, "x", "y" }).status, 3)
	equal(run({ "-e", "print(...)", "one" }).stdout, "one\n")
	equal(run({ "-", "arg" }, { stdin = { bytes = "print('stdin', ...)" } }).stdout, "stdin\targ\n")
end)

-- The program as a shell starts it; EPACT stands for it. Prints its status behind its output.
local function shell(line)
	local r = process.run({ "bash", "-c", line .. "; echo status ${PIPESTATUS[0]}" }, { env = { EPACT = epact }, check = false })
	return r.stdout .. r.stderr
end

case("what standard output does not take is told", function()
	contains(shell [[$EPACT -e 'print "x"' > /dev/full]], "status 1")
	contains(shell [[$EPACT version > /dev/full]], "epact: standard output could not be written")
end)

case("a script whose reader has left is cancelled", function()
	local endless = [[local t = require 'epact.task'; local _ <close> = setmetatable({}, {
		__close = function() io.stderr:write 'cleaned up' end }); while true do print 'x'; t.sleep(0.001) end]]
	local said = shell(([[$EPACT -e "%s" | head -1]]):format(endless))
	contains(said, "status 141")
	contains(said, "cleaned up")
	contains(shell [[$EPACT -e "while true do print 'x' end" | head -1]], "status 141")
end)

case("standard streams may be closed", function()
	contains(shell [[$EPACT -e 'print(io.read())' <&-]], "nil\nstatus 0")
	contains(shell [[$EPACT -e 'print(1)' >&-]], "status 0")
	contains(shell [[$EPACT -e 'io.stderr:write "x"' 2>&-]], "status 0")
end)

case("wrong usage", function()
	local r = run { "run", "--nonsense", "x.lua" }
	equal(r.status, 2)
	contains(r.stderr, "unknown option --nonsense")
	equal(run({ "run" }).status, 2)
	equal(run({ "run", "--data", "x", "y.lua" }).status, 2)
	contains(run({ "serve", "--port", "http" }).stderr, "needs an integer")
end)

case("scripts that can't be run", function()
	local r = run { dir.path .. "/missing.lua" }
	equal(r.status, 1)
	contains(r.stderr, "No such file or directory")
	r = run { script("compiled.lua", string.dump(function() end)) }
	equal(r.status, 1)
	contains(r.stderr, "/compiled.lua: it is precompiled Lua")
	r = run { dir.path }
	equal(r.status, 1)
	contains(r.stderr, "Is a directory")
	r = run { script("syntax.lua", "local x = = 1") }
	equal(r.status, 1)
	contains(r.stderr, "syntax.lua:1:")
end)

case("an uncaught error: message, traceback through the tasks, status 1", function()
	local r = run { script("fails.lua", [[
local task = require "epact.task"
local function deep() error("kaputt") end
task.spawn(function()
	task.sleep(0.001)
	deep()
end)
task.sleep(5)]]) }
	equal(r.status, 1)
	contains(r.stderr, "fails.lua:2: kaputt")
	contains(r.stderr, "in upvalue 'deep'")
	contains(r.stderr, "task spawned at " .. dir.path .. "/fails.lua:3")
end)

case("a mistake is shown where it stands in the script, without epact's own lines", function()
	local r = run { script("mistake.lua", [[
local fs, task = require "epact.fs", require "epact.task"
local function make() local dir <close> = fs.temp_dir { prefx = "x" } end
task.scope(function(s)
	s:spawn(function()
		table.sort({ 2, 1 }, function() make() end)
	end)
end)]]) }
	equal(r.status, 1)
	contains(r.stderr, "mistake.lua:2: fs.temp_dir: unknown option 'prefx'")
	contains(r.stderr, "mistake.lua:2: in upvalue 'make'")
	contains(r.stderr, "in function 'table.sort'")
	contains(r.stderr, "mistake.lua:5: in function")
	contains(r.stderr, "mistake.lua:3: in main chunk")
	check.lacks(r.stderr, "epact/")
	check.lacks(r.stderr, "tail calls")
	check.lacks(r.stderr, "[C]: in ?")
end)

case("os.exit cleans up first", function()
	local r = run { "-e", [[
local c <close> = setmetatable({}, { __close = function() require "epact.task".sleep(0.01) print "cleaned" end })
os.exit(5)]] }
	equal(r.status, 5)
	equal(r.stdout, "cleaned\n")
end)

case("no key and no --local: an error that says both ways out", function()
	local r = run({ "-e", 'require "epact.relace".client()' }, { env = { RELACE_API_KEY = "" } })
	equal(r.status, 1)
	contains(r.stderr, "RELACE_API_KEY")
	contains(r.stderr, "--local")
end)

case("tasks that wait for each other alone", function()
	local r = run { "-e", 'require "epact.task".event():wait()' }
	equal(r.status, 1)
	contains(r.stderr, "deadlock")
end)

-- Starts the code, waits for its first line, sends the signal as often as said; returns status and the rest.
local function signalled(code, signal, times)
	local p <close> = process.spawn({ epact, "-e", code }, { stdout = "pipe", stderr = "null" })
	local lines = p.stdout:lines()
	equal(lines(), "ready")
	for i = 1, times do
		if i > 1 then task.sleep(0.2) end
		p:kill(signal)
	end
	local rest = {}
	for line in lines do rest[#rest + 1] = line end
	return p:wait().status, table.concat(rest, "\n")
end

local waits = [[
local task = require "epact.task"
local c <close> = setmetatable({}, { __close = function() task.sleep(0.05) print "cleaned" end })
print "ready" io.stdout:flush()
task.sleep(60)]]

local stubborn = [[
print "ready" io.stdout:flush()
while true do rawpcall(require "epact.task".sleep, 60) end]]

case("Ctrl-C and SIGTERM cancel, clean up, and say so by the status", function()
	local status, rest = signalled(waits, "SIGINT", 1)
	equal({ status, rest }, { 130, "cleaned" })
	status, rest = signalled(waits, "SIGTERM", 1)
	equal({ status, rest }, { 143, "cleaned" })
end)

case("a second Ctrl-C ends at once", function()
	local start = task.now()
	equal(signalled(stubborn, "SIGINT", 2), 130)
	check.ok(task.now() - start < 3)
end)

case("a child has no terminal to ask at, though the program has one", function()
	local code = [[
		local run = require "epact.process".run
		print(io.open "/dev/tty" ~= nil)
		print(run({ "sh", "-c", ": </dev/tty" }, { check = false, env = { LC_ALL = "C" } }).stderr)]]
	local r = process.run { "python3", os.getenv "EPACT_SOURCE" .. "/tests/support/terminal.py", epact, "-e", code }
	contains(r.stdout, "true\n")
	contains(r.stdout, "/dev/tty: No such device or address")
end)

case("standard descriptors that are closed are given to nothing else", function()
	local kept = dir.path .. "/kept"
	local path = script("closed.lua", ([[
		local fs, process = require "epact.fs", require "epact.process"
		local file <close> = fs.open(%q, "write")
		print "printed"
		file:write(process.run({ "cat" }, { stdin = { bytes = "in" } }).stdout)
		process.run({ "sh", "-c", "echo out; echo err >&2" }, { stdin = "inherit", stdout = "inherit", stderr = "inherit" })]]):format(kept))
	equal(process.run({ "sh", "-c", 'exec "$0" run "$1" <&- >&- 2>&-', epact, path }, { check = false }).status, 0)
	equal(fs.read(kept), "in")
end)

case("a signal that the caller ignores is ignored", function()
	local path = script("nohup.lua", [[print "ready" io.stdout:flush() require "epact.task".sleep(0.3) print "done"]])
	local p <close> = process.spawn { "sh", "-c", [[trap '' HUP; exec "$0" run "$1"]], epact, path }
	local lines = p.stdout:lines()
	equal(lines(), "ready")
	p:kill "HUP"
	equal(lines(), "done")
end)

check.done()
