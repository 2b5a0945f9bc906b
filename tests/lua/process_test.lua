-- SPDX-License-Identifier: Apache-2.0
local fs = require "epact.fs"
local process = require "epact.process"
local processes = require "processes"
local task = require "epact.task"

local alive = processes.alive

local function equal(got, expected)
	if got ~= expected then error(("got %q, expected %q"):format(tostring(got), tostring(expected)), 2) end
end

-- The error that fn raises; with code, checks it.
local function failure(code, fn, ...)
	local ok, err = pcall(fn, ...)
	if ok then error("no error was raised", 2) end
	if code and (type(err) ~= "table" or err.code ~= code) then
		error(("expected the error %s, got %s"):format(code, tostring(err)), 2)
	end
	return code and err or tostring(err)
end

local function sh(script, options) return process.run({"sh", "-c", script}, options) end

-- run: results, errors
local r = process.run {"printf", "[%s]", "a b", "", "q\"'", "new\nline", "$(id);*"}
equal(r.stdout, "[a b][][q\"'][new\nline][$(id);*]")
equal(r.stderr, "")
equal(r.status, 0)
equal(r.signal, nil)

local err = failure("exit_status", sh, "echo out; echo wrong >&2; exit 3")
equal(err.status, 3)
equal(err.detail, "wrong\n")
assert(err.message:find("'sh'", 1, true), err.message)
equal(sh("exit 3", {check = false}).status, 3)
r = sh("kill -KILL $$", {check = false})
equal(r.signal, 9)
equal(r.status, 137)
assert(failure("exit_status", sh, "kill -KILL $$").message:find("signal 9", 1, true))
assert(failure("not_found", process.run, {"no-such-program-x"}).message:find("no-such-program-x", 1, true))
assert(failure("not_found", process.run, {"true"}, {cwd = "/no/such/folder"}).message:find("/no/such/folder", 1, true))

-- bad arguments name themselves
assert(failure(nil, process.run, {}):find("empty", 1, true))
assert(failure(nil, process.run, {"echo", "a\0b"}):find("NUL", 1, true))
assert(failure(nil, process.run, {"echo", {}}):find("item 2", 1, true))
assert(failure(nil, process.run, {"echo"}, {cmd = 1}):find("known:", 1, true))
assert(failure(nil, process.run, {"echo"}, {stdout = "file"}):find("stdout", 1, true))
assert(failure(nil, process.run, {"echo"}, {stdin = "pipe"}):find("stdin", 1, true))
assert(failure(nil, process.run, {"echo"}, {env = {["A=B"] = "x"}}):find("env", 1, true))

-- environment, folder, input
equal(sh("echo $A", {env = {A = "b c"}}).stdout, "b c\n")
equal(sh("echo \"<$HOME>\"", {env = {HOME = false}}).stdout, "<>\n")
equal(process.run({"/usr/bin/env"}, {env = {X = "1"}, clear_env = true}).stdout, "X=1\n")
equal(sh("pwd", {cwd = "/"}).stdout, "/\n")
local bytes = ("0123456789abcdef"):rep(640 * 1024)
assert(process.run({"cat"}, {stdin = {bytes = bytes}}).stdout == bytes)
equal(process.run({"cat"}).stdout, "")

