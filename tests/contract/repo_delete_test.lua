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

local function check_switch(api)
	local id = api:create()
	local token = api:token { id }
	same(api:expect(403, "DELETE", "/repo/" .. id, { token = token }).json.code, "insufficient_permissions", "code")
	api:expect(204, "DELETE", "/repo/" .. id)
end

contract.serve({}, function(api)
	test("nothing of it is left", check_end, api)
	test("who may delete it", api.guard, api, "DELETE", "/repo/%s", "DELETE, GET", { changes = true })
end)
contract.serve({ token_delete = false }, function(api)
	test("a switch keeps tokens from it", check_switch, api)
end)
