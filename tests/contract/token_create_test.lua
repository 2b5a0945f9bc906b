-- SPDX-License-Identifier: Apache-2.0
-- POST /repo_token.

local contract = require "contract"
local fs = require "epact.fs"
local json = require "epact.json"
local same, test = contract.same, contract.test

local UNKNOWN = "00000000-0000-4000-8000-000000000000"

local function check_answer(api)
	local mine, other = api:create(), api:create()
	local made = api:expect(201, "POST", "/repo_token", {
		body = { name = "ci", repo_ids = { mine, mine:upper(), other }, ttl_seconds = 900, ignored = { deep = true } },
	})
	contract.matches(made.headers["content-type"], "^application/json", "type")
	contract.matches(made.json.token, "^rlcr%-" .. ("[0-9a-f]"):rep(40) .. "$", "token")
	same(made.json.name, "ci", "name")
	same(made.json.repo_ids, { mine, other }, "repo_ids")
	contract.matches(made.json.expires_at, "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", "expires_at")
	for _, ttl in ipairs { false, json.null } do
		local body = { name = "", repo_ids = { mine }, ttl_seconds = ttl or nil }
		same(api:expect(201, "POST", "/repo_token", { body = body }).json.expires_at, nil, "expires_at without a ttl")
	end
	contract.check(api:token { mine } ~= api:token { mine }, "each token is another one")
end

local function check_scope(api)
	local mine, other = api:create { a = "1" }, api:create { a = "2" }
	local token = api:token { mine }
	for _, id in ipairs { other, UNKNOWN } do
		same(api:expect(403, "GET", "/repo/" .. id, { token = token }).json.code, "insufficient_permissions", "code")
	end
	api:expect(403, "GET", "/repo", { token = token })
	api:expect(403, "POST", "/repo", { token = token, body = "" })
	api:expect(403, "POST", "/repo_token", { token = token, body = { name = "x", repo_ids = { mine } } })
	local both = api:token { mine, other }
	api:expect(200, "GET", "/repo/" .. mine, { token = both })
	api:expect(200, "GET", "/repo/" .. other, { token = both })
end

local function check_callers(api)
	local body = { name = "x", repo_ids = { (api:create()) } }
	same(api:expect(401, "POST", "/repo_token", { token = false, body = body }).json.code, "missing_api_key", "code")
	same(api:expect(401, "POST", "/repo_token", { token = "rlc-x", body = body }).json.code, "invalid_api_key", "code")
	same(api:expect(405, "GET", "/repo_token").headers.allow, "POST", "Allow")
	api:expect(404, "POST", "/repo_token/", { body = body })
	api:expect(400, "POST", "/repo_token", { body = "{" })
	api:expect(422, "POST", "/repo_token", { body = "" })
	api:expect(422, "POST", "/repo_token", { body = "[]" })
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
	test("the answer shows the token, this once", check_answer, api)
	test("a token works in its scope", check_scope, api)
	test("only the owner may make one", check_callers, api)
	test("what is no token request is refused", check_refusals, api)
	test("the value of a token is on no disk", check_storage, api)
end)
