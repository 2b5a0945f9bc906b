-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local git_work = require "git_work"
local case, equal, fails = check.case, check.equal, check.fails

case("an empty repository", function()
	local w <close> = git_work.new()
	equal(w.repo:status(), { branch = "main", clean = true, detached = false, entries = {}, stashes = 0 })
	equal(w.repo:log(), {})
	equal(w.repo:ls_files(), {})
	equal(w.repo:branch(), {})
	equal(w.repo:rev_parse "HEAD", nil)
	equal(w.repo:current_branch(), "main")
	for _ in w.repo:commits() do error "a commit" end
	fails("branch_not_found", w.repo.show, w.repo)
end)

local ODD = { "plain", "-x", "--all", "a b", "a\tb", "line\nfeed", "q\"uote'", "back\\slash", "\255\254", "ü", ":(top)x", ":!x", "*", "[a]", "?",
	"#x", "~", "$HOME", "`id`", "%s%n", "\1", "deep/er/file", " blank ", "x.lock", "HEAD", "@" }

case("any name of a file", function()
	local w <close> = git_work.new()
	for _, name in ipairs(ODD) do w:put(name, name) end
	local untracked = {}
	for _, entry in ipairs(w.repo:status().entries) do
		equal(entry.kind, "untracked")
		untracked[entry.path] = true
	end
	for _, name in ipairs(ODD) do check.ok(untracked[name], name) end
	for _, name in ipairs(ODD) do
		w.repo:add { files = name }
		equal(w.repo:ls_files { paths = name }[1].path, name)
		w.repo:reset { paths = { name } }
	end
	equal(w.repo:ls_files(), {})
	equal(#w.repo:ls_files { untracked = true }, #ODD)
	w.repo:add { files = ODD }
	equal(#w.repo:ls_files(), #ODD)
	w.repo:commit { message = "all" }
	equal(w.repo:status().clean, true)
	for _, name in ipairs(ODD) do
		equal(w.repo:show("HEAD", { path = name }), name)
		equal(#w.repo:log { paths = name }, 1)
	end
	for _, name in ipairs(ODD) do w:put(name, "changed") end
	local changed = w.repo:diff()
	equal(#changed, #ODD)
	equal(#w.repo:diff { paths = { "*", ":!x" } }, 2)
	w.repo:checkout { paths = { "*", "line\nfeed" } }
	equal(#w.repo:diff(), #ODD - 2)
	w.repo:stash { push = true, paths = { "-x", "\255\254" } }
	equal(#w.repo:diff(), #ODD - 4)
	w.repo:stash { pop = true }
	w.repo:commit { message = "one", files = { ":(top)x" } }
	equal(w.repo:show().files[1].path, ":(top)x")
	equal(#w.repo:status { paths = "-x" }.entries, 1)
end)

case("what may be different", function()
	local w <close> = git_work.new()
	w:commit("first", { kept = "1\n2\n3\n", gone = "x", moved = "a long text\nof some lines\n", mode = "m", type = "t", [".gitignore"] = "*.o\n" })
	w:put("kept", "1\n2\n")
	w:put("staged", "new")
	w:put("made.o", "o")
	w:sh "rm gone; mv moved renamed; chmod +x mode; rm type; ln -s kept type; git add -A renamed moved staged"
	w:put("staged", "newer")
	local status = w.repo:status { ignored = true }
	local by_path = {}
	for _, entry in ipairs(status.entries) do by_path[entry.path], entry.path = entry, nil end
	equal(by_path, {
		kept = { kind = "changed", work = "modified" },
		gone = { kind = "changed", work = "deleted" },
		mode = { kind = "changed", work = "modified" },
		type = { kind = "changed", work = "type_changed" },
		staged = { kind = "changed", index = "added", work = "modified" },
		renamed = { kind = "renamed", index = "renamed", old_path = "moved", similarity = 100 },
		["made.o"] = { kind = "ignored" },
	})
	equal(status.clean, false)
	equal(#w.repo:status { untracked = false, paths = { "kept" } }.entries, 1)
	local diffs = {}
	for _, entry in ipairs(w.repo:diff { from = "HEAD" }) do diffs[entry.path] = entry end
	equal(diffs.kept.removed, 1)
	equal(diffs.gone.status, "deleted")
	equal(diffs.renamed.old_path, "moved")
	equal(diffs.mode.mode, "100755")
	equal(w.repo:diff({ staged = true, renames = false })[1].status, "deleted")
	local text = w.repo:diff { text = true, paths = "kept" }
	equal(#text, 1)
	check.contains(text.text, "-3\n")
end)

case("a binary file, a patch that can be applied", function()
	local w <close> = git_work.new()
	w:commit("first", { bin = "\0\1\2" })
	w:put("bin", "\0\1\3")
	w:sh "git config diff.noprefix true; git config color.ui always; git config color.diff always; git config diff.relative true"
	local diff = w.repo:diff { text = true }
	equal(diff[1].binary, true)
	equal(diff[1].added, nil)
	w.repo:reset { mode = "hard" }
	w.repo:command { "apply", "-", input = diff.text }
	equal(w:get "bin", "\0\1\3")
end)

case("history", function()
	local w <close> = git_work.new { author = "Ann Ö <ann@example.com>" }
	local ids = {}
	for i = 1, 5 do
		ids[i] = w:commit("number " .. i .. "\n\nwith a body\n", { ["f" .. i % 2] = tostring(i) }).id
	end
	local log = w.repo:log { max = 2 }
	equal(#log, 2)
	equal(log[1].id, ids[5])
	equal(log[1].parents, { ids[4] })
	equal(log[1].subject, "number 5")
	equal(log[1].message, "number 5\n\nwith a body")
	equal(log[1].author.name, "Ann Ö")
	equal(log[1].committer.email, "ann@example.com")
	check.ok(math.abs(log[1].author.time - os.time()) < 600)
	equal(w.repo:log({ skip = 4 })[1].id, ids[1])
	equal(#w.repo:log { paths = "f0" }, 2)
	equal(#w.repo:log { from = ids[2] .. ".." .. ids[4] }, 2)
	equal(#w.repo:log { grep = "number [12]" }, 2)
	equal(w.repo:log({ reverse = true })[1].id, ids[1])
	local seen = {}
	for commit in w.repo:commits { max = 4 } do seen[#seen + 1] = commit.id end
	equal(#seen, 4)
	local count = 0
	for _ in w.repo:commits() do count = count + 1 end
	equal(count, 5)
	equal(w.repo:show("HEAD~1").files[1].path, "f0")
	equal(w.repo:rev_parse "HEAD~4", ids[1])
	equal(w.repo:rev_parse("HEAD", { short = true }), ids[5]:sub(1, 7))
	equal(#w.repo:show(ids[1]).files, 1)
end)

case("more commits than a page", function()
	local w <close> = git_work.new()
	local lines = {}
	for i = 1, 600 do
		lines[#lines + 1] = ("commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata <<E\n%d\nE\n"):format(1000 + i, i)
	end
	w.repo:command { "fast-import", "--quiet", input = table.concat(lines) }
	local count = 0
	for commit in w.repo:commits() do
		equal(commit.subject, tostring(600 - count))
		count = count + 1
	end
	equal(count, 600)
end)

case("a bare repository", function()
	local w <close> = git_work.new()
	w:commit("first", { file = "text" })
	w:sh "git clone -q --bare . ../bare.git"
	local bare = require("epact.git").open(w.folder.path .. "/bare.git")
	equal(bare:log()[1].subject, "first")
	equal(bare:show("HEAD", { path = "file" }), "text")
	equal(bare:branch()[1].name, "main")
end)

check.done()
