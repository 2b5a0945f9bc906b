-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local git_work = require "git_work"
local case, equal, fails = check.case, check.equal, check.fails

-- main and side have gone on from the same commit, each with a file of its own.
local function two_branches()
	local w = git_work.new { author = "Ann <a@b>" }
	w:commit("first", { base = "1" })
	w.repo:checkout { branch = "side", new = true }
	w:commit("side", { side = "s" })
	w.repo:checkout { branch = "main" }
	w.head = w:commit("main", { main = "m" }).id
	return w
end

case("a branch whose name a tag has too", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w.repo:tag { create = "same" }
	w.repo:checkout { branch = "same", new = true }
	w:commit("second", { b = "1" })
	w.repo:checkout { branch = "main" }
	equal(w.repo:merge({ branch = "same" }).kind, "fast_forward")
end)

case("a merge without a commit says so", function()
	local w <close> = two_branches()
	equal(w.repo:merge { branch = "side", squash = true }, { kind = "squashed", head = w.head })
	equal(w.repo:diff({ staged = true })[1].path, "side")
	fails("not_found", w.repo.merge, w.repo, { continue = true })
	equal(#w.repo:commit({ message = "both" }).parents, 1)
	w.repo:reset { to = w.head, mode = "hard" }
	equal(w.repo:merge { branch = "side", no_commit = true }, { kind = "not_committed", head = w.head })
	equal(w.repo:merge({ continue = true }).kind, "merged")
	equal(#w.repo:log()[1].parents, 2)
	equal(w.repo:merge({ branch = "side", squash = true }).kind, "up_to_date")
	equal(w.repo:merge({ branch = "side", no_commit = true }).kind, "up_to_date")
	w.repo:reset { to = "side~1", mode = "hard" }
	equal(w.repo:merge({ branch = "side", squash = true }).kind, "squashed")
	w.repo:reset { mode = "hard" }
	equal(w.repo:merge({ branch = "side", no_commit = true }).kind, "fast_forward")
end)

case("messages", function()
	local w <close> = two_branches()
	for _, message in ipairs { "", " \n", "a\0b" } do
		fails("option 'message'", w.repo.merge, w.repo, { branch = "side", message = message })
	end
	equal(w.repo:status().clean, true)
	fails("not_found", w.repo.merge, w.repo, { abort = true })
	for _, message in ipairs { "-m", "# no comment\n\nbody", ("long "):rep(50000) .. "x" } do
		equal(w.repo:merge({ branch = "side", message = message }).kind, "merged")
		equal(w.repo:log()[1].message, message)
		w.repo:reset { to = w.head, mode = "hard" }
	end
	w.repo:merge { branch = "side", no_commit = true, message = "begun" }
	w.repo:merge { continue = true }
	equal(w.repo:log()[1].message, "begun")
	w.repo:reset { to = w.head, mode = "hard" }
	w.repo:merge { branch = "side", no_commit = true, message = "begun" }
	w.repo:merge { continue = true, message = "ended" }
	equal(w.repo:log()[1].message, "ended")
end)

case("continue is for a merge alone", function()
	local w <close> = two_branches()
	equal(fails("not_found", w.repo.merge, w.repo, { continue = true }).message, "git merge: no merge is under way")
	w:put("side", "mine")
	w:commit("mine")
	w:sh "git cherry-pick side >/dev/null 2>&1 || true; echo both >side; git add side"
	local head = w.repo:rev_parse "HEAD"
	fails("not_found", w.repo.merge, w.repo, { continue = true })
	fails("not_found", w.repo.merge, w.repo, { abort = true })
	equal(w.repo:rev_parse "HEAD", head)
	check.ok(w.repo:rev_parse "CHERRY_PICK_HEAD", "the cherry-pick is still under way")
end)

case("options that do not go together", function()
	local w <close> = two_branches()
	local function refused(words, options) fails(words, w.repo.merge, w.repo, options) end
	refused("exclude each other", { abort = true, continue = true })
	refused("exclude each other", { abort = true, branch = "side" })
	refused("exclude each other", { continue = true, branch = "side" })
	refused("exclude each other", { branch = "side", squash = true, message = "dropped" })
	refused("'squash' makes no commit", { branch = "side", squash = true, ff = false })
	refused("option 'squash' needs 'branch'", { squash = true })
	refused("option 'message' needs 'branch' or 'continue'", { abort = true, message = "x" })
	refused([[must be true, false or "only"]], { branch = "side", ff = "nope" })
	refused([["ours" or "theirs"]], { branch = "side", favor = "nobody" })
	equal(w.repo:rev_parse "HEAD", w.head)
	equal(w.repo:status().clean, true)
end)

check.done()
