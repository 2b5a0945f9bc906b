-- SPDX-License-Identifier: Apache-2.0
-- Work trees that do not come to be, and those that outlive what they were made from.
local check = require "check"
local fs = require "epact.fs"
local git_work = require "git_work"
local task = require "epact.task"
local case, equal, fails = check.case, check.equal, check.fails

local function new(options)
	local w = git_work.new(options)
	w:commit("first", { a = "1" })
	return w
end

-- The temporary folders of work trees.
local function folders()
	local found = {}
	for _, entry in ipairs(fs.list(os.getenv "TMPDIR")) do
		if entry.name:find "^epact%-worktree%-" then found[#found + 1] = entry.name end
	end
	return found
end

-- Nothing is left but the repository itself, with its one branch.
local function alone(w)
	equal(folders(), {})
	equal(#w.repo:worktree(), 1)
	equal(#w.repo:branch(), 1)
	equal(w:sh "ls .git/worktrees 2>/dev/null || true", "")
end

case("one that fails leaves nothing", function()
	local w <close> = new()
	w:sh "mkdir ../full; touch ../full/file"
	fails("exists", w.repo.worktree, w.repo, { branch = "fix", new = true, path = w.folder.path .. "/full" })
	check.ok(fs.stat(w.folder.path .. "/full/file"), "the folder that was there before")
	alone(w)
	fails("branch_not_found", w.repo.worktree, w.repo, { branch = "fix", new = true, from = "none" })
	fails("invalid_argument", w.repo.worktree, w.repo, { branch = "a..b", new = true })
	fails("exists", w.repo.worktree, w.repo, { branch = "main", new = true })
	alone(w)
	fails("exists", w.repo.worktree, w.repo, { branch = "fix", new = true, path = w.dir })
	alone(w)
end)

-- Cancels a work tree while its files are written.
local function cancel_one(w, options)
	fs.remove(w.folder.path .. "/begun", { recursive = true })
	w:sh(([[git config filter.slow.smudge "sh -c 'touch %s/begun; exec sleep 1000'"]]):format(w.folder.path))
	local t = task.spawn(function() w.repo:worktree(options) end)
	for _ = 1, 400 do
		if fs.stat(w.folder.path .. "/begun") then break end
		task.sleep(0.05)
	end
	t:cancel()
	fails("cancelled", t.await, t)
	w:sh "git config --unset filter.slow.smudge"
end

case("one that is cancelled leaves nothing", function()
	local w <close> = new { trust = true, grace = 0.2 }
	w:commit("slow", { [".gitattributes"] = "slow filter=slow\n", slow = "text" })
	cancel_one(w, { branch = "fix", new = true })
	alone(w)
	cancel_one(w, { branch = "fix", new = true, path = w.folder.path .. "/tree" })
	equal(fs.stat(w.folder.path .. "/tree"), nil)
	alone(w)
	w.repo:branch { create = "fix" }
	cancel_one(w, { branch = "fix" })
	equal(#w.repo:branch(), 2)
	do local _ <close> = w.repo:worktree { branch = "fix" } end
	w.repo:branch { delete = "fix" }
	alone(w)
end)

case("a list with a time limit, a path that is none", function()
	local w <close> = new()
	local list = w.repo:worktree { timeout = 10 }
	equal(#list, 1)
	equal(list[1].branch, "main")
	fails("invalid_argument", w.repo.worktree, w.repo, { path = "", branch = "fix", new = true })
	alone(w)
end)

case("a work tree of a work tree outlives it", function()
	local w <close> = new()
	local outer = w.repo:worktree { branch = "outer", new = true }
	local inner = outer:worktree { from = "HEAD" }
	equal(#w.repo:worktree(), 3)
	outer:remove()
	equal(inner:status().detached, true)
	inner:remove()
	w.repo:branch { delete = "outer" }
	alone(w)
	do
		local first <close> = w.repo:worktree { from = "HEAD" }
		local _ <close> = first:worktree { from = "HEAD" }
		first:remove()
	end
	alone(w)
end)

case("a work tree whose repository is gone", function()
	local w <close> = new()
	local tree = w.repo:worktree { from = "HEAD" }
	fs.remove(w.dir, { recursive = true })
	tree:remove()
	tree:remove()
	equal(folders(), {})
end)

case("a work tree that could not be removed is removed by the next call", function()
	local w <close> = new()
	local tree = w.repo:worktree { path = w.folder.path .. "/tree", from = "HEAD" }
	w:sh "mv .git/config .git/kept; printf '[include]\\npath = x\\n' >.git/config"
	fails("unsafe_config", tree.remove, tree)
	w:sh "mv .git/kept .git/config"
	tree:remove()
	alone(w)
end)

check.done()
