-- SPDX-License-Identifier: Apache-2.0
-- POST /repo and POST /repo/{repo_id}/update of type git: repos from a remote, and the update that brings a remote in. The
-- remote is a server of its own on loopback, without credentials.

local contract = require "contract"
local fs = require "epact.fs"
local git_server = require "git_server"
local commit, same, test = contract.commit, contract.same, contract.test

-- Calls fn(url, work): a remote repo with two commits, and a work tree whose pushes reach it.
local function with_remote(api, fn)
	local root, work = api.folder .. "/remotes", api.folder .. "/work"
	contract.git(api.folder, { "init", "--quiet", "--bare", "--initial-branch=trunk", root .. "/r.git" })
	contract.git(api.folder, { "clone", "--quiet", root .. "/r.git", work })
	contract.git(work, { "checkout", "--quiet", "-B", "trunk" })
	commit(work, "one", "1")
	commit(work, "two", "2")
	contract.git(work, { "push", "--quiet", "origin", "trunk", "trunk:side" })
	local remote <close> = git_server.start(root)
	fn(remote:at("open", "r"), work)
end

local function create(api, source, status)
	source.type = "git"
	return api:expect(status or 201, "POST", "/repo", { body = { source = source } }).json
end

local function count(api, id, ref)
	return tonumber(contract.git(api.data .. "/repos/" .. id .. ".git", { "rev-list", "--count", ref or "HEAD" }).stdout)
end

local function check_import(api, url, work)
	local head = contract.git(work, { "rev-parse", "HEAD" }).stdout:sub(1, 40)
	local first = contract.git(work, { "rev-parse", "HEAD~1" }).stdout:sub(1, 40)
	local shallow = create(api, { url = url })
	same(shallow.repo_head, head, "head")
	same(count(api, shallow.repo_id), 1, "commits of a shallow import")
	same(api:files(shallow.repo_id), { one = "1", two = "2" }, "files")
	api:overwrite(shallow.repo_id, { three = "3" })
	local full = create(api, { url = url, shallow = false, branch = "side" })
	same(count(api, full.repo_id), 2, "commits of a full import")
	local branches = contract.git(api.folder, { "ls-remote", "--symref", api:remote(full.repo_id), "HEAD" }).stdout
	contract.matches(branches, "^ref: refs/heads/side\t", "default branch")
	local older = create(api, { url = url, hash = first, shallow = false })
	same(older.repo_head, first, "head of an import of a commit")
	same(api:files(older.repo_id), { one = "1" }, "files of that commit")
	local before = api:expect(200, "GET", "/repo").json.total_items
	same(create(api, { url = url, branch = "nothing" }, 422).code, "invalid_template", "code")
	create(api, { url = url, hash = ("0"):rep(40), shallow = false }, 422)
	create(api, { url = url:gsub("r.git", "missing.git") }, 422)
	create(api, { url = url, branch = "--upload-pack=x" }, 422)
	same(api:expect(200, "GET", "/repo").json.total_items, before, "repos after refusals")
	same(#fs.list(api.data .. "/tmp"), 0, "leftovers")
end

local function pull(api, id, url, status, more)
	local body = { source = { type = "git", url = url, branch = more and more.branch }, metadata = more and more.metadata }
	return api:expect(status or 200, "POST", "/repo/" .. id .. "/update", { body = body }).json
end

local function check_pull(api, url, work)
	local id = create(api, { url = url, shallow = false }).repo_id
	local old = api:head(id)
	same(pull(api, id, url).repo_head, old, "head after pulling nothing")
	local new = commit(work, "three", "3")
	contract.git(work, { "push", "--quiet", "origin", "trunk" })
	local answer = pull(api, id, url, 200, { metadata = { pulled = "yes" } })
	same(answer.repo_head, new, "head moved forward")
	same(answer.changed_files, { "three" }, "changed_files")
	same(api:expect(200, "GET", "/repo/" .. id).json.metadata, { pulled = "yes" }, "metadata")
	api:diff(id, { { type = "write", filename = "ours", content = "o" } })
	commit(work, "four", "4")
	contract.git(work, { "push", "--quiet", "origin", "trunk" })
	same(pull(api, id, url, 200, { branch = "trunk" }).changed_files, { "four" }, "changed_files of a merge")
	same(api:files(id), { one = "1", two = "2", three = "3", four = "4", ours = "o" }, "merged files")
	api:diff(id, { { type = "write", filename = "four", content = "ours" } })
	commit(work, "four", "theirs")
	contract.git(work, { "push", "--quiet", "origin", "trunk" })
	local head = api:head(id)
	contract.matches(pull(api, id, url, 400).message, "conflict", "message")
	same(api:head(id), head, "head after a failed merge")
	pull(api, api:create { a = "1" }, url, 400)
	pull(api, create(api, { url = url }).repo_id, url, 400)
	pull(api, id, url, 422, { branch = "nothing" })
	local refs = contract.git(api.data .. "/repos/" .. id .. ".git", { "for-each-ref", "refs/epact" }).stdout
	same(refs, "", "refs left by pulls")
end

local function check_policy(api)
	for _, url in ipairs { "file:///etc", "ssh://127.0.0.1/x", "ext::sh", "/tmp", "http://example.invalid/x.git", "http://u:p@127.0.0.1/x",
		"http://127.0.0.1.example.invalid/x", "http:///x", "http://127.0.0.1 /x", "--upload-pack=x", ("http://127.0.0.1/"):rep(200) } do
		create(api, { url = url }, 422)
	end
	create(api, {}, 422)
end

contract.serve({ git_sources = "loopback" }, function(api)
	with_remote(api, function(url, work)
		test("a remote is imported: its head, a branch, a commit", check_import, api, url, work)
		test("a remote is pulled: forward, merged, refused", check_pull, api, url, work)
	end)
	test("only allowed hosts, only http and https", check_policy, api)
end)
contract.serve({ git_sources = { "example.invalid" } }, function(api)
	test("a host that is not on the list is refused", create, api, { url = "http://127.0.0.1:1/x.git" }, 422)
end)
