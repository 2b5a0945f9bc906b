-- SPDX-License-Identifier: Apache-2.0
-- Idempotency-Key: done once, answered twice.

local contract = require "contract"
local fs = require "epact.fs"
local task = require "epact.task"
local same, test = contract.same, contract.test

local function with_key(key, body) return { body = body, headers = { ["Idempotency-Key"] = key } } end

local function check_replay(api)
	local first = api:expect(201, "POST", "/repo", with_key("k1", { metadata = { a = "b" } }))
	local second = api:expect(201, "POST", "/repo", with_key("k1", { metadata = { a = "b" } }))
	same(second.json, first.json, "answer")
	same(api:expect(200, "GET", "/repo").json.total_items, 1, "repos")
	api:expect(422, "POST", "/repo", with_key("k1", { metadata = { a = "c" } }))
	api:expect(201, "POST", "/repo", with_key("k2", { metadata = { a = "b" } }))
	local id = first.json.repo_id
	api:diff(id, { { type = "write", filename = "a", content = "1" } })
	local update = "/repo/" .. id .. "/update"
	local body = { source = { type = "diff", operations = { { type = "delete", filename = "a" } } } }
	local once = api:expect(200, "POST", update, with_key("k3", body)).json
	same(api:expect(200, "POST", update, with_key("k3", body)).json, once, "answer of a diff sent again")
	api:expect(404, "POST", update, with_key("k4", body))
	api:diff(id, { { type = "write", filename = "a", content = "1" } })
	api:expect(200, "POST", update, with_key("k4", body))
	api:expect(201, "PUT", "/repo/" .. id .. "/file/f", with_key("k5", "x"))
	api:expect(201, "PUT", "/repo/" .. id .. "/file/f", with_key("k5", "x"))
	api:expect(422, "PUT", "/repo/" .. id .. "/file/f", with_key("k5", "y"))
	api:expect(400, "POST", "/repo", with_key(("k"):rep(300), "{}"))
end

local function check_at_once(api)
	local ids = {}
	task.scope(function(scope)
		for number = 1, 8 do
			scope:spawn(function()
				ids[number] = api:expect(201, "POST", "/repo", with_key("same", { metadata = { at = "once" } })).json.repo_id
			end)
		end
	end)
	for number = 2, 8 do same(ids[number], ids[1], "id") end
end

local function check_tokens(api)
	local id = api:create()
	local body = { name = "x", repo_ids = { id } }
	local first = api:expect(201, "POST", "/repo_token", with_key("t1", body)).json
	same(api:expect(201, "POST", "/repo_token", with_key("t1", body)).json, first, "answer")
	for _, entry in ipairs(fs.walk(api.data)) do
		if entry.type == "file" then
			contract.check(not fs.read(api.data .. "/" .. entry.path):find(first.token, 1, true), "no token in " .. entry.path)
		end
	end
end

contract.serve({}, function(api)
	test("a request with the key of another is answered as that one was", check_replay, api)
	test("requests at once with one key are one", check_at_once, api)
	test("a kept token stays in memory", check_tokens, api)
end)
