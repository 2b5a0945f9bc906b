-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- POST /repo/{repo_id}.git/git-receive-pack: pushes.

local contract = require "contract"
local fs = require "epact.fs"
local process = require "epact.process"
local task = require "epact.task"
local commit, git, same, test = contract.commit, contract.git, contract.same, contract.test

local function cloned(api, id, name)
	local work = api.folder .. "/" .. name
	git(api.folder, { "clone", "--quiet", api:remote(id), work })
	return work
end

local function check_sizes(api)
	local id = api:create { a = "1" }
	local work = cloned(api, id, "sizes")
	local bytes = contract.noise(3)
	local large = commit(work, "large", bytes)
	git(work, { "push", "--quiet" })
	same(api:head(id), large, "head after a push in chunks")
	contract.check(api:expect(200, "GET", "/repo/" .. id .. "/file/large").body == bytes, "the pushed bytes")
	local small = commit(work, "small", "x\n")
	git(work, { "push", "--quiet", api:remote(id, api:token { id }), "HEAD:main" })
	same(api:head(id), small, "head after a small push by a token")
end

local function check_both_sides(api)
	local id = api:create { a = "1" }
	local work = api.folder .. "/sides"
	git(api.folder, { "clone", "--quiet", api:remote(id), work })
	local before = api:expect(200, "GET", "/repo/" .. id).json
	commit(work, "pushed", "by git\n")
	git(work, { "push", "--quiet" })
	same(api:files(id), { a = "1", pushed = "by git\n" }, "files after a push")
	same(api:expect(200, "GET", "/repo/" .. id .. "/file/pushed").body, "by git\n", "file after a push")
	local after = api:expect(200, "GET", "/repo/" .. id).json
	contract.check(before.updated_at ~= after.updated_at, "updated_at moves by a push")
	local head = api:overwrite(id, { b = "by REST\n" }).repo_head
	git(work, { "pull", "--quiet" })
	same(git(work, { "rev-parse", "HEAD" }).stdout:sub(1, 40), head, "head after a pull")
	same(fs.read(work .. "/b"), "by REST\n", "file after a pull")
	same(fs.stat(work .. "/a"), nil, "deleted file")
	local unchanged = api:expect(200, "GET", "/repo/" .. id).json.updated_at
	git(work, { "push", "--quiet" })
	same(api:expect(200, "GET", "/repo/" .. id).json.updated_at, unchanged, "updated_at after a push of nothing")
end

local function check_branches(api)
	local id, head = api:create { a = "1" }
	local work = api.folder .. "/branches"
	git(api.folder, { "clone", "--quiet", api:remote(id), work })
	git(work, { "push", "--quiet", "origin", "HEAD:side" })
	commit(work, "a", "2")
	git(work, { "push", "--quiet" })
	git(work, { "reset", "--quiet", "--hard", head })
	local forced = commit(work, "a", "3")
	contract.check(git(work, { "push", "--quiet" }, false).status ~= 0, "a push that is not forward needs force")
	git(work, { "push", "--quiet", "--force" })
	same(api:head(id), forced, "head after a forced push")
	git(work, { "push", "--quiet", "--delete", "origin", "side" })
	contract.check(git(work, { "push", "--quiet", "--delete", "origin", "main" }, false).status ~= 0, "main stays")
	same(api:files(id), { a = "3" }, "files")
	git(work, { "push", "--quiet", "origin", "HEAD:refs/epact/x" }, false)
	same(git(work, { "ls-remote", "origin" }).stdout:find("refs/epact", 1, true), nil, "hidden refs")
end

local function check_locked_push(api)
	local id = api:create()
	local work = api.folder .. "/locked"
	git(api.folder, { "clone", "--quiet", api:remote(id), work })
	commit(work, "a", "1")
	local lock = api.server.app.locks:acquire(id, 0)
	local refused = git(work, { "push", "--quiet" }, false)
	contract.matches(refused.stderr, "423", "what git says")
	task.scope(function(scope)
		scope:spawn(function() git(work, { "push", "--quiet" }) end)
		task.sleep(0.1)
		lock:release()
	end)
end

local function check_scope(api)
	local id, head = api:create()
	local work = cloned(api, id, "scope")
	commit(work, "a", "1")
	local function push(credential)
		return git(work, { "push", "--quiet", api:remote(id, credential), "HEAD:main" }, false)
	end
	contract.matches(push(api:token { (api:create()) }).stderr, "403", "a token of another repo")
	contract.matches(push("rlcr-0").stderr, "Authentication failed", "an unknown token")
	same(api:head(id), head, "head after refused pushes")
	local gone = api:create()
	local lost = cloned(api, gone, "lost")
	commit(lost, "a", "1")
	api:expect(204, "DELETE", "/repo/" .. gone)
	contract.matches(git(lost, { "push", "--quiet" }, false).stderr, "not found", "a repo that is gone")
end

local function check_bad_objects(api)
	local id, head = api:create()
	local work = cloned(api, id, "bad")
	commit(work, "x", "1")
	local blob = git(work, { "rev-parse", "HEAD:x" }).stdout:sub(1, 40)
	local made = process.run({ "git", "-C", work, "mktree" }, { stdin = { bytes = ("100644 blob %s\t.GIT\n"):format(blob) } })
	local bad = git(work, { "-c", "user.name=t", "-c", "user.email=t@x", "commit-tree", made.stdout:sub(1, 40), "-m", "bad" })
	contract.check(git(work, { "push", "--quiet", "--force", "origin", bad.stdout:sub(1, 40) .. ":refs/heads/main" }, false).status ~= 0,
		"a push of a .git entry fails")
	same(api:head(id), head, "head after a refused push")
end

-- REST cannot name what is not UTF-8, but it can replace it.
local function check_odd_names(api)
	local id = api:create()
	local work = cloned(api, id, "odd")
	commit(work, "\xff", "1")
	commit(work, "b", "2")
	git(work, { "push", "--quiet" })
	same(api:files(id), { b = "2" }, "files")
	same(api:overwrite(id, { c = "3" }).changed_files, { "b", "c" }, "changed_files")
	same(git(api.data .. "/repos/" .. id .. ".git", { "ls-tree", "--name-only", "HEAD" }).stdout, "c\n", "what git has")
end

contract.serve({}, function(api)
	test("pushes in chunks and in one", check_sizes, api)
	test("REST sees a push, a pull sees REST", check_both_sides, api)
	test("branches, forced pushes, and the default branch that stays", check_branches, api)
	test("a push needs a credential of the repo", check_scope, api)
	test("objects are checked", check_bad_objects, api)
	test("names that are not UTF-8", check_odd_names, api)
end)
contract.serve({ push_wait = 0.3 }, function(api)
	test("a push waits for the lock, then gets 423", check_locked_push, api)
end)
