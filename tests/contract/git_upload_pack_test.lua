-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- POST /repo/{repo_id}.git/git-upload-pack: clones and fetches.

local contract = require "contract"
local fs = require "epact.fs"
local git, same, test = contract.git, contract.same, contract.test

local function check_clone(api)
	local id, head = api:create { a = "1", ["d/b"] = "2" }
	local work = api.folder .. "/work"
	git(api.folder, { "clone", "--quiet", api:remote(id), work })
	same(git(work, { "rev-parse", "HEAD" }).stdout:sub(1, 40), head, "head of the clone")
	same(git(work, { "branch", "--show-current" }).stdout, "main\n", "branch")
	same(fs.read(work .. "/d/b"), "2", "a file")
	local new = api:overwrite(id, { c = "3" }).repo_head
	git(work, { "pull", "--quiet" })
	same(git(work, { "rev-parse", "HEAD" }).stdout:sub(1, 40), new, "head after a pull")
	local by_token = api.folder .. "/by-token"
	git(api.folder, { "clone", "--quiet", api:remote(id, api:token { id }), by_token })
	same(fs.read(by_token .. "/c"), "3", "a file by a token")
	git(api.folder, { "clone", "--quiet", api:remote((api:create())), api.folder .. "/empty" })
	local any_user = api:remote(id):gsub("token:", "somebody:")
	git(api.folder, { "ls-remote", any_user })
end

local function check_protocols(api)
	local id = api:create { ["d/a"] = "1", b = "2" }
	for version = 0, 2 do
		local work = api.folder .. "/v" .. version
		git(api.folder, { "-c", "protocol.version=" .. version, "clone", "--quiet", "--depth=1", api:remote(id), work })
		same(fs.read(work .. "/d/a"), "1", "file by protocol " .. version)
	end
	git(api.folder, { "clone", "--quiet", "--filter=blob:none", "--no-checkout", api:remote(id), api.folder .. "/partial" })
	-- Many haves: their request is sent compressed.
	local work = api.folder .. "/many"
	git(api.folder, { "clone", "--quiet", api:remote(id), work })
	for _ = 1, 60 do git(work, { "-c", "user.name=t", "-c", "user.email=t@x", "commit", "--quiet", "--allow-empty", "-m", "m" }) end
	api:overwrite(id, { c = "3" })
	git(work, { "fetch", "--quiet" })
	same(git(work, { "show", "origin/main:c" }).stdout, "3", "fetched file")
end

local function check_scope(api)
	local id = api:create()
	local function clone(credential, to)
		return git(api.folder, { "clone", "--quiet", api:remote(id, credential), api.folder .. "/" .. to }, false).stderr
	end
	contract.matches(clone(api:token { (api:create()) }, "no1"), "403", "a token of another repo")
	contract.matches(clone("rlcr-0", "no2"), "Authentication failed", "an unknown token")
	local token = api:token { id }
	api:expect(204, "DELETE", "/repo_token/" .. token)
	contract.matches(clone(token, "no3"), "Authentication failed", "a deleted token")
	api:expect(204, "DELETE", "/repo/" .. id)
	contract.matches(clone(nil, "no4"), "not found", "a repo that is gone")
end

contract.serve({}, function(api)
	test("clone and pull", check_clone, api)
	test("all versions of the protocol, shallow and partial clones, compressed requests", check_protocols, api)
	test("a clone needs a credential of the repo", check_scope, api)
end)
