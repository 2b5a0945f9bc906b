-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- The faults that the local server makes on purpose, as a client meets them on the wire.

local contract = require "contract"
local fault = require "epact.error"
local http = require "epact.http"
local task = require "epact.task"
local same, test = contract.same, contract.test

local function raw(api, method, path, options)
	options = options or {}
	return http.request { method = method, url = api.url .. path, headers = { Authorization = "Bearer " .. api.key },
		body = options.body, once = true, timeout = options.timeout or 30 }
end

local function fails(api, method, path, options)
	local ok, problem = pcall(raw, api, method, path, options)
	contract.check(not ok and fault.is(problem), "an error of the transport")
	return problem.code
end

local function check_statuses(api)
	api.server:set_faults { "POST /repo: 503 x2, then 429 retry-after 2 x1", "GET /repo/*: 404 x1" }
	local first = api:expect(503, "POST", "/repo", { body = "" })
	contract.matches(first.json.message, "on purpose", "message")
	api:expect(503, "POST", "/repo", { body = "" })
	local limited = api:expect(429, "POST", "/repo", { body = "" })
	same(limited.headers["retry-after"], "2", "Retry-After")
	same(limited.json.code, "rate_limit_exceeded", "code")
	same(api:expect(200, "GET", "/repo").json.total_items, 0, "repos made by refused calls")
	local id = api:create { a = "1" }
	api:expect(404, "GET", "/repo/" .. id)
	api:expect(200, "GET", "/repo/" .. id)
	api.server:set_faults "GET /repo/*.git/info/refs: 500 x1"
	local git = http.get(api.url .. "/repo/" .. id .. ".git/info/refs?service=git-upload-pack")
	same(git.status, 500, "status for git")
	contract.matches(git.headers["content-type"], "^text/plain", "type for git")
	api.server:set_faults(nil)
end

local function check_delay(api)
	api.server:set_faults "GET /repo: delay 300ms x1"
	local begun = task.now()
	api:expect(200, "GET", "/repo")
	contract.check(task.now() - begun >= 0.29, "the answer was late")
	api.server:set_faults "GET /repo: delay 100ms and 503"
	api:expect(503, "GET", "/repo")
end

local function check_lost_answers(api)
	for _, how in ipairs { "drop", "reset" } do
		local id = api:create { a = "1" }
		local update = "/repo/" .. id .. "/update"
		local body = '{"source":{"type":"diff","operations":[{"type":"write","filename":"b","content":"2"}]}}'
		api.server:set_faults(("POST /repo/*/update: %s x1, then %s after x1"):format(how, how))
		local code = fails(api, "POST", update, { body = body })
		contract.check(code == "connection" or code == "truncated" or code == "protocol", "code is " .. code)
		same(api:files(id).b, nil, "file after " .. how)
		fails(api, "POST", update, { body = body })
		same(api:files(id).b, "2", "file after a lost answer")
		same(raw(api, "POST", update, { body = body }).status, 200, "status when the rule is used up")
	end
	api.server:set_faults "POST /repo: drop after x1"
	local before = api:expect(200, "GET", "/repo").json.total_items
	fails(api, "POST", "/repo", { body = "{}" })
	same(api:expect(200, "GET", "/repo").json.total_items, before + 1, "repos after a lost answer")
	api.server:set_faults(nil)
end

local function check_once_counts(api)
	local id = api:create()
	api.server:set_faults { "POST /repo/*/update: drop x1", "POST /repo/*/update: reset x1" }
	local update = "/repo/" .. id .. "/update"
	fails(api, "POST", update, { body = '{"metadata":{"a":"1"}}' })
	fails(api, "POST", update, { body = '{"metadata":{"a":"1"}}' })
	raw(api, "POST", update, { body = '{"metadata":{"a":"1"}}' })
	api.server:set_faults(nil)
end

