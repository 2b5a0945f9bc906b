-- SPDX-License-Identifier: Apache-2.0
-- What git says when it refuses, as codes.
local check = require "check"
local git_work = require "git_work"
local case, equal, fails = check.case, check.equal, check.fails

-- Two branches that change one file.
local function diverged()
	local w = git_work.new()
	w:commit("first", { a = "1\n" })
	w.repo:checkout { branch = "side", new = true }
	w:commit("side", { a = "side\n" })
	w.repo:checkout { branch = "main" }
	w:commit("main", { a = "main\n" })
	return w
end

case("names decide nothing", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	fails("invalid_argument", w.repo.log, w.repo, { paths = "../SSL" })
	fails("invalid_argument", w.repo.log, w.repo, { paths = "../Connection refused" })
	fails("not_found", w.repo.add, w.repo, { files = "x.lock': File exists" })
	w:sh "ln -s /tmp link"
	fails("invalid_argument", w.repo.add, w.repo, { files = "link/x" })
end)

case("revisions and files that are not there", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w:put("new", "1")
	local id = ("1"):rep(40)
	fails("branch_not_found", w.repo.show, w.repo, "nosuch", { path = "a" })
	fails("branch_not_found", w.repo.log, w.repo, { from = id })
	fails("branch_not_found", w.repo.reset, w.repo, { to = id, mode = "hard" })
	fails("branch_not_found", w.repo.checkout, w.repo, { detach = id })
	fails("branch_not_found", w.repo.branch, w.repo, { create = "x", from = id })
	fails("not_found", w.repo.show, w.repo, "HEAD", { path = "new" })
	fails("not_found", w.repo.show, w.repo, "", { path = "new" })
	fails("not_found", w.repo.show, w.repo, "", { path = "none" })
	local bare <close> = git_work.new { bare = true }
	fails("invalid_argument", bare.repo.status, bare.repo)
end)

case("what is no branch", function()
	local w <close> = git_work.new()
	local id = w:commit("first", { a = "1" }).id
	w.repo:tag { create = "v1" }
	for _, name in ipairs { "v1", id } do
		local err = fails("branch_not_found", w.repo.checkout, w.repo, { branch = name })
		check.contains(err.message, "detach")
	end
end)

case("in the middle of a merge", function()
	local w <close> = diverged()
	fails("conflict", w.repo.merge, w.repo, { branch = "side" })
	fails("conflict", w.repo.checkout, w.repo, { branch = "side" })
	fails("conflict", w.repo.merge, w.repo, { branch = "side" })
	w:put("a", "both\n")
	w.repo:add()
	fails("conflict", w.repo.merge, w.repo, { branch = "side" })
	fails("conflict", w.repo.checkout, w.repo, { branch = "side" })
	fails("conflict", w.repo.commit, w.repo, { message = "x", amend = true })
	fails("conflict", w.repo.commit, w.repo, { message = "x", files = "a" })
	equal(w.repo:merge({ continue = true }).kind, "merged")
end)

case("histories without a common commit", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w:sh "git checkout -q --orphan other; git rm -q --cached a; rm a"
	w:commit("other", { b = "1" })
	local err = fails("non_fast_forward", w.repo.merge, w.repo, { branch = "main" })
	check.contains(err.message, "unrelated")
	equal(w.repo:merge({ branch = "main", unrelated = true }).kind, "merged")
end)

case("a list of names in the words", function()
	local w <close> = diverged()
	w:put("a", "mine\n")
	local err = fails("local_changes", w.repo.merge, w.repo, { branch = "side" })
	check.contains(err.detail, "\ta\n")
end)

check.done()
