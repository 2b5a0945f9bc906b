-- SPDX-License-Identifier: Apache-2.0
-- DELETE /repo/{repo_id}: the repo and all that is tied to it.

local contract = require "contract"
local fs = require "epact.fs"
local http = require "epact.http"
local task = require "epact.task"
local same, test = contract.same, contract.test

local function check_end(api)
	local id, kept = api:create { a = "1" }, api:create()
	local token = api:token { id, kept }
	local gone = api:expect(204, "DELETE", "/repo/" .. id)
	same(gone.body, "", "body of 204")
	for _, path in ipairs { "", "/clone", "/file/a", "/embedding_status" } do api:expect(404, "GET", "/repo/" .. id .. path) end
	api:expect(404, "POST", "/repo/" .. id .. "/update", { body = { metadata = { a = "b" } } })
	api:expect(404, "DELETE", "/repo/" .. id)
	local git = http.get(api.url .. "/repo/" .. id .. ".git/info/refs?service=git-upload-pack", { bearer = api.key })
	same(git.status, 404, "status for git")
	same(api:expect(200, "GET", "/repo").json.total_items, 1, "repos that are left")
	api:expect(403, "GET", "/repo/" .. id, { token = token })
	api:expect(200, "GET", "/repo/" .. kept, { token = token })
	same(fs.stat(api.data .. "/repos/" .. id .. ".git"), nil, "folder of the repo")
	for _ = 1, 500 do
		if #fs.list(api.data .. "/tmp") == 0 then break end
		task.sleep(0.01)
	end
	same(#fs.list(api.data .. "/tmp"), 0, "what is left of it")
end

-- A repo that is deleted once a reader has found it, just before git is asked for its files.
local function doomed(api)
	local id = api:create({ a = "word" }, nil, true)
	local store = api.server.app.git_store
	store.files = function(...)
		store.files = nil
		api:expect(204, "DELETE", "/repo/" .. id)
		return store.files(...)
	end
	return "/repo/" .. id
end

local function check_readers(api)
	local gone = api:expect(404, "GET", doomed(api) .. "/clone")
	same(gone.json.message, "no such repo", "message")
	api:expect(404, "GET", doomed(api) .. "/embedding_status")
	api:expect(404, "POST", doomed(api) .. "/retrieve", { body = { query = "word" } })
	local run = { agent_name = "relace-search", agent_inputs = { query = "word" } }
	local stream = api:expect(200, "POST", doomed(api) .. "/agent", { body = run }).body
	contract.matches(stream, "event: prompt_error\ndata: {[^\n]*no such repo", "the last event")
	same(next(api.server.app.index.open), nil, "indexes that are open")
end

local function check_switch(api)
	local id = api:create()
	local token = api:token { id }
	same(api:expect(403, "DELETE", "/repo/" .. id, { token = token }).json.code, "insufficient_permissions", "code")
	api:expect(204, "DELETE", "/repo/" .. id)
end

contract.serve({}, function(api)
	test("nothing of it is left", check_end, api)
	test("what reads it meanwhile is 404", check_readers, api)
	test("who may delete it", api.guard, api, "DELETE", "/repo/%s", "DELETE, GET", { changes = true })
end)
contract.serve({ token_delete = false }, function(api)
	test("a switch keeps tokens from it", check_switch, api)
end)
