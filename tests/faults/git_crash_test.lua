-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- Clones that are cancelled at any moment, and programs that are killed in the middle of many: no process, lock or folder stays.
local check = require "check"
local fs = require "epact.fs"
local git_world = require "git_world"
local process = require "epact.process"
local task = require "epact.task"

local case, equal = check.case, check.equal
local world <close> = git_world.open()
local tmp, server = world.tmp, world.server

local function proc(pid, name)
	local file = io.open(("/proc/%s/%s"):format(pid, name), "rb")
	local text = file and file:read "a" -- nil: it ended meanwhile
	if file then file:close() end
	return text or ""
end

-- All of git that runs for this test, on this side of the network: what has our TMPDIR, and was not started by the server.
local function strays()
	local found = {}
	for _, entry in ipairs(fs.list "/proc") do
		local comm, state = proc(entry.name, "stat"):match "%((git.*)%) (%a)"
		if comm and state ~= "Z" then
			local environ = "\0" .. proc(entry.name, "environ")
			local ours = environ:find("\0TMPDIR=" .. os.getenv "TMPDIR" .. "\0", 1, true)
			if ours and not environ:find("\0GIT_PROJECT_ROOT=", 1, true) then found[#found + 1] = comm .. " " .. entry.name end
		end
	end
	return found
end

local function gone_within(seconds)
	local start = task.now()
	while true do
		local left = strays()
		if #left == 0 then return end
		if task.now() - start > seconds then error("still there: " .. table.concat(left, ", "), 2) end
		task.sleep(0.02)
	end
end

local function wait_until(what, f)
	for _ = 1, 1500 do
		if f() then return end
		task.sleep(0.02)
	end
	error("waited in vain: " .. what, 2)
end

-- Cancelled after some milliseconds: where in it that is differs from machine to machine, so it is many times.
local function cancel_at(ms, options)
	options.directory = tmp .. "/clones/deep/er/c"
	task.scope(function(scope)
		local clone = scope:spawn_try(world.clone, world, options)
		task.sleep(ms / 1000)
		clone:cancel()
	end)
	local left = world:listing()
	if left:find "%.git" and fs.stat(tmp .. "/clones/deep/er/c/one.txt") then -- it had ended before
		world:clear()
	else
		equal(left, "", ("cancelled after %d ms"):format(ms))
	end
end

case("a clone is cancelled at many moments", function()
	for ms = 0, 120, 4 do cancel_at(ms, {}) end
	gone_within(5)
end)

case("a clone of several stages is cancelled at many moments", function()
	for ms = 0, 300, 15 do cancel_at(ms, { sparse = { "a folder" }, max_files = 100, max_bytes = 1 << 20, progress = function() end }) end
	gone_within(5)
end)

case("a clone that gets half of its pack is cancelled", function()
	for _, ms in ipairs { 50, 150, 300, 600 } do cancel_at(ms, { url = server:at "stall" }) end
	gone_within(5)
end)

case("many clones are cancelled together", function()
	local ok = pcall(task.timeout, 0.4, task.scope, function(scope)
		for i = 1, 20 do scope:spawn(world.clone, world, { url = server:at(i % 2 == 0 and "stall" or "ok"), directory = tmp .. "/clones/m" .. i }) end
	end)
	check.ok(not ok)
	gone_within(5)
	equal(world:sh "find clones -name '*.lock' -o -name 'tmp_*'", "")
	world:clear()
end)

fs.write(tmp .. "/twenty.lua", ([[
	local git, task = require "epact.git", require "epact.task"
	local credential = io.read "l"
	git.limit(20)
	task.scope(function(s)
		for i = 1, 20 do
			s:spawn(function()
				while true do
					local ok, err = pcall(git.clone, { url = arg[1], directory = %q .. i, credential = credential })
					require("epact.fs").remove(%q .. i, { recursive = true })
				end
			end)
		end
	end)]]):format(tmp .. "/clones/k", tmp .. "/clones/k"))

local function start_twenty(mode)
	local p = process.spawn({ os.getenv "EPACT_BIN", "run", tmp .. "/twenty.lua", server:at(mode) }, { stdin = "pipe" })
	p.stdin:write(world.token .. "\n")
	return p
end

-- The program alone, not its group: as an out-of-memory killer does.
local function kill(p)
	world:sh("kill -KILL " .. p.pid)
	gone_within(tonumber(os.getenv "EPACT_SLOWDOWN" or 1))
	pcall(p.wait, p)
	p:close()
	world:clear()
end

case("a program with twenty clones in the middle is killed", function()
	local p = start_twenty "stall"
	wait_until("twenty of each", function()
		local remotes, all = 0, strays()
		for _, stray in ipairs(all) do
			if stray:find "^git%-remote%-http" then remotes = remotes + 1 end
		end
		return remotes >= 20 and #all >= 60
	end)
	kill(p)
end)

case("a program with twenty clones is killed at any moment", function()
	for round = 1, 8 do
		local p = start_twenty(round % 2 == 0 and "stall" or "ok")
		task.sleep(0.02 + round * 0.06)
		kill(p)
	end
end)

check.done()
