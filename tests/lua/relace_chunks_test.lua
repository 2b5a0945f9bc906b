-- SPDX-License-Identifier: Apache-2.0
-- A model's answer that comes in pieces.
local check = require "check"
local json = require "epact.json"
local mock = require "relace_mock"
local models = require "epact.relace.models"
local task = require "epact.task"

local params = { initial_code = "a", edit_snippet = "b", stream = true }

local function piece(text) return ("data: %s\n\n"):format(json.encode { choices = { { index = 0, delta = { content = text } } } }) end

-- Answers with the texts, one write each, and calls f with the models.
local function with(texts, f, headers)
	local seen = {}
	local function handler(req)
		seen.path, seen.body, seen.accept = req.path, json.decode(req:body()), req.headers.accept
		local out <close> = req:respond_stream(200, headers or mock.events)
		for _, text in ipairs(texts) do out:write(text) end
	end
	mock.with(handler, function(client, server) f(models.new(client, { base_urls = { apply = server.url .. "/v1" } })) end)
	return seen
end

check.case("pieces of an apply", function()
	local texts = { 'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}\n\n', piece "int ", piece "a;\n",
		": ping\n\n", 'data: {"choices":[],"usage":{"total_tokens":7}}\n\n', "data: [DONE]\n\n", "data: late\n\n" }
	local seen = with(texts, function(m)
		local all = {}
		for chunk in m:apply(params) do all[#all + 1] = chunk end
		check.equal(#all, 4)
		check.equal(all[1], { choices = { { index = 0, delta = { role = "assistant" } } } })
		check.equal(all[4].usage.total_tokens, 7)
		check.equal(m:apply(params):text(), "int a;\n")
		for _ in m:apply(params) do break end
	end)
	check.equal(seen, { path = "/v1/code/apply", body = params, accept = "text/event-stream" })
end)

check.case("pieces that fail", function()
	with({ piece "a", 'data: {"error":{"message":"overloaded"}}\n\n' }, function(m)
		local chunks = m:apply(params)
		check.contains(check.fails("server", chunks.text, chunks).message, "overloaded")
	end)
	with({ piece "a", "data: {\n\n" }, function(m)
		local chunks <close> = m:apply(params)
		check.equal(chunks:next().choices[1].delta.content, "a")
		check.fails("json", chunks.next, chunks)
	end)
	with({ piece "a", "event: x\n\n" }, function(m)
		local chunks = m:apply(params)
		check.fails("no data", chunks.text, chunks)
	end)
	with({ piece "a", 'data: {"choices"' }, function(m)
		local chunks = m:apply(params)
		check.fails("truncated", chunks.text, chunks)
	end)
	with({ "{}" }, function(m) check.fails("protocol", m.apply, m, params) end, mock.json)
end)

check.case("a cancel", function()
	mock.with(function(req)
		local out = req:respond_stream(200, mock.events)
		out:write(piece "a")
		pcall(task.sleep, 60)
	end, function(client, server)
		local m = models.new(client, { base_urls = { apply = server.url .. "/v1" } })
		check.fails("timeout", task.timeout, 0.1, function() m:apply(params):text() end)
		local chunks = m:apply(params, { stall_timeout = 0.1 })
		check.fails("timeout", chunks.text, chunks)
		check.fails("unknown option", m.apply, m, params, { stall = 1 })
	end)
end)

check.done()
