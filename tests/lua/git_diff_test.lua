-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local git_work = require "git_work"
local case, equal, fails = check.case, check.equal, check.fails

case("each file of a conflict once", function()
	local w <close> = git_work.new()
	w:commit("first", { both = "1\n", gone = "1\n" })
	w.repo:checkout { branch = "side", new = true }
	w:sh "rm gone"
	w:commit("side", { both = "s\n", new = "s\n", bin = "\0s" })
	w.repo:checkout { branch = "main" }
	w:commit("main", { both = "m\n", new = "m\n", bin = "\0m", gone = "m\n" })
	fails("conflict", w.repo.merge, w.repo, { branch = "side" })
	w:put("bin", "\0x")
	local by_path = {}
	for _, options in ipairs { {}, { staged = true } } do
		local list = w.repo:diff(options)
		equal(#list, 4)
		for _, entry in ipairs(list) do
			equal(entry.status, "unmerged")
			equal(entry.mode ~= nil and entry.binary ~= nil, true, entry.path)
			by_path[entry.path] = by_path[entry.path] or entry
		end
	end
	equal(by_path.new.added, 4) -- the marks, and their side
	equal(by_path.new.old_id, w.repo:rev_parse "main:new")
	equal(by_path.bin.binary, true)
	equal(by_path.both.added, 4)
end)

case("context", function()
	local w <close> = git_work.new()
	local lines = {}
	for i = 1, 40 do lines[i] = i .. "\n" end
	w:commit("first", { a = table.concat(lines) })
	lines[20] = "twenty\n"
	w:put("a", table.concat(lines))
	check.contains(w.repo:diff({ text = true, context = 0 }).text, "@@ -20 +20 @@")
	check.contains(w.repo:diff({ text = true, context = 1000000 }).text, "@@ -1,40 +1,40 @@")
	for _, context in ipairs { 1000001, 1 << 31, math.maxinteger } do
		check.contains(fails("invalid_argument", w.repo.diff, w.repo, { text = true, context = context }).message, "1000000 or less")
	end
end)

case("sides", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1", ["x..y"] = "1" })
	w:commit("second", { a = "2", ["x..y"] = "2" })
	for _, options in ipairs { { to = "HEAD" }, { merge_base = true }, { staged = true, from = "HEAD~1", to = "HEAD" },
		{ from = "HEAD~1..HEAD", to = "HEAD" }, { from = "HEAD", to = "HEAD~1..HEAD" }, { from = "HEAD~1..HEAD", staged = true },
		{ from = "HEAD~1...HEAD", merge_base = true }, { from = "HEAD^!", to = "HEAD" }, { from = "HEAD@{0}..HEAD", to = "HEAD" }, { from = "^HEAD", to = "HEAD" } } do
		fails("invalid_argument", w.repo.diff, w.repo, options)
	end
	equal(#w.repo:diff { from = "HEAD~1..HEAD" }, 2)
	equal(#w.repo:diff { from = "HEAD~1:x..y", to = "HEAD:x..y" }, 1)
	equal(#w.repo:diff { from = "HEAD~1", merge_base = true }, 2)
	equal(#w.repo:diff { from = "HEAD~1", staged = true, merge_base = true }, 2)
end)

check.done()
