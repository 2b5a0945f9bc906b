-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local git = require "epact.git"
local git_work = require "git_work"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

case("a commit, and who made it", function()
	local w <close> = git_work.new()
	w:put("a", "1")
	fails("nothing_to_commit", w.repo.commit, w.repo, { message = "none" })
	local commit = w.repo:add():commit { message = "first" }
	equal(commit.author.name .. " <" .. commit.author.email .. ">", "Relace <noreply@relace.ai>")
	equal(commit.id, w:sh "git rev-parse HEAD")
	w:sh "git config user.name Configured; git config user.email c@example.com"
	equal(w.repo:commit({ message = "empty", allow_empty = true }).author.name, "Configured")
	commit = w.repo:commit { message = "other", allow_empty = true, author = "A B <a@b>", committer = { name = "C", email = "c@d" }, date = 86400 }
	equal(commit.author, { name = "A B", email = "a@b", time = 86400 })
	equal(commit.committer, { name = "C", email = "c@d", time = 86400 })
	equal(git.open(w.dir, { author = "D <d@e>" }):commit({ message = "x", allow_empty = true }).committer.name, "D")
	git.open(w.dir, { author = "E <e@f>" }):command { "commit", "--allow-empty", "--message=x" }
	equal(w:sh "git log -1 --format='%an <%ae> %cn'", "E <e@f> E")
	fails("nothing_to_commit", w.repo.commit, w.repo, { message = "none", all = true })
end)

case("messages are taken as they are", function()
	local w <close> = git_work.new()
	for _, message in ipairs { "-m", "--amend", "$(touch x) `touch x` \"'\\", "# no comment\n\nbody", "ü", ("long "):rep(50000) .. "x" } do
		equal(w.repo:commit({ message = message, allow_empty = true }).message, message)
	end
	equal(w:sh "ls", "")
	for _, message in ipairs { "", " \n", "\nSigned-off-by: Ann <a@b>\n", "a\0b" } do
		fails("option 'message'", w.repo.commit, w.repo, { message = message, allow_empty = true })
	end
	fails("option 'message' is missing", w.repo.commit, w.repo, {})
end)

case("a repository with another encoding of commits", function()
	local w <close> = git_work.new()
	w:sh "git config i18n.commitEncoding ISO-8859-1; git config i18n.logOutputEncoding ISO-8859-1"
	equal(w:commit("grün", { a = "1" }).message, "grün")
	equal(w:sh "git -c i18n.logOutputEncoding=UTF-8 log -1 --format=%s", "grün")
	w:sh [[printf 'alt \344\n' | git commit -q --allow-empty -F -]]
	equal(w.repo:log({ max = 1 })[1].message, "alt ä")
	w:put("a", "2")
	w.repo:stash { push = "für später" }
	equal(w.repo:stash()[1].message, "On main: für später")
end)

