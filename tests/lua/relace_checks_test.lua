-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- Whatever a call of epact.relace is given wrongly is told before anything is sent: each call, each of its arguments.
local check = require "check"
local faults = require "relace_faults"
local json = require "epact.json"
local relace = require "epact.relace"
local models = require "epact.relace.models"

local server <close> = faults.start()
local client = server:client()
local tmp = os.getenv "TMPDIR"
server:script { ["*"] = { json = {} } }

local bases = {}
for name in pairs(models.BASE_URLS) do bases[name] = server.url end
local hosted = models.new(client, { base_urls = bases })

-- --- kinds of arguments: a good value, and bad ones as { value, words of the error } ---

local id = { good = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21", bad = { { "", "repo_id is empty" }, { "a/b", "repo_id" }, { "..", "repo_id" },
	{ "-a", "repo_id" }, { "a\0b", "repo_id" }, { "a\r\nb", "repo_id" }, { "a b", "repo_id" }, { "a%2fb", "repo_id" }, { "é", "repo_id" },
	{ ("a"):rep(129), "repo_id" }, { nil, "repo id" }, { 5, "repo id" }, { {}, "repo id" }, { { repo_id = "" }, "repo_id" },
	{ { repo_id = 5 }, "repo id" } } }

local token = { good = "rlcr-0", bad = { { "", "token is empty" }, { "a\nb", "token" }, { "a b", "token" }, { nil, "credential" },
	{ 5, "credential" }, { {}, "credential" } } }

local path = { good = "/x", bad = { { "", "path" }, { "x", "path" }, { "//x", "path" }, { "/../x", "path" }, { "/%2E./x", "path" },
	{ "/a b", "path" }, { "/a#b", "path" }, { "/a\\b", "path" }, { "/é", "path" }, { "/a\r\nX: y", "path" }, { "/a\0", "NUL" },
	{ "/x?a b", "path" }, { "/x?a#b", "path" }, { {}, "string expected" }, { nil, "string expected" } } }

local query = { good = "x", bad = { { "", "query is empty" }, { nil, "query must be" }, { 5, "query must be" }, { { "x" }, "query must be" },
	{ "\xff", "UTF-8" } } }

local place = { good = "a/b", bad = { { "", "path" }, { "/a", "path" }, { "../a", "path" }, { "a//b", "path" }, { "a/..", "path" },
	{ ".git/config", "path" }, { "a\\b", "path" }, { "a\0b", "" }, { "a\nb", "path" }, { "\xff", "path" }, { nil, "" }, { {}, "" } } }

local content = { good = "x", bad = { { nil, "content" }, { 5, "content" }, { {}, "content" }, { { file = 5 }, "content" },
	{ { file = tmp .. "/none" }, "none" }, { { file = tmp }, "regular file" }, { { file = "a", b = 1 }, "content" } } }

local folder = { good = tmp, bad = { { nil, "folder" }, { 5, "folder" } } }

local body = { good = { a = 1 }, bad = { { print, "" }, { { a = print }, "a" }, { { [1] = 1, [3] = 3, a = 1 }, "" }, { 0 / 0, "" },
	{ { "\xff" }, "" } } }

