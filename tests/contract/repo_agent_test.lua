-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/agent: relace-search as a stream of events.

local contract = require "contract"
local fs = require "epact.fs"
local http = require "epact.http"
local json = require "epact.json"
local process = require "epact.process"
local server = require "epact.server"
local task = require "epact.task"
local same, test = contract.same, contract.test

local function body_of(query, more)
	local body = { agent_name = "relace-search", agent_inputs = { query = query }, continue = false }
	for name, value in pairs(more or {}) do body[name] = value end
	return body
end

-- The events of a text, which must end with an empty line.
local function parse(text)
	contract.check(text:sub(-2) == "\n\n", "an empty line at the end")
	local events = {}
	for block in text:gmatch("(.-)\n\n") do
		local name, data = block:match("^event: ([%w_]+)\ndata: ([^\n]+)$")
		if name then events[#events + 1] = { event = name, data = json.decode(data) } end
		contract.check(name or block:sub(1, 1) == ":", "an event or a comment: " .. block)
	end
	return events
end

local function run(api, id, query, options)
	options = options or {}
	options.body = body_of(query)
	local answer = api:expect(200, "POST", "/repo/" .. id .. "/agent", options)
	contract.matches(answer.headers["content-type"], "^text/event%-stream", "type")
	return parse(answer.body)
end

local function named(events, name)
	for _, event in ipairs(events) do
		if event.data.name == name then return event.data end
	end
end

local LONG = ("filler\n"):rep(50) .. "the needle is here\n" .. ("filler\n"):rep(50)

local function check_search(api)
	local id = api:create { ["src/a.c"] = "int a; // a needle\n", ["docs/é.md"] = LONG, other = "nothing\n" }
	local events = run(api, id, "where is the needle?")
	same(events[1].event, "started", "first event")
	contract.matches(events[1].data.prompt_id, "^%x+%-%x+%-4%x+%-%x+%-%x+$", "prompt_id")
	same(events[2].event, "agent", "second event")
	same(type(events[2].data.content), "string", "content")
	same(events[#events], { event = "done", data = {} }, "last event")
	same(events[#events - 1].data.name, "report_back", "event before the last")
	local seen = {}
	for place = 3, #events - 1 do
		same(events[place].event, "tool", "a step")
		if events[place].data.name == "view_file" then seen[#seen + 1] = events[place].data.path end
	end
	table.sort(seen)
	same(seen, { "/repo/docs/é.md", "/repo/src/a.c" }, "viewed files")
	local report = named(events, "report_back")
	same(type(report.explanation), "string", "explanation")
	same(report.files, { ["src/a.c"] = { { 1, 1 } }, ["docs/é.md"] = { { 48, 54 } } }, "reported files")
	for _, none in ipairs { "absent", "", "???" } do
		local reported = run(api, id, none)
		same(named(reported, "report_back").files, {}, "files of nothing")
		same(reported[#reported].event, "done", "last event")
	end
	same(run(api, api:create(), "x")[1].event, "started", "an empty repo")
	same(run(api, id, "needle", { token = api:token { id } })[1].event, "started", "a token")
	same(run(api, id, "needle", { headers = { ["Idempotency-Key"] = "k" } })[1].event, "started", "a key has no effect")
	local long = {}
	for number = 1, 30 do long[("f%02d"):format(number)] = "needle " .. number end
	same(#run(api, api:create(long), "needle"), 2 + 1 + 8 + 2, "at most eight files are viewed")
end

local function check_refusals(api)
	local id = api:create()
	local function refuse(status, body, options)
		options = options or {}
		options.body = body
		return api:expect(status, "POST", "/repo/" .. id .. "/agent", options).json
	end
	same(refuse(422, {}).detail[1].loc, { "body", "agent_name" }, "loc")
	same(refuse(422, { agent_name = "relace-search" }).detail[1].loc, { "body", "agent_inputs" }, "loc")
	same(refuse(422, body_of(nil, { agent_inputs = json.object {} })).detail[1].loc, { "body", "agent_inputs", "query" }, "loc")
	refuse(422, body_of(5))
	refuse(422, body_of("x", { continue = "no" }))
	for _, wrong in ipairs { "no", { max_turns = "3" }, { system = 5 }, { tools = "grep" }, { tools = { 5 } }, { max_tokens = true } } do
		refuse(422, body_of("x", { overrides = wrong }))
	end
	refuse(422, { agent_name = 5, agent_inputs = { query = "x" } })
	contract.matches(refuse(404, body_of("x", { agent_name = "code-analyzer" })).message, "relace%-search", "message")
	refuse(400, "{")
	api:expect(200, "POST", "/repo/" .. id .. "/agent", { body = body_of("x", { continue = json.null, overrides = {
		max_turns = 3, tools = json.array { "grep" }, user = json.null, prompt_timeout = 0.5, unknown = {} } }) })
end

-- The index of the repo is held, so that the agent has to wait.
local function holding(api, id, fn)
	run(api, id, "x")
	local db = api.server.app.index.open[id].db
	return db:transaction(fn)
end

local function check_keep_alive(api)
	local id = api:create { a = "needle" }
	task.scope(function(scope)
		local answer
		holding(api, id, function()
			answer = scope:spawn(function() return api:call("POST", "/repo/" .. id .. "/agent", { body = body_of("needle") }).body end)
			task.sleep(0.5)
		end)
		local text = answer:await()
		contract.matches(text, "\n\n: keep%-alive\n\n", "a comment between events")
		local events = parse(text)
		same(events[#events].event, "done", "last event")
	end)
end

local LEAVE = [[
import http.client, json, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
c = http.client.HTTPConnection(url.netloc, timeout=20)
c.request('POST', url.path, body=json.dumps({'agent_name': 'relace-search', 'agent_inputs': {'query': 'needle'}}),
          headers={'Authorization': 'Bearer ' + sys.argv[2]})
print(c.getresponse().read(14))
]]

local function check_leaving(api)
	local id = api:create { a = "needle" }
	holding(api, id, function()
		for _ = 1, 3 do
			local read = process.run({ "python3", "-c", LEAVE, api.url .. "/repo/" .. id .. "/agent", api.key }).stdout
			same(read, "b'event: started'\n", "what the peer saw")
		end
		for _ = 1, 100 do
			if api.server.listener:live() == 0 then break end
			task.sleep(0.1)
		end
		same(api.server.listener:live(), 0, "requests of peers that left")
	end)
	same(run(api, id, "needle")[1].event, "started", "the next one")
end

local function check_failure(api)
	local id = api:create { a = "needle" }
	run(api, id, "needle")
	api.server.app.index.open[id].db:close()
	local events = run(api, id, "needle")
	same(events[#events].event, "prompt_error", "last event")
	same(events[#events].data.error, "internal error", "error")
end

local function check_slow_reader(api)
	local files = {}
	for number = 1, 8 do files[("d/"):rep(40) .. ("f"):rep(200) .. number] = "needle " .. number end
	local id = api:create(files)
	local response <close> = http.request { stream = true, method = "POST", url = api.url .. "/repo/" .. id .. "/agent", body =
		json.encode(body_of("needle")), headers = { Authorization = "Bearer " .. api.key } }
	task.sleep(0.2)
	local parts = {}
	for part in response:chunks() do
		parts[#parts + 1] = part
		task.sleep(0.01)
	end
	local events = parse(table.concat(parts))
	same(events[#events].event, "done", "last event")
end

-- A server that is told to end lets a stream come to its end.
local function check_grace(grace, complete)
	local folder <close> = fs.temp_dir()
	local running <close> = server.start { data = folder.path, grace = grace }
	local api = contract.client(running.url, running.api_key:reveal())
	task.scope(function(scope)
		local served = scope:spawn_daemon(function() running:run() end)
		local id = api:create { a = "needle" }
		run(api, id, "needle")
		local answer
		running.app.index.open[id].db:transaction(function()
			answer = scope:spawn(function() return pcall(api.call, api, "POST", "/repo/" .. id .. "/agent", { body = body_of("needle") }) end)
			while running.listener:live() == 0 do task.sleep(0.01) end
			task.sleep(0.1)
			served:cancel()
			task.sleep(0.3)
		end)
		local ok, response = answer:await()
		same(ok, complete, "a stream that came to its end")
		if not ok then return end
		local events = parse(response.body)
		same(events[#events].event, "done", "last event")
	end)
end

require "epact.log".level("off")
test("the end of the server waits for a stream", check_grace, 20, true)
test("but not for ever", check_grace, 0.1, false)
contract.serve({ keep_alive = 0.1 }, function(api)
	test("started, agent, a tool for each step, report_back, done", check_search, api)
	test("what is no run is refused", check_refusals, api)
	test("who may run it", api.guard, api, "POST", "/repo/%s/agent", "POST", { body = body_of("x") })
	test("silence is filled with comments", check_keep_alive, api)
	test("peers that leave do no harm", check_leaving, api)
	test("a slow reader gets all", check_slow_reader, api)
	test("a failure on the way is an event", check_failure, api)
end)
