-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
local check = require "check"
local errors = require "epact.error"
local fs = require "epact.fs"
local git = require "epact.git"
local git_work = require "git_work"
local process = require "epact.process"
local processes = require "processes"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

local function wait_for(what, f)
	for _ = 1, 400 do
		if f() then return end
		task.sleep(0.05)
	end
	error("it did not happen: " .. what, 2)
end

local function locks(w) return w:sh "find .git -name '*.lock'" end

-- Runs a script with a git of ours in front of the real one.
local function run_with(w, fake, script)
	fs.mkdir(w.folder.path .. "/bin", { parents = true })
	fs.write(w.folder.path .. "/bin/git", "#!/bin/sh\n" .. fake, { mode = 493 })
	return process.run({ os.getenv "EPACT_BIN", "run", "-e", script },
		{ env = { PATH = w.folder.path .. "/bin:" .. os.getenv "PATH" } }).stdout
end

case("a command that is cancelled leaves no lock and no process", function()
	-- The filter is git's own child, and git holds the index while it runs.
	local w <close> = git_work.new { trust = true, grace = 0.2 }
	w:commit("first", { [".gitattributes"] = "slow filter=slow\n" })
	w:sh "git config filter.slow.clean \"sh -c 'echo \\$\\$ >../pid; exec sleep 1000'\""
	w:put("slow", "x")
	local t = task.spawn(function() return pcall(w.repo.add, w.repo) end)
	wait_for("the filter runs", function() return fs.stat(w.folder.path .. "/pid") end)
	check.ok(locks(w) ~= "", "git holds the lock")
	t:cancel()
	pcall(t.await, t)
	equal(locks(w), "")
	local pid = w:sh "cat ../pid"
	wait_for("the filter ends", function() return not processes.alive(pid) end) -- it was sent SIGKILL with its group
	w:sh "git config --unset filter.slow.clean"
	w.repo:add()
end)

case("its own time limit", function()
	local w <close> = git_work.new { trust = true, grace = 0.2 }
	w:commit("first", { [".gitattributes"] = "slow filter=slow\n" })
	w:sh "git config filter.slow.clean 'sleep 1000'"
	w:put("slow", "x")
	local err = fails("timeout", w.repo.add, w.repo, { timeout = 0.5 })
	equal(err.retryable, true)
	check.contains(err.operation, "git add")
	equal(locks(w), "")
end)

case("the locks of a git that had to be killed are removed, those of others stay", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w:sh "mkdir -p .git/refs/heads/deep; touch .git/refs/heads/deep/old.lock"
	task.sleep(0.05)
	local out = run_with(w, [[
		trap '' TERM
		touch "$GIT_DIR/index.lock" "$GIT_DIR/HEAD.lock" "$GIT_DIR/packed-refs.lock" "$GIT_DIR/refs/heads/deep/x.lock"
		exec 9>"$GIT_DIR/held.lock"
		setsid sleep 30 </dev/null >/dev/null 2>&1 9>&9 & echo $! >"$GIT_DIR/../../held"
		exec sleep 1000 9>&-
	]], ([[
		local git = require "epact.git"
		local ok, err = pcall(git.open(%q, { grace = 0.2 }).status, git.open(%q, { grace = 0.2, timeout = 1 }))
		print(err.code)
	]]):format(w.dir, w.dir))
	equal(out, "timeout\n")
	equal(w:sh "cd .git && find . -name '*.lock' | sort | tr '\\n' ' '", "./held.lock ./refs/heads/deep/old.lock ")
	w:sh "kill -9 $(cat ../held)"
end)

case("a lock that somebody holds", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w:sh "touch .git/index.lock"
	w:put("a", "2")
	local err = fails("locked", w.repo.add, w.repo)
	equal(err.retryable, true)
	check.ok(fs.stat(w.dir .. "/.git/index.lock"))
	w:sh "rm .git/index.lock; touch .git/refs/heads/main.lock"
	fails("locked", w.repo.commit, w.repo, { message = "x", all = true })
end)

case("too much output", function()
	local w <close> = git_work.new()
	w:commit("first", { big = ("x"):rep(200000) })
	fails("too_large", w.repo.show, w.repo, "HEAD", { path = "big", max_output = 100000 })
	equal(#w.repo:show("HEAD", { path = "big", max_output = 200000 }), 200000)
end)

case("a git that floods its standard error, and one that is not there", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	local script = ([[
		local ok, err = pcall(require("epact.git").open(%q).status, require("epact.git").open(%q))
		print(err.code, (err.detail:gsub("^(x+)\n?$", function(all) return #all < 5000 and "the end" end)))
	]]):format(w.dir, w.dir)
	local flood = "head -c 20000000 /dev/zero | tr '\\0' 'x' >&2; "
	equal(run_with(w, flood .. "exit 3\n", script), "exit_status\tthe end\n")
	equal(run_with(w, flood .. "echo >&2; echo whole >&2; exit 3\n", script), "exit_status\twhole\n\n") -- no line in part
	equal(process.run({ os.getenv "EPACT_BIN", "run", "-e", "print(select(2, pcall(require('epact.git').version)).code)" },
		{ env = { PATH = w.folder.path } }).stdout, "no_git\n")
end)

case("many commands side by side", function()
	local works = {}
	local _ <close> = setmetatable({}, { __close = function() for _, w in ipairs(works) do w:close() end end })
	for i = 1, 20 do works[i] = git_work.new() end
	task.scope(function(s)
		for i, w in ipairs(works) do
			s:spawn(function()
				w:commit("first", { a = tostring(i) })
				w.repo:branch { create = "b" .. i }
				equal(w.repo:status().clean, true)
				equal(w.repo:show("b" .. i, { path = "a" }), tostring(i))
			end)
		end
	end)
	local ok, err = pcall(task.scope, function(s)
		for _, w in ipairs(works) do
			s:spawn(function() w:commit("second", { a = "x" }) end)
		end
		s:spawn(function() error(errors.new("stop", "stop")) end)
	end)
	check.ok(not ok and errors.is(err, "stop"))
	for _, w in ipairs(works) do equal(locks(w), "") end
end)

check.done()