case("tasks that change one repository take turns", function()
	local w <close> = git_work.new()
	task.scope(function(scope)
		for i = 1, 12 do
			scope:spawn(function()
				w:put("f" .. i, "1")
				w.repo:add { files = "f" .. i }
				w.repo:commit { message = "m" .. i, allow_empty = true }
				w.repo:status()
			end)
		end
	end)
	equal(#w.repo:log(), 12)
	equal(#w.repo:ls_files(), 12)
	-- and one that is cancelled holds nobody up
	task.scope(function(scope)
		local one = scope:spawn_try(w.repo.commit, w.repo, { message = "x", allow_empty = true })
		local two = scope:spawn_try(w.repo.commit, w.repo, { message = "y", allow_empty = true })
		task.yield()
		one:cancel()
		two:cancel()
	end)
	w.repo:commit { message = "z", allow_empty = true }
end)

case("all, files, amend", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1", b = "1" })
	w:put("a", "2")
	w:put("b", "2")
	w:put("new", "1")
	equal(#w.repo:commit({ message = "a", files = "a" }).parents, 1)
	equal(w.repo:show().files[1].path, "a")
	check.contains(fails("nothing_to_commit", w.repo.commit, w.repo, { message = "a", files = "a" }).message, w.dir)
	for _, name in ipairs { "none", "new" } do -- there is none, and git does not know it
		check.contains(fails("not_found", w.repo.commit, w.repo, { message = "x", files = { "a", name } }).detail, name)
	end
	w.repo:commit { message = "b", all = true }
	equal(#w.repo:show().files, 1)
	equal(w.repo:status().entries[1].kind, "untracked")
	w.repo:add()
	local commit = w.repo:commit { amend = true, author = "X <x@y>" }
	equal(commit.message, "b")
	equal(commit.author.name, "X")
	equal(#w.repo:show().files, 2)
	equal(#w.repo:log(), 3)
end)

case("amending nothing, and into nothing", function()
	local w <close> = git_work.new()
	fails("branch_not_found", w.repo.commit, w.repo, { message = "x", amend = true })
	w:commit("first", { a = "1" })
	w.repo:commit { message = "empty", allow_empty = true }
	fails("nothing_to_commit", w.repo.commit, w.repo, { amend = true })
	for i = 1, 300 do w:put(("a rather long name of a file %d"):format(i), "") end
	fails("nothing_to_commit", w.repo.commit, w.repo, { message = "nothing was added" })
end)

case("another git holds a lock", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w:sh "touch .git/config.lock"
	local err = fails("locked", w.repo.remote, w.repo, { add = "x", url = "https://h/x" })
	check.ok(err.retryable)
end)

case("a damaged repository", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1" })
	w:sh "cp .git/index index; head -c 10 index >.git/index"
	fails("corrupt", w.repo.status, w.repo)
	w:sh "mv index .git/index; o=$(git rev-parse HEAD); rm -f .git/objects/${o%${o#??}}/${o#??}"
	fails("corrupt", w.repo.log, w.repo)
	w:sh "cp .git/refs/heads/main main; : >.git/refs/heads/main" -- as a full disk or a power failure leaves it
	fails("corrupt", w.repo.log, w.repo)
	fails("corrupt", w.repo.commit, w.repo, { message = "x", allow_empty = true })
	w:sh "mv main .git/refs/heads/main; echo nonsense >.git/packed-refs"
	fails("corrupt", w.repo.branch, w.repo)
	w:sh "rm .git/packed-refs .git/HEAD"
	for _, name in ipairs { "status", "log", "add", "diff", "branch" } do fails("corrupt", w.repo[name], w.repo) end
end)

case("add", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1", b = "1", [".gitignore"] = "ignored\n" })
	w:sh "rm a; echo 2 >b; echo 1 >c; echo 1 >ignored"
	equal(w.repo:add { files = { "a", "c" } }, w.repo)
	equal(#w.repo:diff { staged = true }, 2)
	fails("invalid_argument", w.repo.add, w.repo, { files = "ignored" })
	w.repo:add { files = "ignored", force = true }
	fails("not_found", w.repo.add, w.repo, { files = { "b", "none" } })
	fails("invalid_argument", w.repo.add, w.repo, { files = {} })
	fails("invalid_argument", w.repo.add, w.repo, { files = { "" } })
	fails("strings", w.repo.add, w.repo, { files = { "a\0b" } })
	fails("not_found", w.repo.add, w.repo, { files = "*" }) -- no pattern
	w.repo:add { files = "." }
	equal(#w.repo:diff { staged = true }, 4)
end)

case("add in a sparse checkout", function()
	local w <close> = git_work.new()
	w:commit("first", { ["in/a"] = "1", ["out/b"] = "1" })
	w:sh "git sparse-checkout set in"
	w:put("in/a", "2")
	w:put("out/c", "new")
	fails("invalid_argument", w.repo.add, w.repo)
	w.repo:add { force = true }
	equal(w:sh "git diff --cached --name-only", "in/a\nout/c")
end)

case("reset", function()
	local w <close> = git_work.new()
	local first = w:commit("first", { a = "1" }).id
	w:commit("second", { a = "2" })
	w.repo:reset { to = "HEAD~1", mode = "soft" }
	equal(w.repo:rev_parse "HEAD", first)
	equal(w.repo:diff({ staged = true })[1].path, "a")
	w.repo:reset()
	equal(w.repo:diff { staged = true }, {})
	w.repo:reset { mode = "hard" }
	equal(w:get "a", "1")
	fails("option 'mode'", w.repo.reset, w.repo, { mode = "gone" })
	fails("branch_not_found", w.repo.reset, w.repo, { to = "none" })
	fails("invalid_argument", w.repo.reset, w.repo, { to = "--hard" })
	w.repo:branch { create = "a", from = first } -- a file has the name too
	w:commit("third", { a = "3" })
	w.repo:reset { to = "a", paths = "a" }
	equal(w.repo:show("", { path = "a" }), "1")
	fails("branch_not_found", w.repo.reset, w.repo, { to = "none", paths = "a" })
	w:put("a", "local")
	w.repo:commit { message = "local", all = true }
	w:put("a", "not committed")
	fails("local_changes", w.repo.reset, w.repo, { mode = "keep", to = "HEAD~1" })
end)

case("stash", function()
	local w <close> = git_work.new()
	w:commit("first", { a = "1\n" })
	equal(w.repo:stash { push = true }, nil)
	equal(w.repo:stash(), {})
	fails("not_found", w.repo.stash, w.repo, { pop = true })
	w:put("a", "2\n")
	w:put("new", "n")
	local id = check.ok(w.repo:stash { push = "with a -message", untracked = true })
	equal(w.repo:status().clean, true)
	equal(w.repo:status().stashes, 1)
	local list = w.repo:stash()
	equal(list[1].id, id)
	equal(list[1].number, 0)
	equal(list[1].message, "On main: with a -message")
	equal(w.repo:stash { apply = true }, true)
	equal(w:get "a", "2\n")
	w.repo:reset { mode = "hard" }
	w:sh "rm new"
	w:commit("other", { a = "3\n" })
	local err = fails("conflict", w.repo.stash, w.repo, { pop = 0 })
	equal(err.files, { "a" })
	equal(#w.repo:stash(), 1)
	w.repo:reset { mode = "hard" }
	equal(w.repo:stash { drop = true }, true)
	equal(w.repo:stash(), {})
	fails("exclude each other", w.repo.stash, w.repo, { pop = true, drop = true })
end)

check.done()
