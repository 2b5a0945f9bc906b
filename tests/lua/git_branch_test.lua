-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local git_work = require "git_work"
local case, equal, fails = check.case, check.equal, check.fails

local function names(list)
	local found = {}
	for i, entry in ipairs(list) do found[i] = entry.name end
	return table.concat(found, " ")
end

case("branches", function()
	local w <close> = git_work.new()
	local first = w:commit("first", { a = "1" }).id
	w:commit("second", { a = "2" })
	equal(w.repo:branch { create = "old", from = first }, w.repo)
	w.repo:branch { create = "feature/x-y" }
	equal(names(w.repo:branch()), "feature/x-y main old")
	equal(w.repo:branch()[2].current, true)
	equal(w.repo:branch()[3].id, first)
	fails("exists", w.repo.branch, w.repo, { create = "old" })
	w.repo:branch { create = "old", force = true }
	equal(w.repo:branch()[3].id, w.repo:rev_parse "HEAD")
	w.repo:branch { rename = "old", to = "new" }
	equal(names(w.repo:branch()), "feature/x-y main new")
	w.repo:branch { rename = "main", to = "trunk" }
	equal(w.repo:current_branch(), "trunk")
	fails("busy", w.repo.branch, w.repo, { delete = "trunk" })
	fails("branch_not_found", w.repo.branch, w.repo, { delete = "none" })
	w.repo:branch { delete = "new" }
	equal(names(w.repo:branch()), "feature/x-y trunk")
	fails("exists", w.repo.branch, w.repo, { create = "feature" })
	fails("needs 'to'", w.repo.branch, w.repo, { rename = "trunk" })
end)

case("names that are none", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	for _, name in ipairs { "", "-d", "--help", "a b", "a..b", "a~1", "a\nb", "@{-1}", "a.lock", "x:y", ("x"):rep(300) } do
		fails("invalid_argument", w.repo.branch, w.repo, { create = name })
		fails("invalid_argument", w.repo.branch, w.repo, { delete = name })
		fails("invalid_argument", w.repo.checkout, w.repo, { branch = name })
		fails("invalid_argument", w.repo.tag, w.repo, { create = name })
		fails("invalid_argument", w.repo.push, w.repo, { branch = name })
	end
	for _, revision in ipairs { "", "-x", "--output=x", "a\nb", "a\0b" } do
		fails("invalid_argument", w.repo.log, w.repo, { from = revision })
		fails("invalid_argument", w.repo.diff, w.repo, { from = revision })
		fails("invalid_argument", w.repo.rev_parse, w.repo, revision)
		fails("invalid_argument", w.repo.merge, w.repo, { branch = revision })
		if revision ~= "" then fails("invalid_argument", w.repo.show, w.repo, revision) end
	end
	fails("invalid_argument", w.repo.branch, w.repo, { create = "HEAD" })
	fails("invalid_argument", w.repo.tag, w.repo, { create = "HEAD" })
	equal(w.repo:tag(), {})
	equal(w.repo:status().clean, true)
	equal(names(w.repo:branch()), "main")
end)

case("checkout", function()
	local w <close> = git_work.new()
	local first = w:commit("first", { a = "1", main = "a file of the branch's name" }).id
	w.repo:checkout { branch = "side", new = true }
	equal(w.repo:current_branch(), "side")
	w:commit("second", { a = "2" })
	w.repo:checkout { branch = "main" }
	equal(w:get "a", "1")
	w:put("a", "mine")
	fails("local_changes", w.repo.checkout, w.repo, { branch = "side" })
	equal(w:get "a", "mine")
	w.repo:checkout { branch = "side", force = true }
	equal(w:get "a", "2")
	w.repo:checkout { paths = "a", from = first }
	equal(w:get "a", "1")
	w.repo:reset { mode = "hard" }
	w.repo:checkout { detach = "HEAD~1" }
	local status = w.repo:status()
	equal(status.detached, true)
	equal(status.branch, nil)
	equal(status.head, first)
	equal(w.repo:current_branch(), nil)
	w.repo:checkout { branch = "third", new = true, from = "main" }
	fails("exists", w.repo.checkout, w.repo, { branch = "third", new = true })
	fails("branch_not_found", w.repo.checkout, w.repo, { branch = "none" })
	fails("not_found", w.repo.checkout, w.repo, { paths = "none" })
	fails("give one of", w.repo.checkout, w.repo, { branch = "main", paths = "a" })
end)

