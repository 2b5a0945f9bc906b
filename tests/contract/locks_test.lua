-- SPDX-License-Identifier: Apache-2.0
-- One writer for each repo: the others wait their turn, or are told to come again.

local contract = require "contract"
local task = require "epact.task"
local same, test = contract.same, contract.test

local function check_turns(api)
	local id = api:create()
	task.scope(function(scope)
		for number = 1, 20 do
			scope:spawn(function()
				api:expect(201, "PUT", ("/repo/%s/file/f%d"):format(id, number), { body = tostring(number) })
			end)
		end
	end)
	local files = api:files(id)
	for number = 1, 20 do same(files["f" .. number], tostring(number), "file " .. number) end
	local path = api.data .. "/repos/" .. id .. ".git"
	same(contract.git(path, { "rev-list", "--count", "HEAD" }).stdout, "21\n", "commits")
end

local function check_locked(api)
	local id, head = api:create()
	local lock = api.server.app.locks:acquire(id, 0)
	local refused = api:expect(423, "PUT", "/repo/" .. id .. "/file/a", { body = "x" })
	same(refused.json.code, "resource_locked", "code")
	same(refused.headers["retry-after"], "1", "Retry-After")
	same(refused.headers["x-should-retry"], "true", "X-Should-Retry")
	api:expect(423, "POST", "/repo/" .. id .. "/update", { body = { metadata = { a = "b" } } })
	api:expect(423, "DELETE", "/repo/" .. id)
	api:expect(200, "GET", "/repo/" .. id .. "/clone")
	api:create()
	task.scope(function(scope)
		scope:spawn(function() api:expect(201, "PUT", "/repo/" .. id .. "/file/a", { body = "x" }) end)
		task.sleep(0.1)
		lock:release()
	end)
	contract.check(api:head(id) ~= head, "the waiting writer came through")
	same(api.server.app.locks:is_held(id), false, "lock held at the end")
end

-- All of them have found the repo; the first one in the queue deletes it.
local function check_deleted(api)
	local id = api:create { a = "1" }
	local lock = api.server.app.locks:acquire(id, 0)
	local update = "/repo/" .. id .. "/update"
	task.scope(function(scope)
		local function then_expect(...)
			scope:spawn(api.expect, api, ...)
			task.sleep(0.1)
		end
		then_expect(204, "DELETE", "/repo/" .. id)
		then_expect(404, "PUT", "/repo/" .. id .. "/file/a", { body = "x" })
		then_expect(404, "DELETE", "/repo/" .. id .. "/file/a")
		then_expect(404, "POST", update, { body = { metadata = { a = "b" } } })
		then_expect(404, "POST", update, { body = { source = { type = "files", files = contract.files { b = "2" } } } })
		then_expect(404, "POST", "/repo", { body = { source = { type = "relace", repo_id = id } } })
		then_expect(404, "DELETE", "/repo/" .. id)
		lock:release()
	end)
	same(api.server.app.locks:is_held(id), false, "lock held at the end")
end

contract.serve({}, function(api)
	test("writers at once all succeed in turn", check_turns, api)
end)
contract.serve({ lock_wait = 60 }, function(api)
	test("those who waited for a repo that was deleted get 404", check_deleted, api)
end)
contract.serve({ lock_wait = 0.3 }, function(api)
	test("a writer that waits too long gets 423 with Retry-After", check_locked, api)
end)