local function check_cut(api)
	local id = api:create { a = ("x"):rep(200000) }
	local clone, file = "/repo/" .. id .. "/clone", "/repo/" .. id .. "/file/a"
	api.server:set_faults { "GET /repo/*/clone: cut 1000 x1", "GET /repo/*/file/**: cut after 100KiB x1",
		"GET /repo/*: cut 5 x1", "GET /repo: cut 0 x1", "POST /repo: 500 and cut 3 x1" }
	same(fails(api, "GET", clone), "truncated", "code of a cut clone")
	same(fails(api, "GET", file), "truncated", "code of a cut file")
	same(fails(api, "GET", "/repo/" .. id), "truncated", "code of a cut object")
	same(fails(api, "GET", "/repo"), "truncated", "code of a list without a byte")
	same(fails(api, "POST", "/repo", { body = "" }), "truncated", "code of a cut failure")
	same(raw(api, "GET", clone).status, 200, "status afterwards")
	local seen = 0
	api.server:set_faults "GET /repo/*/file/**: cut after 100KiB x1"
	local stream <close> = http.request { stream = true, url = api.url .. file, method = "GET",
		headers = { Authorization = "Bearer " .. api.key } }
	same(stream.headers["content-length"], "200000", "length that was promised")
	pcall(function()
		for part in stream:chunks() do seen = seen + #part end
	end)
	same(seen, 100 << 10, "bytes before the cut")
	api.server:set_faults "GET /repo: cut 1MiB"
	api:expect(200, "GET", "/repo")
	api.server:set_faults(nil)
end

local function no_live(api)
	for _ = 1, 200 do
		if api.server.listener:live() == 0 then return end
		task.sleep(0.05)
	end
	error("requests are still there: " .. api.server.listener:live(), 0)
end

local function check_stall(api)
	local id = api:create { a = ("x"):rep(1000) }
	api.server:set_faults { "GET /repo/*/file/**: stall after 10 x1", "GET /repo: stall x1" }
	same(fails(api, "GET", "/repo", { timeout = 0.4 }), "timeout", "code of silence")
	same(fails(api, "GET", "/repo/" .. id .. "/file/a", { timeout = 0.4 }), "timeout", "code of a body that stops")
	no_live(api)
	api.server:set_faults "POST /repo/*/agent: stall after 20"
	local stream <close> = http.request { stream = true, method = "POST", url = api.url .. "/repo/" .. id .. "/agent",
		headers = { Authorization = "Bearer " .. api.key },
		body = '{"agent_name":"relace-search","agent_inputs":{"query":"x"}}' }
	same(stream:read(), "event: started\ndata:", "the bytes before the silence")
	stream:close()
	no_live(api)
	api.server:set_faults(nil)
end

local function check_push(api)
	local id, head = api:create { a = "1" }
	local work = api.folder .. "/work"
	contract.git(api.folder, { "clone", "--quiet", api:remote(id), work })
	local commit = contract.commit(work, "a", "2")
	-- git's HTTP library sends a request again, once, that died on a kept connection.
	api.server:set_faults { "POST /repo/*.git/git-receive-pack: drop x2, then drop after" }
	contract.check(contract.git(work, { "push", "--quiet" }, false).status ~= 0, "a push that was dropped fails")
	same(api:head(id), head, "head after a push that was dropped")
	contract.check(contract.git(work, { "push", "--quiet" }, false).status ~= 0, "a push whose answer was lost fails")
	same(api:head(id), commit, "head after a lost answer")
end

-- A server with requests that stall ends all the same.
local function check_end()
	local begun = task.now()
	contract.serve({ grace = 0.3, faults = { "GET /repo: stall" } }, function(api)
		task.scope(function(scope)
			scope:spawn_daemon(function() pcall(api.call, api, "GET", "/repo") end)
			while api.server.listener:live() == 0 do task.sleep(0.01) end
		end)
	end)
	contract.check(task.now() - begun < 10, "the server ended")
end

contract.serve({}, function(api)
	test("statuses, by count, with Retry-After", check_statuses, api)
	test("delays", check_delay, api)
	test("a connection that ends before or after the work is done", check_lost_answers, api)
	test("a rule that is used up leaves the next one", check_once_counts, api)
	test("an answer that is cut", check_cut, api)
	test("silence ends when the peer leaves", check_stall, api)
	test("a push that is lost on either way", check_push, api)
end)
test("the end of a server does not wait for stalled requests", check_end)
