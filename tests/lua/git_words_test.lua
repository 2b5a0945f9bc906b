-- SPDX-License-Identifier: Apache-2.0
-- What git says when it refuses, as codes.
local check = require "check"
local errors = require "epact.error"
local git = require "epact.git"
local git_work = require "git_work"
local task = require "epact.task"
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
	local open = w.repo
	equal(fails("conflict", open.merge, open, { branch = "side" }).files, { "a" })
	equal(fails("conflict", open.checkout, open, { branch = "side" }).files, { "a" })
	equal(fails("conflict", open.merge, open, { branch = "side" }).files, { "a" })
	equal(fails("conflict", open.commit, open, { message = "x" }).files, { "a" })
	equal(fails("conflict", open.stash, open, { push = true }).files, { "a" })
	equal(fails("conflict", open.command, open, { "cherry-pick", "side" }).files, { "a" })
	w:put("a", "both\n")
	w.repo:add()
	fails("conflict", w.repo.merge, w.repo, { branch = "side" })
	equal(fails("conflict", w.repo.checkout, w.repo, { branch = "side" }).files, {})
	equal(fails("conflict", w.repo.branch, w.repo, { delete = "side" }).files, {})
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

case("why a stash is refused", function()
	local w <close> = git_work.new()
	w:put("a", "1")
	fails("branch_not_found", w.repo.stash, w.repo, { push = true, untracked = true })
	w:commit("first", { a = "1" })
	w:put("a", "2")
	w:sh "touch .git/index.lock"
	check.ok(fails("locked", w.repo.stash, w.repo, { push = true }).retryable)
	w:sh "rm .git/index.lock"
	w.repo:stash { push = true }
	w:sh "touch .git/index.lock"
	check.ok(fails("locked", w.repo.stash, w.repo, { pop = true }).retryable)
	w:sh "rm .git/index.lock"
	w.repo:stash { pop = true }
	w:sh "touch .git/refs/stash.lock"
	check.ok(fails("locked", w.repo.stash, w.repo, { push = true }).retryable)
	w:sh "rm .git/refs/stash.lock"
	-- many at once
	w:put("a", "3")
	task.scope(function(scope)
		for _ = 1, 12 do
			scope:spawn(function()
				local ok, result = pcall(w.repo.stash, w.repo, { push = true })
				check.ok(ok or errors.is(result, "locked"), tostring(result) .. (ok and "" or tostring(result.detail)))
			end)
		end
	end)
end)

case("a branch that two remotes have is that of origin", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w:sh [[git branch dev; git clone -q . ../one; git branch -f dev $(git commit-tree -m other HEAD^{tree}); git clone -q --bare . ../two
		cd ../one; git remote add other ../two; git fetch -q other]]
	local one = git.open(w.folder.path .. "/one")
	local id = one:rev_parse "origin/dev"
	check.ok(id ~= one:rev_parse "other/dev")
	one:checkout { branch = "dev" }
	equal(one:rev_parse "HEAD", id)
	one:checkout { branch = "main" }
	one:branch { delete = "dev", force = true }
	w:sh "git -C ../one config checkout.defaultRemote other"
	one:checkout { branch = "dev" }
	equal(one:rev_parse "HEAD", one:rev_parse "other/dev")
end)

case("what is refused says how it is allowed", function()
	local w <close> = git_work.new()
	for _, url in ipairs { "ssh://h/x", "git@h:x", "/srv/x", "file:///srv/x", "git://h/x" } do
		check.contains(fails("invalid_argument", w.repo.remote, w.repo, { add = "x", url = url }).message, "protocols")
	end
	check.lacks(fails("invalid_argument", w.repo.remote, w.repo, { add = "x", url = "ext::sh" }).message, "protocols")
	w:sh "git config remote.origin.url ssh://h/x"
	check.contains(fails("invalid_argument", w.repo.fetch, w.repo).message, "protocols")
	w:sh "git config foo.bar x"
	check.contains(fails("unsafe_config", w.repo.status, w.repo).message, "does not know")
	w:sh "git config --unset foo.bar; git config url.x.insteadOf y"
	check.contains(fails("unsafe_config", w.repo.status, w.repo).message, "lead elsewhere")
end)

case("a list of names in the words", function()
	local w <close> = diverged()
	w:put("a", "mine\n")
	local err = fails("local_changes", w.repo.merge, w.repo, { branch = "side" })
	check.contains(err.detail, "\ta\n")
end)

check.done()