local inner = { source = true, overrides = true, headers = true } -- the words name what is wrong in them
-- A table of members: good values of all that are known, and bad ones by name. Each name is also given misspelt, and with a
-- value of a type that nothing here has.
local function members(known, bad, required)
	local kind = { good = {}, bad = {} }
	local function with(name, value)
		local given = {}
		for _, must in ipairs(required or {}) do given[must] = known[must] end
		given[name] = value
		return given
	end
	for _, must in ipairs(required or {}) do
		kind.good[must] = known[must]
		kind.bad[#kind.bad + 1] = { with(must, nil), must }
	end
	for name, value in pairs(known) do
		kind.bad[#kind.bad + 1] = { with(name .. name:sub(-1), value), ("did you mean '%s'"):format(name) }
		kind.bad[#kind.bad + 1] = { with(name, print), name }
	end
	for name, values in pairs(bad or {}) do
		for _, value in ipairs(values) do kind.bad[#kind.bad + 1] = { with(name, value), inner[name] and "" or name } end
	end
	for _, value in ipairs { 5, "x", true, print, { "x" }, { [true] = 1 } } do kind.bad[#kind.bad + 1] = { value, "" } end
	return kind
end

local nan, huge = 0 / 0, 1e300

-- The options of every call; more: those of this one.
local function options(more, more_bad)
	local known = { timeout = 1, deadline = 1, max_retries = 1, max_retry_wait = 1, headers = {}, query = {}, idempotency_key = "a",
		repeatable = true, raw = true }
	local bad = { timeout = { 0, -1, nan, "1" }, deadline = { 0, -1, nan }, max_retries = { -1, 1.5, 101, "1" }, max_retry_wait = { -1, nan },
		headers = { { Authorization = "x" }, { Host = "x" }, { ["Content-Length"] = "1" } }, query = { { a = {} }, "a=1" },
		idempotency_key = { "", "a\nb", 5 }, raw = { 1 }, repeatable = { "yes" } }
	for name, value in pairs(more or {}) do known[name] = value end
	for name, values in pairs(more_bad or {}) do bad[name] = values end
	bad.headers[4] = { [("X"):rep(3)] = "a\r\nb" }
	local kind = members(known, bad)
	kind.good = nil
	return kind
end

local function good_path(place) return { { [place] = "" }, { [place] = "/a" }, { [place] = "../a" }, { [place] = "a/.git/b" }, { [place] = "a\0" } } end

local function sources(list)
	local cases = {}
	for _, source in ipairs(list) do cases[#cases + 1] = source end
	for _, place in ipairs(good_path "filename") do
		cases[#cases + 1] = { type = "files", files = { { filename = place.filename, content = "" } } }
	end
	for _, files in ipairs { { a = 1 }, { 5 }, { [2] = {} }, { { filename = "a" } }, { { content = "a" } }, { { filename = "a", content = "\0" } },
		{ { filename = "a", content = "\xff" } } } do
		cases[#cases + 1] = { type = "files", files = files }
	end
	for _, url in ipairs { "", "ssh://a", "file:///a", "https://a b", "https://" .. ("a"):rep(2083) } do
		cases[#cases + 1] = { type = "git", url = url }
	end
	for _, ref in ipairs { "", "a\nb", 5 } do
		cases[#cases + 1] = { type = "git", url = "https://a", branch = ref }
		cases[#cases + 1] = { type = "git", url = "https://a", hash = ref }
	end
	return cases
end

local operations = {}
for _, name in ipairs { "write", "delete" } do
	for _, place in ipairs(good_path "filename") do
		operations[#operations + 1] = { type = "diff", operations = { { type = name, filename = place.filename, content = "" } } }
	end
end
for _, list in ipairs { { {} }, { 5 }, { { type = "move" } }, { { type = "write", filename = "a" } }, { { type = "rename", old_filename = "a" } },
	{ { type = "rename", old_filename = "a", new_filename = "../b" } }, { a = 1 } } do
	operations[#operations + 1] = { type = "diff", operations = list }
end

local metadata = { { a = 1 }, { "a" }, { a = "\xff" }, { a = {} } }
local create = members({ source = { type = "files", files = {} }, metadata = {}, auto_index = true }, {
	metadata = metadata, auto_index = { 1, "yes" },
	source = sources { {}, { type = "none" }, { type = "diff", operations = {} }, { type = "relace" }, { type = "relace", repo_id = "a/b" },
		{ type = "relace", repo_id = id.good, copy_metadata = 1 }, { type = "files" }, { type = "files", directory = "" },
		{ type = "files", directory = tmp, files = {} }, { type = "files", directory = tmp, skip_binary = 1 } } })
local update = members({ source = { type = "files", files = {} }, metadata = {} }, { metadata = metadata,
	source = sources { {}, { type = "relace", repo_id = id.good }, table.unpack(operations) } })
update.good = { metadata = {} }
update.bad[#update.bad + 1] = { {}, "source or metadata" }

local files = { good = {}, bad = { { nil, "a folder or an array" }, { 5, "a folder or an array" }, { "", "folder is empty" },
	{ tmp .. "/none", "none" }, { { a = "b" }, "array" }, { { { filename = "../a", content = "" } }, "filename" } } }

local token_params = members({ name = "a", repo_ids = { id.good }, ttl_seconds = 1 },
	{ name = { "", "\xff" }, repo_ids = { {}, { "" }, { 1 }, { "a/b" }, { a = "b" }, { [2] = "a" } }, ttl_seconds = { 0, -1, 1.5, "1", nan, huge } },
	{ "name", "repo_ids" })

local filter = members({ page_start = 0, page_size = 1, order_by = "created_at", order_descending = true, filter_metadata = {},
	created_after = "a", created_before = "b" }, { page_start = { -1, 1.5 }, page_size = { 0, -1, 101, "1" }, order_by = { "", "name" },
	order_descending = { 1 }, filter_metadata = metadata })

local overrides = { max_tokens = { -1 }, overrides = { { max_turn = 1 }, { max_turns = "1" }, { tools = { 1 } }, { tools = { a = "b" } }, { system = 5 } } }
local stream = { stall_timeout = 1, max_item = 1 }
local stream_bad = { stall_timeout = { -1, nan }, max_item = { -1, "1" }, raw = { true } }
local clone = { commit = "a" }
for name, value in pairs(stream) do clone[name] = value end

local user = { { role = "user", content = "x" } }

-- Object, method, arguments.
local calls = {
	{ client.repo_token, "create", token_params, options() },
	{ client.repo_token, "get", token, options() },
	{ client.repo_token, "delete", token, options() },
	{ client.repo, "create", create, options() },
	{ client.repo, "get", id, options() },
	{ client.repo, "list", filter, options() },
	{ client.repo, "delete", id, options() },
	{ client.repo, "update", id, update, options() },
	{ client.repo, "overwrite", id, files, options({ skip_binary = true, metadata = {} }, { metadata = metadata, skip_binary = { 1 } }) },
	{ client.repo, "retrieve", id, members({ query = "x", branch = "a", hash = "a", score_threshold = 0, token_limit = 0,
		include_content = true, rerank = true }, { query = { "", "\xff" }, branch = { "" }, hash = { "" }, score_threshold = { -1, 2, nan, "1" },
		token_limit = { -1, 1.5, "1" } }, { "query" }), options({ wait_for_index = 1 }, { wait_for_index = { -1, nan } }) },
	{ client.repo, "embedding_status", id, members({ branch = "a", hash = "a" }, { branch = { "" }, hash = { "" } }), options() },
	{ client.repo, "text_search", id, query, options() },
	{ client.repo, "agent", id, members({ agent_name = "a", agent_inputs = {}, continue = true, overrides = {} }, { agent_name = { "", "\xff" },
		agent_inputs = { { 1 }, { a = 1 } }, continue = { 1 }, overrides = overrides.overrides }, { "agent_name", "agent_inputs" }),
		options(stream, stream_bad) },
	{ client.repo, "search", id, members({ query = "a", overrides = {} }, { query = { "", "\xff" }, overrides = overrides.overrides },
		{ "query" }), options(stream, stream_bad) },
	{ client.repo, "clone", id, options(clone, stream_bad) },
	{ client.repo.file, "upload", id, place, content, options() },
	{ client.repo.file, "download", id, place, options({ to = "a", stream = true, stall_timeout = 1 },
		{ to = { "", 5 }, stream = { 1 }, stall_timeout = { -1 } }) },
	{ client.repo.file, "delete", id, place, options() },
	{ client.repo, "plan", id, folder, members({ timeout = 1 }, { timeout = { "1", -1 } }) },
	{ client, "request", { good = "GET", bad = { { "", "option" }, { "TRACE", "option" }, { "get", "option" }, { nil, "string" }, { 5, "option" } } },
		path, body, options({ content_type = "a" }, { content_type = { "a\nb", "a\0b", 5 } }) },
	{ client, "get", path, options() },
	{ client, "delete", path, options() },
	{ client, "post", path, body, options() },
	{ client, "put", path, body, options() },
	{ client, "patch", path, body, options() },
	{ hosted, "apply", members({ initial_code = "", edit_snippet = "a", instruction = "", model = "a", relace_metadata = {} },
		{ edit_snippet = { "" }, model = { "" } }, { "initial_code", "edit_snippet" }), options() },
	{ hosted, "apply_chat", members({ code = "", update = "a", instruction = "", model = "a" }, { update = { "" }, code = { "\xff" } },
		{ "code", "update" }), options() },
	{ hosted, "rank", members({ query = "a", codebase = { { filename = "a", content = "" } }, token_limit = 1, relace_metadata = {} },
		{ query = { "" }, codebase = { {}, { {} }, { a = 1 } }, token_limit = { -1 } }, { "query", "codebase" }), options() },
	{ hosted, "embed", members({ input = { "a" }, model = "a", output_dtype = "float" }, { input = { {}, { 1 }, "a" } }, { "input" }), options() },
	{ hosted, "compact", members({ messages = user, target_tokens = 1, agent_model = "a" }, { messages = { {}, { 1 } }, target_tokens = { 0 } },
		{ "messages" }), options() },
	{ hosted, "search", members({ messages = user, tools = {}, model = "a", temperature = 1, top_p = 1, top_k = 1, repetition_penalty = 1,
		max_tokens = 1 }, { messages = { {} }, tools = { { 1 } }, top_p = { 2, -1 }, max_tokens = { 0 } }, { "messages" }), options() },
}

-- What has no options of a call, or sends nothing: tested elsewhere.
local apart = { with = true, git = true, rate = true, apply = true }

local function class_of(object) return getmetatable(object).__index end

-- Calls with good arguments but for the one at `place`.
local function try(call, place, value)
	local arguments = {}
	for i = 3, #call do arguments[i - 2] = call[i].good end
	arguments[place - 2] = value
	local ok, result = pcall(call[1][call[2]], call[1], table.unpack(arguments, 1, #call - 2))
	if ok and call[2] == "list" then return pcall(result.page, result) end
	return ok, result
end

check.case("each argument of each call", function()
	local count = 0
	for _, call in ipairs(calls) do
		for place = 3, #call do
			for _, case in ipairs(call[place].bad) do
				local ok, err = try(call, place, case[1])
				local what = ("%s, argument %d: %s"):format(call[2], place - 2, json.encode { words = case[2] })
				check.ok(not ok, what .. ": no error")
				check.contains(tostring(err), case[2])
				count = count + 1
			end
		end
	end
	check.ok(count > 900, count)
	check.equal(server:record(), json.array {})
end)

check.case("a client is made of a table", function()
	check.fails("relace.client: a table of options is expected, such as { api_key = key }, got string", relace.client, "key")
	check.fails("option 'api_key' must be a string, a secret or a token, got number", relace.client, { api_key = 5 })
	check.fails("a credential must be a string, a secret or a token, got nil", client.repo_token.get, client.repo_token)
end)

check.case("the good arguments are good", function()
	for _, call in ipairs(calls) do
		if call[2] ~= "agent" and call[2] ~= "search" and call[2] ~= "plan" then
			local _, err = try(call, 3, call[3].good)
			check.lacks(tostring(err), "did you mean")
			check.lacks(tostring(err), "must be")
		end
	end
	check.ok(#server:record() >= #calls - 5, #server:record())
end)

check.case("the options of an apply", function()
	local kind = options({ skip_binary = true }, { skip_binary = { 1 } })
	for _, case in ipairs(kind.bad) do
		local ok, err = pcall(client.core.apply_check, client.core, case[1])
		check.ok(not ok or case[2] == "headers" or case[2] == "idempotency_key" or case[2] == "", case[2])
		if not ok then check.contains(tostring(err), case[2]) end
	end
	check.fails("a plan of repo:plan", client.repo.apply, client.repo, {})
end)

check.case("no call was forgotten", function()
	local known = {}
	for _, call in ipairs(calls) do
		local class = class_of(call[1])
		known[class] = known[class] or {}
		known[class][call[2]] = true
	end
	for class, names in pairs(known) do
		for name, value in pairs(class) do
			local public = type(value) == "function" and not name:find "^__"
			check.ok(not public or names[name] or apart[name], ("'%s' is not among the calls of this test"):format(name))
		end
	end
end)

check.done()
