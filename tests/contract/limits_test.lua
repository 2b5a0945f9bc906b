-- SPDX-License-Identifier: Apache-2.0
-- Limits of size and of calls.

local contract = require "contract"
local fs = require "epact.fs"
local http = require "epact.http"
local process = require "epact.process"
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
	local keyed = { body = body, headers = { ["Idempotency-Key"] = "k" } }
	api:expect(413, "POST", "/repo", keyed)
	local long = { query = ("x"):rep(20000), agent_name = "relace-search", agent_inputs = { query = "x" }, name = "x" }
	for _, path in ipairs { "/repo/" .. id .. "/retrieve", "/repo/" .. id .. "/search", "/repo/" .. id .. "/agent", "/repo_token" } do
		same(api:expect(413, "POST", path, { body = long }).json.code, "payload_too_large", "code")
	end
	same(api:head(id), head, "head after refusals")
end

local CHUNKED = [[
import http.client, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
for method, path, count in (('PUT', sys.argv[3], 2000), ('PUT', sys.argv[3], 2001), ('POST', sys.argv[4], 11)):
    c = http.client.HTTPConnection(url.netloc)
    try:
        c.request(method, url.path + path, body=(b' ' * 1000 for n in range(count)),
                  headers={'Authorization': 'Bearer ' + sys.argv[2]}, encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):
        pass
    print(c.getresponse().status)
]]

-- Nobody says beforehand how much it will be.
local function check_chunks(api)
	local id = api:create()
	local said = process.run { "python3", "-c", CHUNKED, api.url, api.key, "/repo/" .. id .. "/file/c", "/repo/" .. id .. "/search" }
	same(said.stdout, "201\n413\n413\n", "statuses")
	same(api:expect(200, "GET", "/repo/" .. id .. "/file/c").headers["content-length"], "2000000", "size of the file")
	same(#fs.list(api.data .. "/tmp"), 0, "files that are left")
end

local function check_push(api)
	local id, head = api:create()
	local work = api.folder .. "/work"
	contract.git(api.folder, { "clone", "--quiet", api:remote(id), work })
	contract.commit(work, "noise", contract.noise(1))
	for _, buffer in ipairs { "10000000", "1000" } do
		local pushed = contract.git(work, { "-c", "http.postBuffer=" .. buffer, "push", "--quiet" }, false)
		contract.check(pushed.status ~= 0, "a push that is too large fails")
		contract.matches(pushed.stderr, "413", "what git says")
		same(api:head(id), head, "head after the refused push")
	end
	same(#fs.list(api.data .. "/tmp"), 0, "files that are left")
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
	test("so is one in chunks", check_chunks, api)
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
