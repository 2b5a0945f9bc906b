-- SPDX-License-Identifier: Apache-2.0
-- Limits of size and of calls.

local contract = require "contract"
local http = require "epact.http"
local task = require "epact.task"
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

local function rate_of(answer)
	contract.matches(answer.headers["x-ratelimit-reset"], "^%d+$", "reset")
	local ahead = tonumber(answer.headers["x-ratelimit-reset"]) - os.time()
	contract.check(ahead >= -1 and ahead <= 61, "reset is the end of the window")
	return answer.headers["x-ratelimit-limit"] .. " " .. answer.headers["x-ratelimit-remaining"]
end

local function check_rate(api)
	local id = api:create { a = "1" }
	local token = api:token { id }
	same(rate_of(api:expect(404, "GET", "/repo_token/x")), "5 2", "a failure")
	same(rate_of(api:expect(200, "GET", "/repo/" .. id .. "/file/a")), "5 1", "a stream")
	same(rate_of(api:expect(204, "DELETE", "/repo/" .. id)), "5 0", "an answer without a body")
	local refused = api:expect(429, "GET", "/repo")
	same(rate_of(refused), "5 0", "a refusal")
	contract.matches(refused.headers["retry-after"], "^[1-9]%d*$", "Retry-After")
	same(refused.json.code, "rate_limit_exceeded", "code")
	same(rate_of(api:expect(200, "GET", "/repo_token/" .. token, { token = token })), "5 4", "another credential")
	same(rate_of(api:expect(401, "GET", "/repo", { token = false })), "5 5", "nobody")
	same(rate_of(api:expect(404, "GET", "/unknown")), "5 5", "an unknown route")
	local git = http.get(api.url .. "/repo/" .. id .. ".git/info/refs?service=git-upload-pack", { bearer = api.key })
	same(git.status, 429, "status for git")
	contract.matches(git.body, "^Rate limit exceeded\n$", "body for git")
	same(rate_of(git), "5 0", "git")
end

local function check_window(api)
	api:expect(200, "GET", "/repo")
	same(api:expect(429, "GET", "/repo").headers["retry-after"], "1", "Retry-After")
	task.sleep(0.6)
	api:expect(200, "GET", "/repo")
end

local function check_none(api)
	same(api:expect(200, "GET", "/repo").headers["x-ratelimit-limit"], nil, "limit when there is none")
end

contract.serve({ max_json = 10000, max_file = 2000000 }, function(api)
	test("a body over the limit is 413", check_sizes, api)
end)
contract.serve({ max_push = 1000 }, function(api)
	test("a push over the limit is 413", check_push, api)
end)
contract.serve({ rate_limit = 5 }, function(api)
	test("a call too many is 429; each answer tells how many are left", check_rate, api)
end)
contract.serve({ rate_limit = 1, rate_window = 0.5 }, function(api)
	test("a new window has new calls", check_window, api)
end)
contract.serve({}, function(api)
	test("no limit, no headers", check_none, api)
end)
