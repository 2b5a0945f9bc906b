-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- The checklist of conformance, by its numbers: over HTTP, as the vendor's SDK 0.6.0 would send it, and with git.

local contract = require "contract"
local fs = require "epact.fs"
local http = require "epact.http"
local json = require "epact.json"
local task = require "epact.task"
local commit, git, same, test = contract.commit, contract.git, contract.same, contract.test

local HEAD = "^" .. ("[0-9a-f]"):rep(40) .. "$"

local function update(api, id, source, more)
	local body = { source = source }
	for name, value in pairs(more or {}) do body[name] = value end
	return api:call("POST", "/repo/" .. id .. "/update", { body = body })
end

local function files(by_name) return { type = "files", files = contract.files(by_name) } end

local cases = {}

-- The SDK sends a create without an argument as a POST of length 0 without a content type.
cases[1] = { "an empty repo", function(api)
	local made = api:expect(201, "POST", "/repo", { body = "" })
	contract.matches(made.json.repo_head, HEAD, "head")
end }

cases[2] = { "create, get, list with a filter, delete, get", function(api)
	local id = api:create({ ["src/a.c"] = "int a;\n" }, { key = "va lue" })
	same(api:expect(200, "GET", "/repo/" .. id).json.metadata, { key = "va lue" }, "metadata")
	local found = api:expect(200, "GET", "/repo?filter_metadata=%7B%22key%22%3A%22va%20lue%22%7D").json
	same({ found.total_items, found.items[1].repo_id }, { 1, id }, "found")
	same(api:expect(204, "DELETE", "/repo/" .. id).body, "", "body of 204")
	api:expect(404, "GET", "/repo/" .. id)
end }

cases[3] = { "paths of files", function(api)
	local id = api:create()
	local base = "/repo/" .. id .. "/file/"
	api:expect(201, "PUT", base .. "src%2Fa.c", { body = "1" })
	api:expect(200, "PUT", base .. "src/a.c", { body = "2" })
	same(api:files(id), { ["src/a.c"] = "2" }, "one file")
	api:expect(400, "PUT", base .. "..%2Fx", { body = "x" })
	api:expect(201, "PUT", base .. "empty", { body = "" })
	same(api:expect(200, "GET", base .. "empty").body, "", "an empty file")
end }

cases[4] = { "overwrite", function(api)
	local id = api:create { a = "1", b = "2" }
	local head = update(api, id, files { a = "1" }).json.repo_head
	same(api:files(id), { a = "1" }, "unlisted files are removed")
	same(update(api, id, files { a = "1" }).json.repo_head, head, "head of the same again")
	same(update(api, id, files {}).status, 200, "status of emptying")
	same(api:files(id), {}, "an emptied repo")
end }

cases[5] = { "the phases of a diff", function(api)
	local function write(name, content) return { type = "write", filename = name, content = content } end
	local function delete(name) return { type = "delete", filename = name } end
	local function rename(old, new) return { type = "rename", old_filename = old, new_filename = new } end
	local function after(status, ...)
		local id, head = api:create { a = "1", b = "2" }
		local got = update(api, id, { type = "diff", operations = { ... } })
		same(got.status, status, "status")
		if status ~= 200 then same(api:head(id), head, "head after a failure") end
		return api:files(id)
	end
	same(after(200, write("a", "7"), delete("a")), { a = "7", b = "2" }, "delete X and write X")
	same(after(200, rename("a", "c"), write("a", "7")), { b = "2", c = "7" }, "write A and rename A")
	same(after(404, delete("a"), rename("a", "c")), { a = "1", b = "2" }, "delete A and rename A")
	same(after(404, write("new", "7"), delete("new")), { a = "1", b = "2" }, "delete of what is only written")
	same(after(200, write("a", "7"), write("a", "8"), rename("b", "x"), rename("b", "y")), { a = "8", y = "2" }, "the last one wins")
end }

cases[6] = { "updates of nothing, and of metadata", function(api)
	local id, head = api:create({ a = "1" }, { old = "1", both = "1" })
	api:expect(422, "POST", "/repo/" .. id .. "/update", { body = {} })
	local answer = api:expect(200, "POST", "/repo/" .. id .. "/update", { body = { metadata = { both = "2" } } }).json
	same(answer.repo_head, head, "head")
	same(api:expect(200, "GET", "/repo/" .. id).json.metadata, { both = "2" }, "all keys are replaced")
end }

-- One of many writers may be told to come again, as the SDK does by itself because of X-Should-Retry.
cases[7] = { "two writers", function(api)
	local id = api:create()
	task.scope(function(scope)
		for _, name in ipairs { "a", "b" } do
			scope:spawn(function()
				local got = update(api, id, { type = "diff", operations = { { type = "write", filename = name, content = name } } })
				while got.status == 423 do
					same({ got.headers["retry-after"], got.headers["x-should-retry"] }, { "1", "true" }, "headers of 423")
					task.sleep(1)
					got = update(api, id, { type = "diff", operations = { { type = "write", filename = name, content = name } } })
				end
				same(got.status, 200, "status")
			end)
		end
	end)
	same(api:files(id), { a = "a", b = "b" }, "both came through")
	local lock = api.server.app.locks:acquire(id, 0)
	local refused = update(api, id, files {})
	lock:release()
	same({ refused.status, refused.headers["retry-after"], refused.headers["x-should-retry"] }, { 423, "1", "true" }, "a locked repo")
end }

