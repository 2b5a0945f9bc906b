-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- epact.relace.models: what each call sends, and where; its answers, errors, retries.
local check = require "check"
local errors = require "epact.error"
local faults = require "relace_faults"
local json = require "epact.json"
local models = require "epact.relace.models"
local relace = require "epact.relace"

local server <close> = faults.start()
local client = server:client { headers = { ["X-A"] = "1" }, rate_control = false }
local at_once = { ["Retry-After-Ms"] = "1" }

-- Each model below a path of its own.
local bases = {}
for name in pairs(models.BASE_URLS) do bases[name] = server.url .. "/" .. name end
local m = models.new(client, { base_urls = bases })

local function answer(value, more)
	local given = more or {}
	given.json = value
	server:script { ["*"] = given }
end

local function sent(path, body)
	local request = server:one()
	check.equal({ request.method, request.path, request.headers.authorization, request.headers["x-a"] },
		{ "POST", "/v1" .. path, "Bearer " .. faults.key, "1" })
	check.equal(request.headers["content-type"], "application/json")
	check.equal(json.decode(request.body), body)
end

local usage = { prompt_tokens = 1, completion_tokens = 2, total_tokens = 3 }
local user = { { role = "user", content = "é" } }

local function completion(content) return { choices = { { message = { role = "assistant", content = content } } }, usage = usage } end

check.case("apply", function()
	answer { mergedCode = "new\n", usage = usage }
	check.equal(m:apply { initial_code = "", edit_snippet = "new" }, { mergedCode = "new\n", usage = usage })
	sent("/apply/code/apply", { initial_code = "", edit_snippet = "new" })
	answer { mergedCode = "new\n" }
	m:apply { initial_code = "a", edit_snippet = "b", instruction = "c", model = "d", relace_metadata = { run = 7 } }
	sent("/apply/code/apply", { initial_code = "a", edit_snippet = "b", instruction = "c", model = "d", relace_metadata = { run = 7 } })
end)

check.case("apply_chat", function()
	for content, merged in pairs { ["a\nb\n"] = "a\nb\n", ["```lua\na\nb\n```"] = "a\nb\n", ["```\n```\n"] = "",
		["\n```` js\na\n```\nb\n````  \n"] = "a\n```\nb\n", ["```\na"] = "```\na", ["a\n```\nb\n```"] = "a\n```\nb\n```", [""] = "" } do
		answer(completion(content))
		check.equal(m:apply_chat({ code = "x", update = "y" }).content, merged)
	end
	answer(completion "x")
	check.equal(m:apply_chat({ code = "x<", update = "y", instruction = "z" }).usage, usage)
	sent("/apply/apply/chat/completions", { model = "auto", messages = { { role = "user",
		content = "<instruction>z</instruction>\n<code>x<</code>\n<update>y</update>" } } })
	for _, value in ipairs { {}, { choices = json.array {} }, completion(json.null), { choices = "a" }, { choices = { "a" } } } do
		answer(value)
		check.fails("json", m.apply_chat, m, { code = "x", update = "y" })
	end
end)

check.case("rank, embed, compact", function()
	answer { results = { { filename = "a", score = 0.5 } }, usage = { total_tokens = 5 } }
	check.equal(m:rank({ query = "q", codebase = { { filename = "a", content = "b", more = 1 } } }).results[1].score, 0.5)
	sent("/rank/code/rank", { query = "q", codebase = { { filename = "a", content = "b" } }, token_limit = 100000 })
	answer { results = { { index = 0, embedding = { 0.5, 1 } }, { index = 1, embedding = { { 2, 3 } } } } }
	local result = m:embed { input = { "a", "é" }, output_dtype = "float" }
	check.equal({ result.results[1].embedding, result.results[2].embedding }, { { 0.5, 1 }, { 2, 3 } })
	sent("/embed/code/embed", { model = "relace-embed-v1", input = { "a", "é" }, output_dtype = "float" })
	answer { messages = user, usage = usage }
	check.equal(m:compact({ messages = user, target_tokens = 5 }).messages, user)
	sent("/compact/code/compact", { messages = user, target_tokens = 5 })
end)

check.case("search", function()
	answer(completion "x")
	m:search { messages = user }
	local body = json.decode(server:one().body)
	local names = {}
	for i, tool in ipairs(body.tools) do names[i] = tool["function"].name end
	check.equal(names, { "view_file", "view_directory", "grep_search", "bash", "report_back" })
	check.equal({ body.model, body.temperature, body.top_p, body.top_k, body.repetition_penalty },
		{ "relace-search", 1.0, 0.95, 100, 1.0 })
	check.equal(body.tools[1]["function"].parameters.properties.view_range.default, { 1, 100 })
	check.equal(body.tools[5]["function"].parameters.required, { "explanation", "files" })
	answer(completion "x")
	m:search { messages = user, tools = json.array {}, temperature = 0, max_tokens = 9 }
	sent("/search/search/chat/completions", { messages = user, tools = json.array {}, model = "relace-search", temperature = 0,
		top_p = 0.95, top_k = 100, repetition_penalty = 1.0, max_tokens = 9 })
end)

