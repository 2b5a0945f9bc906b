-- SPDX-License-Identifier: Apache-2.0
-- Repo tokens: create, get, delete, scope, expiry.

local contract = require "contract"
local fs = require "epact.fs"
local json = require "epact.json"
local task = require "epact.task"
local same, test = contract.same, contract.test

local UNKNOWN = "00000000-0000-4000-8000-000000000000"

local function clone(api, id, token)
	local folder <close> = fs.temp_dir { prefix = "clone-" }
	return contract.git(api.folder, { "clone", "--quiet", api:remote(id, token), folder.path .. "/c" }, false).status
end

local function check_life(api)
	local mine, other = api:create { a = "1" }, api:create { a = "2" }
	local made = api:expect(201, "POST", "/repo_token", {
		body = { name = "ci", repo_ids = { mine, mine:upper() }, ttl_seconds = 2, ignored = true },
	}).json
	contract.matches(made.token, "^rlcr%-%x+$", "token")
	same(#made.token, 45, "length of the token")
	same(made.name, "ci", "name")
	same(made.repo_ids, { mine }, "repo_ids")
	contract.matches(made.expires_at, "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", "expires_at")
	local token = made.token
	api:expect(200, "GET", "/repo/" .. mine, { token = token })
	api:expect(200, "GET", "/repo/" .. mine .. "/clone", { token = token })
	api:expect(200, "PUT", "/repo/" .. mine .. "/file/a", { token = token, body = "x" })
	same(clone(api, mine, token), 0, "status of a clone with the token")
	same(clone(api, other, token), 128, "status of a clone out of scope")
	api:expect(403, "GET", "/repo/" .. other, { token = token })
	api:expect(403, "GET", "/repo/" .. UNKNOWN, { token = token })
	api:expect(403, "GET", "/repo", { token = token })
	api:expect(403, "POST", "/repo", { token = token, body = "" })
	api:expect(403, "POST", "/repo_token", { token = token, body = { name = "x", repo_ids = { mine } } })
	task.sleep(2.2)
	local expired = api:expect(401, "GET", "/repo/" .. mine, { token = token })
	contract.matches(expired.json.message, "expired", "message")
	same(clone(api, mine, token), 128, "status of a clone with an expired token")
	local second = api:token { mine, other }
	api:expect(200, "GET", "/repo/" .. other, { token = second })
	same(api:expect(204, "DELETE", "/repo_token/" .. second).body, "", "body of 204")
	api:expect(401, "GET", "/repo/" .. other, { token = second })
	same(clone(api, other, second), 128, "status of a clone with a deleted token")
	api:expect(404, "DELETE", "/repo_token/" .. second)
	api:expect(404, "GET", "/repo_token/" .. second)
end

local function check_inspection(api)
	local id = api:create()
	local one, two = api:token({ id }), api:token({ id }, { ttl_seconds = 900 })
	local seen = api:expect(200, "GET", "/repo_token/" .. one).json
	same(seen.name, "test", "name")
	same(seen.repo_ids, { id }, "repo_ids")
	same(seen.expires_at, nil, "expires_at without a ttl")
	same(seen.token, nil, "token is not shown again")
	contract.check(api:expect(200, "GET", "/repo_token/" .. two, { token = two }).json.expires_at, "expires_at with a ttl")
	api:expect(401, "GET", "/repo_token/" .. one, { token = two })
	api:expect(401, "DELETE", "/repo_token/" .. one, { token = two })
	api:expect(401, "GET", "/repo_token/" .. one, { token = false })
	api:expect(204, "DELETE", "/repo_token/" .. two, { token = two })
	api:expect(401, "GET", "/repo_token/" .. two, { token = two })
	same(api:expect(405, "GET", "/repo_token").headers.allow, "POST", "Allow")
end

local function check_deleted_repo(api)
	local kept, gone = api:create(), api:create()
	local token = api:token { kept, gone }
	api:expect(204, "DELETE", "/repo/" .. gone, { token = token })
	same(api:expect(200, "GET", "/repo_token/" .. token).json.repo_ids, { kept }, "scope")
	api:expect(403, "GET", "/repo/" .. gone, { token = token })
	api:expect(200, "GET", "/repo/" .. kept, { token = token })
end

local function check_refusals(api)
	local id = api:create()
	local function refuse(status, body) return api:expect(status, "POST", "/repo_token", { body = body }).json end
	same(refuse(422, { repo_ids = { id } }).detail[1].loc, { "body", "name" }, "loc")
	refuse(422, { name = "x" })
	refuse(422, { name = "x", repo_ids = json.array {} })
	refuse(422, { name = "x", repo_ids = id })
	refuse(422, { name = "x", repo_ids = { "no-uuid" } })
	refuse(422, { name = 5, repo_ids = { id } })
	refuse(404, { name = "x", repo_ids = { id, UNKNOWN } })
	local many = {}
	for number = 1, 101 do many[number] = id end
	refuse(422, { name = "x", repo_ids = many })
	for _, ttl in ipairs { 0, -1, 31536001, 1.5, true, "60" } do
		refuse(422, { name = "x", repo_ids = { id }, ttl_seconds = ttl })
	end
	api:token({ id }, { ttl_seconds = 31536000 })
	api:token({ id }, { ttl_seconds = json.null })
end

local function check_storage(api)
	local token = api:token { (api:create()) }
	for _, entry in ipairs(fs.walk(api.data)) do
		if entry.type == "file" then
			local bytes = fs.read(api.data .. "/" .. entry.path)
			contract.check(not bytes:find(token, 1, true), entry.path .. " without the token")
			contract.check(not bytes:find(token:sub(6), 1, true), entry.path .. " without the token's digits")
		end
	end
end

contract.serve({}, function(api)
	test("checklist 8: a token works in its scope until it expires or is deleted", check_life, api)
	test("the owner and the token itself may ask for a token", check_inspection, api)
	test("a deleted repo leaves the scope", check_deleted_repo, api)
	test("what is no token request is refused", check_refusals, api)
	test("the value of a token is on no disk", check_storage, api)
end)
