-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- Agents and searches as streams of events: what is sent, what is read, who waits for whom, and how streams end.
local check = require "check"
local errors = require "epact.error"
local json = require "epact.json"
local mock = require "relace_mock"
local task = require "epact.task"

local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local event = mock.event
local found = { name = "report_back", explanation = "here", files = { ["src/a.c"] = { { 1, 1 } } } }
local whole = { event("started", { prompt_id = "0b7c" }), event("tool", { name = "view_file", path = "/repo/src/a.c" }),
	event("tool", found), event("done", json.object {}) }

-- Answers with the texts, one write each.
local function answering(texts, headers)
	return function(req)
		req:body()
		local out <close> = req:respond_stream(200, headers or mock.events)
		for _, text in ipairs(texts) do out:write(text) end
	end
end

local function names(events)
	local all = {}
	for e in events do all[#all + 1] = e.event or "-" end
	return table.concat(all, " ")
end

check.case("a search sends what the SDK sends", function()
	local seen, body
	local function handler(req)
		seen, body = req, json.decode(req:body())
		req:respond(200, mock.events, table.concat(whole))
	end
	mock.with(handler, function(client)
		check.equal(names(client.repo:search({ repo_id = id }, { query = "where?" })), "started tool tool done")
	end)
	check.equal(seen.method .. " " .. seen.path, ("POST /v1/repo/%s/agent"):format(id))
	check.equal(body, { agent_name = "relace-search", agent_inputs = { query = "where?" }, continue = false })
	check.equal(seen.headers.accept, "text/event-stream")
	check.equal(seen.headers["content-type"], "application/json")
end)

check.case("an agent takes all parameters", function()
	local params = { agent_name = "analysis-agent", agent_inputs = { query = "q", system_prompt = "s\0" }, continue = true,
		overrides = { max_tokens = 10, max_turns = 2, prompt_retries = 0, prompt_timeout = 1.5, model_name = "m", system = "s",
			user = "u", tools = { "a", "b" } } }
	local body
	local function handler(req)
		body = json.decode(req:body())
		req:respond(200, mock.events, whole[4])
	end
	mock.with(handler, function(client)
		check.equal(names(client.repo:agent(id, params)), "done")
		check.equal(body, params)
		check.equal(names(client.repo:agent(id, { agent_name = "a", agent_inputs = {}, overrides = { tools = {} } })), "done")
		check.equal(body.overrides, { tools = {} })
	end)
end)

check.case("wrong parameters are told before anything is sent", function()
	local requests = 0
	mock.with(function() requests = requests + 1 end, function(client)
		local function agent(words, params, ...) check.fails(words, client.repo.agent, client.repo, id, params, ...) end
		local function search(words, params, ...) check.fails(words, client.repo.search, client.repo, id, params, ...) end
		local function overrides(words, o) agent(words, { agent_name = "a", agent_inputs = {}, overrides = o }) end
		agent("a table is expected, got nil")
		agent("agent_name", { agent_inputs = {} })
		agent("'agent_name' is empty", { agent_name = "", agent_inputs = {} })
		agent("agent_inputs", { agent_name = "a" })
		agent("table of strings", { agent_name = "a", agent_inputs = { query = 1 } })
		agent("table of strings", { agent_name = "a", agent_inputs = { "query" } })
		agent("'continue' must be a boolean", { agent_name = "a", agent_inputs = {}, continue = 1 })
		agent("did you mean 'overrides'", { agent_name = "a", agent_inputs = {}, override = {} })
		agent("UTF-8", { agent_name = "a", agent_inputs = { query = "\xff" } })
		agent("UTF-8", { agent_name = "a\xff", agent_inputs = {} })
		overrides("did you mean 'max_turns'", { max_turn = 1 })
		overrides("'max_turns' must be a number", { max_turns = "1" })
		overrides("'max_tokens' must be 0 or more, got -1", { max_tokens = -1 })
		overrides("element 1 of 'tools' must be a string", { tools = { 1 } })
		overrides("'tools' must be an array", { tools = { a = "b" } })
		overrides("names of members are strings", { "x" })
		search("a table is expected, got nil")
		search("'query' is missing", {})
		search("'query' is empty", { query = "" })
		search("unknown option 'text'", { text = "x", query = "y" })
		search("did you mean 'stall_timeout'", { query = "y" }, { stall_timout = 1 })
		search("'raw'", { query = "y" }, { raw = true })
		search("max_item", { query = "y" }, { max_item = -1 })
		check.fails("repo_id is empty", client.repo.search, client.repo, "", { query = "y" })
	end)
	check.equal(requests, 0)
end)

check.case("data, names and what the protocol leaves open", function()
	local texts = { "\xef\xbb\xbf: hello\r\n", "data: {\"a\":\r\ndata: 1,\"b\":null}\r\n\r\n", "event: build\rdata: [1]\r\r",
		"event: test\n\n", "id: 1\nretry: 5\n\n", "event: x\ndata: 7\n\n", "event: done\ndata: {}\n\nevent: late\n\n" }
	mock.with(answering(texts), function(client)
		local all = {}
		for e in client.repo:search(id, { query = "q" }) do all[#all + 1] = e end
		check.equal(all, { { data = { a = 1 } }, { event = "build", data = { 1 } }, { event = "test", data = {} },
			{ event = "x", data = 7 }, { event = "done", data = {} } })
	end)
end)

check.case("a report", function()
	mock.with(answering(whole), function(client)
		check.equal(client.repo:search(id, { query = "q" }):report(), { explanation = "here", files = found.files })
	end)
	mock.with(answering { whole[1], event("prompt_error", { error = "no tokens", code = "x" }), whole[4] }, function(client)
		check.equal(names(client.repo:search(id, { query = "q" })), "started prompt_error done")
		local events = client.repo:search(id, { query = "q" })
		check.contains(check.fails("server", events.report, events).message, "no tokens")
		check.fails("closed", events.next, events)
	end)
	mock.with(answering { whole[1], whole[4] }, function(client)
		local events = client.repo:search(id, { query = "q" })
		check.contains(check.fails("server", events.report, events).message, "without a report")
	end)
end)

check.case("a status is an error with the server's words", function()
	local count = 0
	local function handler(req)
		count = count + 1
		if count == 1 then return req:respond(503, { ["retry-after-ms"] = "1" }, "later") end
		if count == 2 then return req:respond(422, mock.json, '{"detail":[{"msg":"no such agent"}]}') end
		req:respond(200, mock.events, whole[4])
	end
	mock.with(handler, function(client)
		local err = check.fails("unprocessable", client.repo.search, client.repo, id, { query = "q" })
		check.contains(err.message, "no such agent")
		check.equal({ err.status, err.attempts }, { 422, 2 })
		check.equal(names(client.repo:search(id, { query = "q" })), "done")
	end)
end)

check.case("an agent is not started twice", function()
	local count = 0
	local function handler(req)
		count = count + 1
		req:respond(500, mock.json, "{}")
	end
	mock.with(handler, function(client)
		check.fails("in_doubt", client.repo.agent, client.repo, id, { agent_name = "a", agent_inputs = {} })
		check.equal(count, 1)
	end)
end)

check.case("another type of answer is no stream", function()
	mock.with(answering({ "<html>" }, { ["content-type"] = "text/html" }), function(client)
		local err = check.fails("protocol", client.repo.search, client.repo, id, { query = "q" })
		check.contains(err.message, "text/html")
		check.equal(err.status, 200)
	end)
end)

local function fails_after(texts, count, code, words, options)
	mock.with(answering(texts), function(client)
		local events <close> = client.repo:search(id, { query = "q" }, options)
		for _ = 1, count do check.ok(events:next()) end
		local err = check.fails(code, events.next, events)
		check.contains(err.message, words)
		check.equal({ err.status, err.attempts }, { 200, 1 })
		check.contains(err.operation, "/agent")
		check.fails("closed", events.next, events)
	end)
end

check.case("data that are no JSON", function()
	fails_after({ whole[1], "event: x\ndata: {\"rlcr-00112233445566778899aabbccddeeff00112233\n\n" }, 1, "json", "it begins")
	fails_after({ "event: x\ndata: [DONE]\n\n" }, 0, "json", "JSON")
	fails_after({ "event: x\ndata:\n\n" }, 0, "json", "JSON")
end)

check.case("an event that is too large", function()
	fails_after({ whole[1], "data: \"" .. ("x"):rep(5000), "\"\n\n" }, 1, "too_large", "4096 bytes", { max_item = 4096 })
end)

check.case("a stream that breaks off", function()
	fails_after({ whole[1], "event: tool\ndata: {}\n" }, 1, "truncated", "broke off")
	fails_after({ whole[1], "event: tool\ndata: {}" }, 1, "truncated", "broke off")
	mock.with(answering { whole[1] }, function(client) -- the server has ended the chunks in good order
		check.equal(names(client.repo:search(id, { query = "q" })), "started")
	end)
	local function cut(req)
		local out = req:respond_stream(200, mock.events)
		out:write(whole[1])
		task.sleep(0.05)
		out:abort()
	end
	mock.with(cut, function(client)
		local events = client.repo:search(id, { query = "q" })
		check.equal(events:next().event, "started")
		check.equal(check.fails("truncated", events.next, events).attempts, 1)
	end)
end)

-- A stream without end; the second value is true when the server has noticed that nobody reads it.
local function endless(pause)
	local state = { sent = 0 }
	return function(req)
		local out = req:respond_stream(200, mock.events)
		local text = event("tool", { name = "x", text = ("y"):rep(1000) })
		local ok, err = pcall(function()
			while true do
				out:write(text)
				state.sent = state.sent + #text
				if pause then task.sleep(pause) end
			end
		end)
		state.ended = not ok and err
		if not errors.is(err, "closed") then error(err, 0) end
	end, state
end

local function wait_until(f)
	for _ = 1, 1000 do
		if f() then return end
		task.sleep(0.01)
	end
	error("it did not happen", 2)
end

check.case("leaving the loop closes the connection", function()
	local handler, state = endless(0.001)
	mock.with(handler, function(client)
		for e in client.repo:search(id, { query = "q" }) do
			check.equal(e.event, "tool")
			break
		end
		wait_until(function() return state.ended end)
		state.ended = nil
		check.fails("enough", function()
			for _ in client.repo:search(id, { query = "q" }) do error "enough" end
		end)
		wait_until(function() return state.ended end)
		state.ended = nil
		do
			local events <close> = client.repo:search(id, { query = "q" })
			events:next()
		end
		wait_until(function() return state.ended end)
	end)
end)

check.case("a cancel closes the connection", function()
	local handler, state = endless(0.001)
	mock.with(handler, function(client)
		check.fails("timeout", task.timeout, 0.1, function()
			for _ in client.repo:search(id, { query = "q" }) do end
		end)
		wait_until(function() return state.ended end)
	end)
end)

check.case("a closed stream ends the one who waits for it", function()
	local function quiet(req)
		local out = req:respond_stream(200, mock.events)
		out:write(whole[1])
		pcall(task.sleep, 60)
	end
	mock.with(quiet, function(client)
		task.scope(function(scope)
			local events = client.repo:search(id, { query = "q" })
			events:next()
			local reader = scope:spawn(function() return check.fails("closed", events.next, events) end)
			task.sleep(0.05)
			check.fails("busy", events.next, events)
			events:close()
			reader:await()
			events:close()
		end)
	end)
end)

check.case("a slow script holds up the server", function()
	local handler, state = endless()
	mock.with(handler, function(client)
		local events <close> = client.repo:search(id, { query = "q" })
		events:next()
		local sent
		wait_until(function() -- until the server stands still
			local before = state.sent
			task.sleep(0.1)
			sent = state.sent
			return sent == before
		end)
		check.ok(sent < 16 << 20, ("%d bytes went out though nobody read"):format(sent))
		for _ = 1, 2 * sent // 1000 do check.equal(events:next().event, "tool") end
		check.ok(state.sent > sent)
	end)
end)

check.case("only a byte less stream is stalled, and only while it is read", function()
	local go = task.event()
	local function slow(req)
		local out <close> = req:respond_stream(200, mock.events)
		out:write(whole[1])
		go:wait()
		for _ = 1, 5 do
			out:write(": ping\n")
			task.sleep(0.1)
		end
		out:write(whole[2])
		task.sleep(1)
		out:write(whole[4])
	end
	mock.with(slow, function(client)
		local events <close> = client.repo:search(id, { query = "q" }, { stall_timeout = 0.4, timeout = 0.5 })
		check.equal(events:next().event, "started")
		go:set()
		check.equal(events:next().event, "tool")
		check.contains(check.fails("timeout", events.next, events).message, "stood still")
	end)
end)

check.case("the timeout is for the headers", function()
	mock.with(function() pcall(task.sleep, 5) end, function(client)
		check.fails("timeout", client.repo.search, client.repo, id, { query = "q" }, { timeout = 0.1, max_retries = 0 })
	end)
end)

check.done()