check.case("errors, retries, raw answers", function()
	local limits = { ["X-RateLimit-Limit"] = "100", ["X-RateLimit-Remaining"] = "0", ["X-RateLimit-Reset"] = "17.5", ["Retry-After-Ms"] = "1" }
	server:script { ["*"] = { status = 429, json = { error = "Rate limit exceeded" }, headers = limits } }
	local e = check.fails("rate_limit", m.apply, m, { initial_code = "a", edit_snippet = "b" })
	check.equal({ e.status, e.attempts, e.rate }, { 429, 3, { limit = 100.0, remaining = 0.0, reset = 17.5 } })
	check.contains(e.message, "Rate limit exceeded")
	check.contains(e.operation, "/apply/code/apply")
	server:script { ["*"] = { status = 404, json = { error = { message = "key not found", type = "x", code = 5 } } } }
	e = check.fails("not_found", m.rank, m, { query = "q", codebase = { { filename = "a", content = "b" } } })
	check.equal({ e.message, e.rate, e.attempts }, { "HTTP 404: key not found", nil, 1 })
	server:script { ["*"] = { status = 429, headers = { ["X-RateLimit-Reset"] = "soon", ["X-RateLimit-Limit"] = "5" } } }
	e = check.fails("rate_limit", m.embed, m, { input = { "a" } }, { max_retries = 0 })
	check.equal(e.rate, { limit = 5.0 })
	server:script { ["*"] = { { status = 500, headers = at_once }, { reset = "body" }, { json = { results = json.array {} } } } }
	check.equal(m:embed { input = { "a" } }, { results = {} })
	check.equal(#server:record(), 3)
	answer({ mergedCode = faults.key }, { headers = limits })
	local raw = m:apply({ initial_code = "a", edit_snippet = "b" }, { raw = true })
	check.equal({ raw.headers["x-ratelimit-limit"], raw:json().mergedCode }, { "100", faults.key })
	check.equal(m:embed({ input = { "a" } }, { raw = true }).status, 200)
	check.equal(m:apply_chat({ code = "a", update = "b" }, { raw = true }).status, 200)
	server:script { ["*"] = { status = 400, json = { error = "no " .. faults.key } } }
	check.lacks(check.fails("bad_request", m.compact, m, { messages = user }), faults.key:sub(5))
	server:script { ["*"] = { body = "no JSON" } }
	check.fails("json", m.compact, m, { messages = user })
end)

check.case("what cannot be asked", function()
	answer {}
	local good = { apply = { initial_code = "a", edit_snippet = "b" }, apply_chat = { code = "a", update = "b" },
		rank = { query = "q", codebase = { { filename = "a", content = "b" } } }, embed = { input = { "a" } },
		compact = { messages = user }, search = { messages = user } }
	local bad = {
		{ "apply", "edit_snippet", "" }, { "apply", "edit_snippet", 5 }, { "apply", "initial_code", "\xff" },
		{ "apply", "relace_metadata", "a" }, { "apply", "instruction", {} }, { "apply_chat", "code", 5 }, { "apply_chat", "instruction", 5 },
		{ "apply_chat", "model", 5 }, { "rank", "query", "" }, { "rank", "codebase", {} }, { "rank", "codebase", { "a" } },
		{ "rank", "codebase", { { filename = "a" } } }, { "rank", "codebase", { a = {} } }, { "rank", "token_limit", -1 },
		{ "rank", "token_limit", "5" }, { "embed", "input", "a" }, { "embed", "input", { 1 } }, { "embed", "input", {} },
		{ "embed", "input", { [2] = "a" } }, { "compact", "messages", { "a" } }, { "compact", "target_tokens", 0 },
		{ "search", "top_p", 2 }, { "search", "messages", {} }, { "search", "messages", { { content = print } } }, { "search", "tools", {{ 1, [3] = 1 }} },
	}
	for _, case in ipairs(bad) do
		local params = {}
		for name, value in pairs(good[case[1]]) do params[name] = value end
		params[case[2]] = case[3]
		local ok, e = pcall(m[case[1]], m, params)
		check.ok(not ok, case[1] .. " " .. case[2])
		check.contains(e, case[2])
	end
	for name, params in pairs(good) do
		params.querry = 1
		check.fails("unknown option 'querry'", m[name], m, params)
		params.querry = nil
		check.fails("did you mean 'timeout'", m[name], m, params, { timeot = 1 })
		check.fails("table is expected", m[name], m, nil)
	end
	check.equal(server:record(), json.array {})
end)

check.case("where the models are", function()
	for name, url in pairs(models.BASE_URLS) do
		check.ok(url:find "^https://%l+%.endpoint%.relace%.run/v[12]$", name)
	end
	local none = models.new(client)
	local e = check.fails("invalid_argument", none.apply, none, { initial_code = "a", edit_snippet = "b" })
	check.ok(errors.is(e) and e.message:find("base_urls", 1, true))
	check.fails("base_url", models.new, client, { base_urls = { apply = "http://example.com/v1" } })
	check.fails("did you mean 'apply'", models.new, client, { base_urls = { aply = server.url } })
	check.fails("base_urls", models.new, client, { base_urls = "x" })
	check.fails("unknown option", models.new, client, { base = {} })
	check.fails("client", models.new, nil)
	local vendor = models.new(relace.client { api_key = faults.key, base_url = "https://api.relace.run/v1" }, { base_urls = { rank = bases.rank } })
	answer { results = json.array {} }
	vendor:rank { query = "q", codebase = { { filename = "a", content = "b" } } }
	check.equal(#server:record(), 1)
end)

check.done()