cases[8] = { "the life of a token", function(api)
	local mine, other = api:create { a = "1" }, api:create()
	local token = api:token({ mine }, { ttl_seconds = 3 })
	local kept = api:token { mine }
	api:expect(200, "GET", "/repo/" .. mine .. "/clone", { token = token })
	local function clone(credential, id)
		local to <close> = fs.temp_dir()
		return git(api.folder, { "clone", "--quiet", api:remote(id, credential), to.path .. "/c" }, false).status
	end
	same(clone(token, mine), 0, "a clone")
	api:expect(403, "GET", "/repo/" .. other, { token = token })
	same(clone(token, other), 128, "a clone out of scope")
	api:expect(403, "GET", "/repo", { token = token })
	task.sleep(3.1)
	api:expect(401, "GET", "/repo/" .. mine, { token = token })
	same(clone(token, mine), 128, "a clone after the end")
	api:expect(204, "DELETE", "/repo_token/" .. kept)
	api:expect(401, "GET", "/repo/" .. mine, { token = kept })
end }

cases[9] = { "git: clone, push in chunks, pull", function(api)
	local id = api:create { a = "1" }
	local first = http.get(api.url .. "/repo/" .. id .. ".git/info/refs?service=git-upload-pack")
	same(first.status, 401, "status of the first request")
	contract.matches(first.headers["www-authenticate"], "^Basic ", "WWW-Authenticate")
	local one, two = api.folder .. "/one", api.folder .. "/two"
	for _, work in ipairs { one, two } do git(api.folder, { "clone", "--quiet", api:remote(id), work }) end
	local bytes = contract.noise(2)
	commit(one, "large", bytes)
	git(one, { "push", "--quiet" })
	git(two, { "pull", "--quiet" })
	contract.check(fs.read(two .. "/large") == bytes, "2 MiB came through")
end }

cases[10] = { "git and REST are one repo", function(api)
	local id = api:create { a = "1" }
	local work = api.folder .. "/both"
	git(api.folder, { "clone", "--quiet", api:remote(id), work })
	commit(work, "b", "by git")
	git(work, { "push", "--quiet" })
	same(api:files(id), { a = "1", b = "by git" }, "the clone as JSON")
	same(api:expect(200, "GET", "/repo/" .. id .. "/file/b").body, "by git", "the download")
	update(api, id, files { c = "by REST" })
	git(work, { "pull", "--quiet" })
	same(fs.read(work .. "/c"), "by REST", "the pull")
end }

cases[11] = { "a search as events, the last one included", function(api)
	local id = api:create { a = "the needle" }
	local answer = api:expect(200, "POST", "/repo/" .. id .. "/agent", {
		body = '{"agent_inputs":{"query":"needle"},"agent_name":"relace-search","continue":false}',
		headers = { ["Content-Type"] = "application/json", Accept = "text/event-stream" },
	})
	contract.matches(answer.headers["content-type"], "^text/event%-stream", "type")
	local names = {}
	-- The SDK drops a last block without its empty line.
	for block in answer.body:gmatch("(.-)\n\n") do
		local name, data = block:match("^event: (%S+)\ndata: (.+)$")
		contract.check(name, "an event")
		json.decode(data)
		names[#names + 1] = name
	end
	same({ names[1], names[#names] }, { "started", "done" }, "first and last")
end }

cases[12] = { "failures have a message on top", function(api)
	local unknown = api:expect(404, "GET", "/_stainless_unknown_path").json
	same(unknown.message, "no such route", "message")
	local invalid = api:expect(422, "POST", "/repo_token", { body = {} }).json
	contract.matches(invalid.message, "required", "message of a 422")
	same(invalid.detail[1].loc[1], "body", "place of a 422")
	contract.matches(api:expect(401, "GET", "/repo", { token = false }).json.message, "Authorization", "message of a 401")
end }

cases[13] = { "pages", function()
	contract.serve({}, function(api)
		for _ = 1, 101 do api:create() end
		local first = api:expect(200, "GET", "/repo").json
		same({ #first.items, first.total_items, first.next_page }, { 100, 101, 100 }, "the first page")
		local second = api:expect(200, "GET", "/repo?page_start=100").json
		same({ #second.items, second.total_items }, { 1, 101 }, "the second page")
		same(second.next_page, nil, "next_page of the last page")
	end)
end }

contract.serve({ lock_wait = 0.5 }, function(api)
	for number, case in ipairs(cases) do test(("%d: %s"):format(number, case[1]), case[2], api) end
end)
