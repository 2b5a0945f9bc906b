-- SPDX-License-Identifier: Apache-2.0
-- What stands for a commit, and what does not.
local check = require "check"
local git_work = require "git_work"
local case, equal, fails = check.case, check.equal, check.fails

local function two_commits()
	local w = git_work.new()
	w:commit("first", { a = "1", ["odd..name"] = "x" })
	w.head = w:commit("second", { a = "2" }).id
	return w
end

case("the id of a revision", function()
	local w <close> = two_commits()
	local repo = w.repo
	repo:tag { create = "v1" }
	equal(repo:rev_parse "v1", w.head)
	equal(repo:rev_parse(w.head), w.head)
	equal(repo:rev_parse(w.head:upper()), w.head)
	local blob = w:sh "git rev-parse HEAD:a"
	equal(repo:rev_parse(blob), blob)
	equal(repo:rev_parse "HEAD:a", blob)
	equal(#repo:rev_parse "HEAD:odd..name", #w.head)
	for _, revision in ipairs { "none", ("f"):rep(40), ("f"):rep(64), "@{u}", "main@{u}", "v1@{u}", "HEAD@{99}", "HEAD~9", "HEAD:none" } do
		equal(repo:rev_parse(revision), nil, revision)
	end
	repo:checkout { detach = "HEAD" }
	equal(repo:rev_parse "@{u}", nil)
end)

case("a range has no id", function()
	local w <close> = two_commits()
	for _, revision in ipairs { "HEAD~1..HEAD", "HEAD~1...HEAD", "HEAD^!", "HEAD^@", "HEAD^-", "^HEAD" } do
		fails("invalid_argument", w.repo.rev_parse, w.repo, revision)
	end
end)

case("what is no commit cannot be shown as one", function()
	local w <close> = two_commits()
	w:sh "git tag -a -m x tree HEAD^{tree}; git tag blob HEAD:a"
	for _, revision in ipairs { "HEAD^{tree}", "HEAD:a", "tree", "blob" } do
		check.contains(fails("invalid_argument", w.repo.show, w.repo, revision).message, revision)
	end
	equal(w.repo:show("tree", { path = "a" }), "2")
	fails("branch_not_found", w.repo.show, w.repo, "none")
end)

case("what leads nowhere is branch_not_found for all", function()
	local w <close> = git_work.new()
	w:commit("first", { ["d/a"] = "1" })
	for _, revision in ipairs { "@{u}", "main@{99}" } do
		for _, name in ipairs { "log", "diff" } do fails("branch_not_found", w.repo[name], w.repo, { from = revision }) end
		fails("branch_not_found", w.repo.show, w.repo, revision)
		fails("branch_not_found", w.repo.checkout, w.repo, { detach = revision })
		fails("branch_not_found", w.repo.merge, w.repo, { branch = revision })
	end
	fails("branch_not_found", w.repo.checkout, w.repo, { detach = "HEAD^{tree}" })
	fails("invalid_argument", w.repo.show, w.repo, "HEAD", { path = "d" })
	fails("invalid_argument", w.repo.diff, w.repo, { from = "HEAD:d/a" })
end)

case("numbers beyond what git counts", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	equal(#w.repo:log { max = 1 << 40 }, 1)
	equal(#w.repo:log { max = math.maxinteger }, 1)
	equal(#w.repo:log { skip = 1 << 40 }, 0)
	w:put("a", "2")
	w.repo:stash { push = true }
	fails("invalid_argument", w.repo.stash, w.repo, { drop = 100000000 })
	equal(#w.repo:stash(), 1)
	for _, name in ipairs { "author", "grep" } do fails("invalid_argument", w.repo.log, w.repo, { [name] = "\\(" }) end
end)

case("files of a revision that is not there", function()
	local w <close> = two_commits()
	fails("branch_not_found", w.repo.checkout, w.repo, { paths = "a", from = "none" })
	fails("invalid_argument", w.repo.checkout, w.repo, { paths = "a", from = "HEAD~1..HEAD" })
	w.repo:checkout { paths = "a", from = "HEAD~1^{tree}" }
	equal(w:get "a", "1")
end)

check.done()