case("tags", function()
	local w <close> = git_work.new()
	local first = w:commit("first", { a = "1" }).id
	w:commit("second", { a = "2" })
	w.repo:tag { create = "v1", at = "HEAD~1" }
	w.repo:tag { create = "v2", message = "The second\n\nwith notes" }
	local tags = w.repo:tag()
	equal(names(tags), "v1 v2")
	equal(tags[1], { name = "v1", id = first, target = first })
	equal(tags[2].target, w.repo:rev_parse "HEAD")
	equal(tags[2].message, "The second\n\nwith notes")
	fails("exists", w.repo.tag, w.repo, { create = "v1" })
	w.repo:tag { create = "v1", force = true }
	w.repo:tag { delete = "v2" }
	equal(names(w.repo:tag()), "v1")
	fails("branch_not_found", w.repo.tag, w.repo, { delete = "none" })
end)

case("merges", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1\n", ["odd\nname"] = "1\n" })
	w.repo:branch { create = "side" }
	equal(w.repo:merge { branch = "side" }, { kind = "up_to_date", head = w.repo:rev_parse "HEAD" })
	w.repo:checkout { branch = "side" }
	local side = w:commit("side", { a = "side\n", ["odd\nname"] = "side\n" }).id
	w.repo:checkout { branch = "main" }
	equal(w.repo:merge { branch = "side" }, { kind = "fast_forward", head = side })
	w.repo:reset { to = "HEAD~1", mode = "hard" }
	equal(w.repo:merge({ branch = "side", ff = false, message = "-joined" }).kind, "merged")
	equal(w.repo:log()[1].subject, "-joined")
	w.repo:reset { to = "HEAD~1", mode = "hard" }
	w:commit("main", { a = "main\n", ["odd\nname"] = "main\n" })
	fails("non_fast_forward", w.repo.merge, w.repo, { branch = "side", ff = "only" })
	local err = fails("conflict", w.repo.merge, w.repo, { branch = "side" })
	equal(err.files, { "a", "odd\nname" })
	check.contains(err.detail, "CONFLICT")
	local conflicts = 0
	for _, entry in ipairs(w.repo:status().entries) do
		equal(entry.kind, "conflict")
		equal(entry.conflict, "both_modified")
		conflicts = conflicts + 1
	end
	equal(conflicts, 2)
	fails("conflict", w.repo.commit, w.repo, { message = "too early" })
	w.repo:merge { abort = true }
	equal(w.repo:status().clean, true)
	fails("not_found", w.repo.merge, w.repo, { abort = true })
	equal(w.repo:merge({ branch = "side", favor = "theirs" }).kind, "merged")
	equal(w:get "a", "side\n")
	w.repo:reset { to = "HEAD~1", mode = "hard" }
	fails("conflict", w.repo.merge, w.repo, { branch = "side" })
	w:put("a", "both\n")
	w:put("odd\nname", "both\n")
	w.repo:add()
	equal(w.repo:merge({ continue = true }).kind, "merged")
	equal(#w.repo:log()[1].parents, 2)
	fails("branch_not_found", w.repo.merge, w.repo, { branch = "none" })
end)

case("deleting what is not merged", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w.repo:checkout { branch = "side", new = true }
	w:commit("second", { a = "2" })
	w.repo:checkout { branch = "main" }
	fails("conflict", w.repo.branch, w.repo, { delete = "side" })
	w.repo:branch { delete = "side", force = true }
	equal(names(w.repo:branch()), "main")
end)

case("further work trees", function()
	local w <close> = git_work.new { author = "Ann <a@b>" }
	w:commit("first", { a = "1" })
	local path
	do
		local tree <close> = w.repo:worktree { branch = "fix", new = true }
		path = tree.directory
		equal(tree:status().branch, "fix")
		require("epact.fs").write(path .. "/a", "2")
		equal(tree:commit({ message = "fix", all = true }).author.name, "Ann")
		equal(w:get "a", "1")
		local list = w.repo:worktree()
		equal(#list, 2)
		equal(list[2].branch, "fix")
		fails("busy", w.repo.branch, w.repo, { delete = "fix", force = true })
		fails("busy", w.repo.checkout, w.repo, { branch = "fix" })
	end
	equal(require("epact.fs").stat(path), nil)
	equal(#w.repo:worktree(), 1)
	equal(w.repo:show("fix", { path = "a" }), "2")
	local other = w.repo:worktree { path = w.folder.path .. "/odd\nname", from = "fix" }
	equal(other:status().detached, true)
	other:remove()
	other:remove()
	equal(#w.repo:worktree(), 1)
	fails("exists", w.repo.worktree, w.repo, { path = w.dir, branch = "fix" })
	fails("branch_not_found", w.repo.worktree, w.repo, { branch = "none" })
	fails("no work tree", w.repo.remove, w.repo)
end)

check.done()
