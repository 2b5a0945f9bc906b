-- SPDX-License-Identifier: Apache-2.0
-- DELETE /repo_token/{token}: the token stops to work everywhere.

local contract = require "contract"
local http = require "epact.http"
local same, test = contract.same, contract.test

local function check_end(api)
	local id = api:create { a = "1" }
	local token, kept = api:token { id }, api:token { id }
	local gone = api:expect(204, "DELETE", "/repo_token/" .. token)
	same(gone.body, "", "body of 204")
	same(api:expect(401, "GET", "/repo/" .. id, { token = token }).json.code, "invalid_api_key", "code")
	local git = http.get(api.url .. "/repo/" .. id .. ".git/info/refs?service=git-upload-pack", { bearer = token })
	same(git.status, 401, "status for git")
	contract.matches(git.headers["www-authenticate"], "^Basic realm=", "WWW-Authenticate")
	api:expect(404, "DELETE", "/repo_token/" .. token)
	api:expect(404, "GET", "/repo_token/" .. token)
	api:expect(200, "GET", "/repo/" .. id, { token = kept })
end

local function check_callers(api)
	local id = api:create()
	local one, two = api:token { id }, api:token { id }
	same(api:expect(401, "DELETE", "/repo_token/" .. one, { token = false }).json.code, "missing_api_key", "code")
	api:expect(401, "DELETE", "/repo_token/" .. one, { token = two })
	api:expect(204, "DELETE", "/repo_token/" .. two, { token = two })
	api:expect(401, "DELETE", "/repo_token/" .. two, { token = two })
	api:expect(200, "GET", "/repo/" .. id, { token = one })
	api:expect(404, "DELETE", "/repo_token/")
	api:expect(404, "DELETE", "/repo_token/x")
	same(api:expect(405, "POST", "/repo_token/" .. one, { body = "{}" }).headers.allow, "DELETE, GET", "Allow")
end

contract.serve({}, function(api)
	test("a deleted token works nowhere", check_end, api)
	test("the owner and the token itself may delete it", check_callers, api)
end)
