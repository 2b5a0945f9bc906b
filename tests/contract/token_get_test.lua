-- SPDX-License-Identifier: Apache-2.0
-- GET /repo_token/{token}: by the owner, or by the token itself.

local contract = require "contract"
local task = require "epact.task"
local same, test = contract.same, contract.test

local function check_inspection(api)
	local id = api:create()
	local one, two = api:token({ id }), api:token({ id }, { ttl_seconds = 900 })
	local seen = api:expect(200, "GET", "/repo_token/" .. one).json
	same(seen.name, "test", "name")
	same(seen.repo_ids, { id }, "repo_ids")
	same(seen.expires_at, nil, "expires_at without a ttl")
	same(seen.token, nil, "token is not shown again")
	contract.matches(seen.created_at, "^%d%d%d%d%-.*Z$", "created_at")
	contract.check(api:expect(200, "GET", "/repo_token/" .. two, { token = two }).json.expires_at, "expires_at with a ttl")
	api:expect(401, "GET", "/repo_token/" .. one, { token = two })
	same(api:expect(401, "GET", "/repo_token/" .. one, { token = false }).json.code, "missing_api_key", "code")
	same(api:expect(404, "GET", "/repo_token/rlcr-" .. ("0"):rep(40)).json.code, "not_found", "code")
	api:expect(404, "GET", "/repo_token/" .. api.key)
	api:expect(404, "GET", "/repo_token/" .. one .. "/")
	same(api:expect(405, "PUT", "/repo_token/" .. one, { body = "{}" }).headers.allow, "DELETE, GET", "Allow")
end

local function check_deleted_repo(api)
	local kept, gone = api:create(), api:create()
	local token = api:token { kept, gone }
	api:expect(204, "DELETE", "/repo/" .. gone, { token = token })
	same(api:expect(200, "GET", "/repo_token/" .. token).json.repo_ids, { kept }, "scope")
	api:expect(403, "GET", "/repo/" .. gone, { token = token })
	api:expect(200, "GET", "/repo/" .. kept, { token = token })
end

local function check_expiry(api)
	local id = api:create()
	local token = api:token({ id }, { ttl_seconds = 1 })
	task.sleep(1.1)
	local refused = api:expect(401, "GET", "/repo_token/" .. token, { token = token }).json
	same(refused.code, "invalid_api_key", "code")
	contract.matches(refused.message, "expired", "message")
	contract.check(api:expect(200, "GET", "/repo_token/" .. token).json.expires_at, "the owner still sees it")
end

contract.serve({}, function(api)
	test("the owner and the token itself may ask", check_inspection, api)
	test("a deleted repo leaves the scope", check_deleted_repo, api)
	test("an expired token may not ask for itself", check_expiry, api)
end)
