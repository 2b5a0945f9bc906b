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

-- All of git that runs for this test, on this side of the network: what has our TMPDIR, and was not started by the server.
local function strays()
	return world:sh([[
		for p in /proc/[0-9]*; do
			comm=$(cat $p/comm 2>/dev/null) || continue
			case $comm in git*) ;; *) continue ;; esac
			tr '\0' '\n' <$p/environ 2>/dev/null | grep -qx "TMPDIR=$TMPDIR" || continue
			tr '\0' '\n' <$p/environ 2>/dev/null | grep -q '^GIT_PROJECT_ROOT=' && continue
			grep -q '^State:.*Z' $p/status 2>/dev/null && continue
			echo "$comm ${p#/proc/}"
		done]])
end

local function gone_within(seconds)
	local start = task.now()
	while true do
		local left = strays()
		if left == "" then return end
		if task.now() - start > seconds then error("still there: " .. left, 2) end
		task.sleep(0.05)
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

-- The program alone, not its group: as an out-of-memory killer does. A busy machine is given more than the second.
local function kill(p)
	world:sh("kill -KILL " .. p.pid)
	gone_within(1 + 4 * tonumber(os.getenv "EPACT_SLOWDOWN" or 1))
	pcall(p.wait, p)
	p:close()
	world:clear()
end

case("a program with twenty clones in the middle is killed", function()
	local p = start_twenty "stall"
	wait_until("twenty of each", function()
		local _, n = strays():gsub("git%-remote%-http", "")
		local _, all = strays():gsub("\n", "")
		return n >= 20 and all >= 59
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
