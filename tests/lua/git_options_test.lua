-- SPDX-License-Identifier: Apache-2.0
-- Options that exclude each other, and those that are nothing alone: no call does half of what it was asked for.
local check = require "check"
local git = require "epact.git"
local git_work = require "git_work"
local case, equal, fails = check.case, check.equal, check.fails

case("options that exclude each other", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	local url = "https://example.com/x.git"
	for method, calls in pairs {
		branch = { { create = "x", delete = "main" }, { create = "x", rename = "main", to = "y" }, { remote = true, delete = "main" } },
		tag = { { create = "x", delete = "y" } },
		remote = { { add = "x", remove = "y", url = url }, { add = "x", set = "y", url = url } },
		push = { { branch = "main", tag = "v1" }, { branch = "main", delete = "x" }, { tag = "v1", to = "x" } },
	} do
		for _, options in ipairs(calls) do fails("exclude each other", w.repo[method], w.repo, options) end
	end
	equal(#w.repo:branch(), 1)
	equal(w.repo:tag(), {})
	equal(w.repo:remote(), {})
end)

case("options without the one they belong to", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	for method, calls in pairs {
		branch = { ["option 'from' needs 'create'"] = { from = "main" }, ["option 'to' needs 'rename'"] = { create = "x", to = "y" },
			["option 'force' needs 'create', 'delete' or 'rename'"] = { force = true } },
		tag = { ["option 'message' needs 'create'"] = { message = "x" }, ["option 'at' needs 'create'"] = { delete = "x", at = "HEAD" } },
		remote = { ["option 'url' needs 'add' or 'set'"] = { url = "https://example.com/x.git" } },
		checkout = { ["option 'from' needs 'new' or 'paths'"] = { branch = "main", from = "HEAD" },
			["option 'new' needs 'branch'"] = { detach = "HEAD", new = true } },
		worktree = { ["option 'new' needs 'branch'"] = { new = true }, ["option 'force' needs"] = { force = true },
			["option 'from' beside 'branch' needs 'new'"] = { branch = "main", from = "HEAD" } },
	} do
		for words, options in pairs(calls) do fails(words, w.repo[method], w.repo, options) end
	end
	-- what is false is not given, and a time limit is no choice
	equal(#w.repo:branch { force = false, timeout = 10 }, 1)
	equal(#w.repo:worktree { new = false, timeout = 10 }, 1)
end)

case("a credential of a wrong type names the method", function()
	local w <close> = git_work.new()
	for _, name in ipairs { "fetch", "pull", "push" } do
		fails(("git.%s: option 'credential' must be"):format(name), w.repo[name], w.repo, { credential = 5, url = "https://x.y/" })
	end
	fails("git.command: option 'credential' must be", w.repo.command, w.repo, { "log", credential = 5, url = "https://x.y/" })
	local repo = git.open(w.dir, { credential = function() return 5 end, url = "https://x.y/" })
	fails("git.open: option 'credential' must be", repo.fetch, repo)
	fails("git.open: option 'credential' must be", git.open, w.dir, { credential = 5, url = "https://x.y/" })
end)

check.done()
