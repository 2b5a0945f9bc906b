-- SPDX-License-Identifier: Apache-2.0
-- Limits of size and of calls.

local contract = require "contract"
local same, test = contract.same, contract.test

local function check_sizes(api)
	local id, head = api:create()
	local file = "/repo/" .. id .. "/file/a"
	api:expect(201, "PUT", file, { body = ("x"):rep(2000000) })
	head = api:head(id)
	same(api:expect(413, "PUT", file, { body = ("x"):rep(2000001) }).json.code, "payload_too_large", "code")
	local body = { source = { type = "files", files = { { filename = "a", content = ("x"):rep(20000) } } } }
	api:expect(413, "POST", "/repo/" .. id .. "/update", { body = body })
	api:expect(413, "POST", "/repo", { body = body })
	same(api:head(id), head, "head after refusals")
end

local function check_push(api)
	local id, head = api:create()
	local work = api.folder .. "/work"
	contract.git(api.folder, { "clone", "--quiet", api:remote(id), work })
	local noise = {}
	for number = 1, 20000 do noise[number] = ("%08x"):format((number * 2654435761) & 0xffffffff) end
	require "epact.fs".write(work .. "/noise", table.concat(noise))
	contract.git(work, { "add", "." })
	contract.git(work, { "-c", "user.name=t", "-c", "user.email=t@x", "commit", "--quiet", "-m", "m" })
	local pushed = contract.git(work, { "push", "--quiet" }, false)
	contract.check(pushed.status ~= 0, "a push that is too large fails")
	contract.matches(pushed.stderr, "413", "what git says")
	same(api:head(id), head, "head after the refused push")
end

local function check_rate(api)
	api:expect(200, "GET", "/repo")
	api:expect(200, "GET", "/repo")
	local refused = api:expect(429, "GET", "/repo")
	same(refused.headers["x-ratelimit-limit"], "2", "limit")
	same(refused.headers["x-ratelimit-remaining"], "0", "remaining")
	contract.matches(refused.headers["x-ratelimit-reset"], "^%d+$", "reset")
	contract.matches(refused.headers["retry-after"], "^%d+$", "Retry-After")
end

contract.serve({ max_json = 10000, max_file = 2000000 }, function(api)
	test("a body over the limit is 413", check_sizes, api)
end)
contract.serve({ max_push = 1000 }, function(api)
	test("a push over the limit is 413", check_push, api)
end)
contract.serve({ rate_limit = 2 }, function(api)
	test("a call too many is 429", check_rate, api)
end)
