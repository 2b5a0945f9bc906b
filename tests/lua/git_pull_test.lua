-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- repo:pull() where it does not come to its end: the branch is as it was before.
local check = require "check"
local fs = require "epact.fs"
local git = require "epact.git"
local git_work = require "git_work"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

-- A repository whose origin is another one beside it. Both have gone on from the same commit: there `theirs`, here `ours`.
local function diverged(theirs, ours)
	local w = git_work.new { protocols = { "file" }, trust = true, grace = 0.2, author = "Ann <a@b>" }
	w:commit("first", { base = "1" })
	w:sh "git clone -q --bare . ../origin.git; git remote add origin ../origin.git; git clone -q ../origin.git ../other"
	local other = git.open(w.folder.path .. "/other", { protocols = { "file" }, trust = true, author = "Bob <b@c>" })
	for path, text in pairs(theirs) do fs.write(other.directory .. "/" .. path, text) end
	other:add():commit { message = "theirs" }
	other:push()
	w.head = w:commit("ours", ours).id
	return w
end

-- Nothing is under way, and the branch is where it was.
local function untouched(w)
	equal(w.repo:current_branch(), "main")
	equal(w.repo:rev_parse "HEAD", w.head)
	equal(w.repo:status().clean, true)
	equal(w:sh "ls -d .git/rebase-merge .git/rebase-apply .git/index.lock 2>/dev/null || true", "")
end

-- The first file that git writes from now on keeps it waiting, once.
local function stop_git(w)
	fs.write(w.folder.path .. "/stop", "")
	w:sh [[git config filter.slow.smudge "sh -c 'if rm ../stop 2>/dev/null; then exec sleep 1000; fi; cat'"]]
end

local function wait_for_git(w)
	for _ = 1, 400 do
		if not fs.stat(w.folder.path .. "/stop") then return end
		task.sleep(0.05)
	end
	error "git did not come to the filter"
end

local SLOW = { [".gitattributes"] = "slow filter=slow\n", slow = "text\n" }

case("a rebase that is cancelled is undone", function()
	for _, sides in ipairs { { { theirs = "t" }, SLOW }, { SLOW, { ours = "o" } } } do
		local w <close> = diverged(sides[1], sides[2])
		stop_git(w)
		local t = task.spawn(function() w.repo:pull { mode = "rebase" } end)
		wait_for_git(w)
		t:cancel()
		fails("cancelled", t.await, t)
		untouched(w)
		equal(w.repo:pull({ mode = "rebase" }).kind, "rebased")
	end
end)

case("a rebase whose time is over is undone, whoever set the limit", function()
	local w <close> = diverged({ theirs = "t" }, SLOW)
	stop_git(w)
	fails("timeout", w.repo.pull, w.repo, { mode = "rebase", timeout = 3 })
	check.ok(not fs.stat(w.folder.path .. "/stop"), "git came to the filter")
	untouched(w)
	stop_git(w)
	fails("timeout", task.timeout, 6, w.repo.pull, w.repo, { mode = "rebase" })
	check.ok(not fs.stat(w.folder.path .. "/stop"), "git came to the filter")
	untouched(w)
end)

case("a rebase that conflicts is undone", function()
	local w <close> = diverged({ same = "t" }, { same = "o" })
	equal(fails("conflict", w.repo.pull, w.repo, { mode = "rebase" }).files, { "same" })
	untouched(w)
end)

case("a rebase that cannot begin says why", function()
	local w <close> = diverged({ theirs = "t" }, { same = "o" })
	w:sh "git checkout -q -b side HEAD~1; echo s >same; git add same; git commit -qm side; git checkout -q main; git merge side || true"
	equal(fails("conflict", w.repo.pull, w.repo, { mode = "rebase" }).files, { "same" })
	equal(w.repo:status().entries[1].conflict, "both_added")
	w.repo:merge { abort = true }
	w:put("base", "changed")
	fails("local_changes", w.repo.pull, w.repo, { mode = "rebase" })
	equal(w:get "base", "changed")
end)

case("a rebase that somebody else began is left alone", function()
	local w <close> = diverged({ same = "t" }, { same = "o" })
	w:sh "git fetch -q; git rebase -q origin/main || true"
	for _, options in ipairs { { mode = "rebase" }, { mode = "rebase", branch = "main" }, {} } do
		local err = fails("busy", w.repo.pull, w.repo, options)
		check.contains(err.message, "--abort")
		check.ok(fs.stat(w.dir .. "/.git/rebase-merge"), "the rebase is still under way")
	end
	w.repo:command { "rebase", "--abort" }
	untouched(w)
end)

case("the message of a merge names the branch and where it is from", function()
	local w <close> = diverged({ theirs = "t" }, { ours = "o" })
	equal(w.repo:pull({ mode = "merge" }).kind, "merged")
	equal(w.repo:log({ max = 1 })[1].message, "Merge branch 'main' of ../origin")
end)

case("a branch that has no commit yet", function()
	local w <close> = diverged({ theirs = "t" }, { ours = "o" })
	w:sh "git fetch -q; git checkout -q --orphan empty; git rm -rqf ."
	equal(w.repo:pull({ branch = "main", mode = "merge" }).kind, "fast_forward")
	equal(w:get "theirs", "t")
end)

case("a tag with the name of the branch", function()
	local w <close> = diverged({ theirs = "t" }, { ours = "o" })
	w.repo:tag { create = "main", at = "HEAD~1" }
	equal(w.repo:current_branch(), "main")
	equal(w.repo:pull({ mode = "rebase" }).kind, "rebased")
	equal(w.repo:push().name, "main")
	equal(w:sh "git -C ../origin.git for-each-ref --format='%(refname)'", "refs/heads/main")
	w.repo:branch { create = "second" }
	equal(w.repo:rev_parse "refs/heads/second", w.repo:rev_parse "HEAD")
	w.repo:checkout { branch = "third", new = true }
	w.repo:checkout { branch = "main" }
	equal(w.repo:current_branch(), "main")
end)

check.done()
