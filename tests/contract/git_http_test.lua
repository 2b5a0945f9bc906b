-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- git over HTTP with the git program: clone, fetch, push, refusals.

local contract = require "contract"
local fs = require "epact.fs"
local http = require "epact.http"
local task = require "epact.task"
local git, same, test = contract.git, contract.same, contract.test

local ME = { "-c", "user.name=t", "-c", "user.email=t@x", "commit", "--quiet", "-m", "m" }

local function commit(work, name, content)
	fs.write(work .. "/" .. name, content)
	git(work, { "add", "." })
	git(work, ME)
	return git(work, { "rev-parse", "HEAD" }).stdout:sub(1, 40)
end

local function noise(size)
	local words, state = {}, 1
	for index = 1, size // 8 do
		state = (state * 6364136223846793005 + 1442695040888963407)
		words[index] = string.pack("<i8", state)
	end
	return table.concat(words)
end

local function check_round(api)
	local id, head = api:create { a = "1" }
	local first = http.request { method = "GET", url = api.url .. "/repo/" .. id .. ".git/info/refs?service=git-upload-pack" }
	same(first.status, 401, "status without a credential")
	contract.matches(first.headers["www-authenticate"], '^Basic realm="', "WWW-Authenticate")
	contract.matches(first.headers["content-type"], "^text/plain", "type")
	local work, other = api.folder .. "/work", api.folder .. "/other"
	git(api.folder, { "clone", "--quiet", api:remote(id), work })
	same(git(work, { "rev-parse", "HEAD" }).stdout:sub(1, 40), head, "head of the clone")
	same(git(work, { "branch", "--show-current" }).stdout, "main\n", "branch")
	git(api.folder, { "clone", "--quiet", api:remote(id, api:token { id }), other })
	local pushed = commit(work, "large", noise(3 << 20))
	git(work, { "push", "--quiet" })
	same(api:head(id), pushed, "head after a chunked push")
	git(other, { "pull", "--quiet" })
	same(git(other, { "rev-parse", "HEAD" }).stdout:sub(1, 40), pushed, "head after a pull")
	local small = commit(other, "small", "x\n")
	git(other, { "push", "--quiet" })
	same(api:head(id), small, "head after a small push by token")
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

local function check_refusals(api)
	local id = api:create()
	local function status(method, path, credential)
		local headers = { Authorization = "Bearer " .. (credential or api.key) }
		local response = http.request { method = method, url = api.url .. "/repo/" .. path, headers = headers,
			body = method == "POST" and "0000" or nil }
		if response.status >= 400 then
			contract.matches(response.headers["content-type"], "^text/plain", "type")
			contract.matches(response.body, "^[^\n]+\n$", "one line")
		end
		return response.status
	end
	same(status("GET", id .. ".git/info/refs?service=git-upload-pack"), 200, "Bearer")
	same(status("GET", id .. ".git/info/refs"), 403, "the dumb protocol")
	same(status("GET", id .. ".git/info/refs?service=git-upload-archive"), 403, "another service")
	same(status("GET", id .. ".git/HEAD"), 403, "a file of the repo")
	same(status("GET", id .. ".git/objects/info/packs"), 403, "the packs")
	same(status("GET", id .. ".git/git-upload-pack"), 405, "GET of a service")
	same(status("POST", id .. ".git/info/refs?service=git-upload-pack"), 405, "POST of refs")
	local unknown = "00000000-0000-4000-8000-000000000000"
	same(status("GET", unknown .. ".git/info/refs?service=git-upload-pack"), 404, "an unknown repo")
	same(status("GET", "x.git/info/refs?service=git-upload-pack"), 422, "no UUID")
	local token = api:token { (api:create()) }
	same(status("GET", id .. ".git/info/refs?service=git-upload-pack", token), 403, "a token of another repo")
	same(status("GET", id .. ".git/info/refs?service=git-upload-pack", "rlcr-0"), 401, "an unknown token")
	local shown = git(api.folder, { "clone", "--quiet", api:remote(id, token), api.folder .. "/no" }, false)
	contract.matches(shown.stderr, "403", "what git says")
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

contract.serve({}, function(api)
	test("checklist 9: clone, push above 1 MiB in chunks, pull; the first request gets 401", check_round, api)
	test("checklist 10: REST sees a push, a pull sees REST", check_both_sides, api)
	test("all versions of the protocol, shallow and partial clones, compressed requests", check_protocols, api)
	test("branches, forced pushes, and the default branch that stays", check_branches, api)
	test("what is no smart request is refused with one line of text", check_refusals, api)
end)
contract.serve({ push_wait = 0.3 }, function(api)
	test("a push waits for the lock, then gets 423", check_locked_push, api)
end)
