-- SPDX-License-Identifier: Apache-2.0
-- What is wrong with the arguments of epact.git is said before anything runs, by a name and the line of the script.
local check = require "check"
local git = require "epact.git"
local git_work = require "git_work"
local case, equal, contains, fails = check.case, check.equal, check.contains, check.fails

-- The error of f names the line `lines` below the one where f begins.
local function at_line(lines, text, f)
	local ok, err = pcall(f)
	check.ok(not ok, "no error")
	contains(err, text)
	contains(err, ("git_arguments_test.lua:%d:"):format(debug.getinfo(f, "S").linedefined + lines))
end

case("errors name the line that called", function()
	local w <close> = git_work.new()
	at_line(1, "did you mean 'max'", function()
		w.repo:log { mx = 1 }
	end)
	at_line(1, "option 'max' must be 1 or more", function()
		w.repo:log { max = 0 }
	end)
	at_line(1, "unknown option 'nope'", function()
		local _ = git.open("x", { nope = 1 })
	end)
	at_line(1, "option 'trust' must be", function()
		local _ = git.open("x", { trust = 1 })
	end)
	at_line(1, "unknown option 'nope'", function()
		w.repo:command { "log", nope = 1 }
	end)
	at_line(1, "option 'depth'", function()
		git.clone { url = "https://example.com/x", directory = w.dir .. "/c", depth = -1 }
	end)
	at_line(1, "mirror, recurse_submodules)", function()
		git.clone { url = "https://example.com/x", directory = w.dir .. "/c", nope = 1 }
	end)
	at_line(1, "must be a table, got string", function()
		for _ in w.repo:commits "main" do break end
	end)
end)

case("a dot in place of the colon", function()
	local w <close> = git_work.new()
	fails("call it with a colon, repo:status(...)", w.repo.status)
	fails("call it with a colon, repo:clone(...)", w.repo.clone, { url = "x" })
	fails("call it with a colon, repo:command(...)", w.repo.command, { "log" })
	fails("call it with a colon, repo:worktree(...)", w.repo.worktree, {})
	equal(w.repo.nothing, nil)
end)

case("NUL bytes", function()
	local w <close> = git_work.new()
	for _, try in ipairs { { "log", "author" }, { "log", "grep" }, { "log", "since" }, { "stash", "push" }, { "tag", "message" },
		{ "worktree", "path" }, { "commit", "message" } } do
		local method, option = table.unpack(try)
		fails(("git.%s: option '%s' holds a NUL byte"):format(method, option), w.repo[method], w.repo, { [option] = "a\0b" })
	end
end)

case("times", function()
	local w <close> = git_work.new()
	for _, time in ipairs { 0 / 0, math.huge, -math.huge, -1 } do
		fails("invalid_argument", w.repo.log, w.repo, { since = time })
		fails("invalid_argument", w.repo.commit, w.repo, { message = "m", allow_empty = true, date = time })
	end
	w:commit("first", { a = "1" })
	local commit = w.repo:commit { amend = true, date = 86400.5 }
	equal({ commit.author.time, commit.committer.time, commit.author.name }, { 86400, 86400, "Relace" })
end)

case("options that exclude or need each other", function()
	local w <close> = git_work.new()
	fails("exclude each other", w.repo.commit, w.repo, { message = "m", all = true, files = "a" })
	fails("exclude each other", w.repo.reset, w.repo, { paths = "a", mode = "hard" })
	fails("option 'untracked' needs 'push'", w.repo.stash, w.repo, { untracked = true })
	fails("option 'paths' needs 'push'", w.repo.stash, w.repo, { paths = "a" })
end)

case("clone takes lists and booleans where it says so", function()
	local function clone(option, value)
		return function() git.clone { url = "https://example.com/x", directory = "/nowhere", [option] = value } end
	end
	fails("must be a list of folders", clone("sparse", { dir = "x" }))
	fails("must be a list of folders", clone("sparse", { [2] = "x" }))
	fails("must be a list of folders", clone("sparse", { "a", 1 }))
	fails("option 'recurse_submodules' must be a boolean", clone("recurse_submodules", "yes"))
	fails("option 'progress' must be", clone("progress", 1))
end)

case("command takes a list without holes, and any status if asked", function()
	local w <close> = git_work.new()
	fails("argument 3 is there, and one before it is nil", w.repo.command, w.repo, { "log", nil, "-1" })
	fails("argument 0", w.repo.command, w.repo, { "log", [0] = "-1" })
	fails("exit_status", w.repo.command, w.repo, { "hash-object", "--", "missing" })
	equal(w.repo:command({ "hash-object", "--", "missing", check = false }).status, 128)
	equal(w.repo:command({ "log", "--nonsense", check = false }).status, 128)
end)

case("the git directory is no work tree", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	local inside = git.open(w.dir .. "/.git")
	contains(fails("not_found", inside.status, inside), "open the folder that holds it")
	fails("not_found", inside.add, inside)
	equal(#git.open(w.dir, { git_dir = w.dir .. "/.git" }):log(), 1)
	w:sh "git clone -q --bare . bare.git"
	equal(#git.open(w.dir .. "/bare.git"):log(), 1)
end)

check.done()