-- limits
failure("too_large", sh, "yes", {max_output = 1000})
local tail = sh("yes | head -c 200000; echo end", {stdout = "tail", max_output = 100}).stdout
equal(#tail, 100)
equal(tail:sub(-6), "y\nend\n")
equal(sh("echo x", {stdout = "null"}).stdout, nil)

-- time
err = failure("timeout", sh, "echo started >&2; sleep 30", {timeout = 0.3})
assert(err.message:find("in time", 1, true), err.message)
equal(err.detail, "started\n")
failure("timeout", task.timeout, 0.2, function() sh("sleep 30") end)
local order = {}
task.scope(function(s)
	for i = 3, 1, -1 do
		s:spawn(function()
			sh("sleep " .. i / 10)
			order[#order + 1] = i
		end)
	end
end)
equal(table.concat(order, " "), "1 2 3")

-- spawn: a conversation
do
	local p <close> = process.spawn({"cat"}, {stdin = "pipe"})
	assert(alive(p.pid))
	p.stdin:write("one\ntwo")
	equal(p.stdout:read(2), "on")
	equal(p.stdout:read(2), "e\n")
	equal(p.stdout:read(), "two")
	p.stdin:close()
	failure("closed", p.stdin.write, p.stdin, "x")
	equal(p.stdout:read(), nil)
	equal(p:wait().status, 0)
	equal(p:wait().status, 0)
	equal(p:kill(), false)
	equal(p.stderr, nil)
end

-- lines
do
	local p <close> = process.spawn {"sh", "-c", "echo a; echo; printf 'b c\\nlast'"}
	local lines = {}
	for line in p.stdout:lines() do lines[#lines + 1] = line end
	equal(table.concat(lines, "|"), "a||b c|last")
	local q <close> = process.spawn {"sh", "-c", "yes | tr -d '\\n'"}
	failure("too_large", function() for _ in q.stdout:lines(100000) do end end)
end

-- the end by signal, by close, by a collection
do
	local p <close> = process.spawn({"sh", "-c", "echo last words >&2; exec sleep 30"}, {stdout = "null"})
	task.sleep(0.1)
	equal(p:kill("INT"), true)
	local ended = p:wait()
	equal(ended.signal, 2)
	equal(ended.stderr, "last words\n")
	assert(failure(nil, p.kill, p, "NOSUCH"):find("NOSUCH", 1, true))
end
local pid
do
	local p <close> = process.spawn({"sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"}, {grace = 0.2})
	p.stdout:read()
	pid = p.pid
end
assert(not alive(pid), "close waits until it is dead")
local gone = process.spawn {"sleep", "30"}
pid = gone.pid
gone:close()
assert(not alive(pid))
failure("closed", gone.wait, gone)
failure("closed", gone.stdout.read, gone.stdout)
process.spawn {"sleep", "30"}
collectgarbage()
collectgarbage()

-- one waits, another closes
do
	local p = process.spawn {"sleep", "30"}
	task.scope(function(s)
		s:spawn(function() failure("closed", p.wait, p) end)
		s:spawn(function()
			task.sleep(0.05)
			p:close()
		end)
	end)
end

-- a wait that is cancelled leaves the program running; its own time limit does not
do
	local p <close> = process.spawn({"sleep", "30"})
	failure("timeout", task.timeout, 0.05, function() p:wait() end)
	assert(alive(p.pid))
	local q <close> = process.spawn({"sleep", "30"}, {timeout = 0.1})
	failure("timeout", q.wait, q)
end

-- reading pieces behind lines; a line that is too long loses nothing; many short lines cost what they are long
do
	local p <close> = process.spawn {"printf", "ab\\ncdefgh\\nij"}
	local lines = p.stdout:lines()
	equal(lines(), "ab")
	equal(p.stdout:read(2), "cd")
	for _, wrong in ipairs {0, -1, 1.5, "1"} do
		assert(failure(nil, p.stdout.read, p.stdout, wrong):find("max must be a number of bytes", 1, true))
	end
	assert(failure(nil, p.stdout.lines, p.stdout, 0):find("limit must be a number of bytes", 1, true))
	failure("too_large", p.stdout:lines(3))
	equal(lines(), "efgh")
	equal(lines(), "ij")
	equal(lines(), nil)

	local text = ("\n"):rep(600000)
	local began = os.clock()
	for _ in text:gmatch "([^\n]*)\n" do end
	local in_memory = os.clock() - began
	local q <close> = process.spawn({"cat"}, {stdin = {bytes = text}})
	local count = 0
	began = os.clock()
	for _ in q.stdout:lines() do count = count + 1 end
	equal(count, 600000)
	assert(os.clock() - began < 60 * in_memory + 0.5, "lines cost more than they are long")
end

-- a mistake is blamed on the script's line, in pcall too; a method called with a dot says so
do
	local line = debug.getinfo(1, "l").currentline + 1
	local words = failure(nil, function() process.run("ls -l") end)
	assert(words:find(("process_test.lua:%d:"):format(line), 1, true) and words:find('{"ls", "-l"}', 1, true), words)
	local p <close> = process.spawn {"true"}
	assert(failure(nil, function() p.wait() end):find("call it with a colon, process:wait", 1, true))
	assert(failure(nil, process.run, {"true"}, {max_output = 0}):find("'max_output' must be more than 0, got 0", 1, true))
	equal(process.run({"printenv", "N"}, {env = {N = 5}}).stdout, "5\n")
end

-- the message of a failure has the last line of what the program said; no part of a secret is left at a cut
do
	assert(failure("exit_status", sh, "echo first >&2; printf 'no such thing\\n\\n' >&2; exit 4").message:find("status 4: no such thing$"))
	local secret = require "epact.secret".new "topsecretvalue42"
	local fill = 'printf topsecretvalue42 >&2; head -c 4090 /dev/zero | tr "\\0" x >&2; '
	equal(failure("exit_status", sh, fill .. "exit 1").detail:find("alue42", 1, true), nil)
	equal(failure("timeout", sh, fill .. "exec sleep 30", {timeout = 0.5}).detail:find("alue42", 1, true), nil)
	equal(failure("exit_status", sh, 'head -c 190 /dev/zero | tr "\\0" x >&2; printf topsecretvalue42 >&2; exit 1').message:find("topse", 1, true), nil)
	equal(secret:reveal(), "topsecretvalue42")
	assert(failure("too_large", sh, "yes >&2", {max_output = 1000}).message:find("error output is larger than 1000 bytes", 1, true))
end

-- what was written before stands before what a program writes that has the same output
equal(process.run({os.getenv "EPACT_BIN", "-e", [[
	io.write "first "
	require "epact.process".run({"printf", "second "}, {stdout = "inherit"})
	io.write "third"]]}).stdout, "first second third")

-- no grace: what does not end by SIGTERM is killed at once, and not after the default of two seconds
do
	local dir <close> = fs.temp_dir()
	failure("timeout", sh, "trap 'sleep 1; echo > late' TERM; while :; do sleep 0.1; done", {timeout = 0.5, grace = 0, cwd = dir.path})
	equal(fs.stat(dir.path .. "/late"), nil)
end

-- what runs when the script ends is ended too
_G.left = process.spawn {"sh", "-c", "sleep 30 & wait"}
