-- SPDX-License-Identifier: Apache-2.0
-- GET /repo/{repo_id}.

local contract = require "contract"
local json = require "epact.json"
local task = require "epact.task"
local same, test = contract.same, contract.test

local STAMP = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*Z$"

local function check_members(api)
	local id = api:create({ a = "1" }, { name = "de mo", empty = "", ["ü"] = "ß" })
	local answer = api:expect(200, "GET", "/repo/" .. id:upper())
	contract.matches(answer.headers["content-type"], "^application/json", "type")
	contract.matches(answer.json.created_at, STAMP, "created_at")
	answer.json.created_at = nil
	same(answer.json, { repo_id = id, updated_at = json.null, auto_index = false,
		metadata = { name = "de mo", empty = "", ["ü"] = "ß" } }, "members")
	local plain = api:expect(200, "GET", "/repo/" .. api:create()).json
	same(plain.metadata, json.null, "metadata that were not given")
end

local function check_times(api)
	local id = api:create { a = "1" }
	local function updated() return api:expect(200, "GET", "/repo/" .. id).json.updated_at end
	local seen = {}
	local function changed(what)
		local now = updated()
		contract.matches(now, STAMP, "updated_at after " .. what)
		contract.check(now > (seen[#seen] or ""), "updated_at moves by " .. what)
		seen[#seen + 1] = now
		task.sleep(0.002)
	end
	api:overwrite(id, { a = "2" })
	changed "an overwrite"
	api:expect(200, "POST", "/repo/" .. id .. "/update", { body = { metadata = { a = "b" } } })
	changed "metadata"
	api:expect(201, "PUT", "/repo/" .. id .. "/file/b", { body = "x" })
	changed "a file"
	api:expect(200, "DELETE", "/repo/" .. id .. "/file/b")
	changed "a deleted file"
	api:overwrite(id, { a = "2" })
	same(updated(), seen[#seen], "updated_at after nothing")
end

contract.serve({}, function(api)
	test("all members are there", check_members, api)
	test("updated_at is null until the first change", check_times, api)
	test("who may ask", api.guard, api, "GET", "/repo/%s", "DELETE, GET")
end)
