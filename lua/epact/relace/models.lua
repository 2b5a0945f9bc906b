-- SPDX-License-Identifier: Apache-2.0
--- The vendor's hosted models: apply, rank, embed, compact, search. Each has a host of its own, and takes the API key of a client.
--
--     local relace, models = require "epact.relace", require "epact.relace.models"
--     local m = models.new(relace.client())
--     local merged = m:apply { initial_code = old, edit_snippet = "// ...\nreturn 2;\n" }.mergedCode
--
-- Calls wait, retry and fail as those of `epact.relace`, and take the same options as their last argument; an attempt has 300
-- seconds. A model only answers, so that all calls are repeated. An error that came with X-RateLimit headers has them in
-- `err.rate`: `limit`, `remaining`, `reset` (numbers, as far as the server gave them).
local errors = require "epact.error"
local reader = require "epact.options"
local streams = require "epact.relace.streams"

local M = {}

--- Where the models are, by name.
M.BASE_URLS = {
	apply = "https://instantapply.endpoint.relace.run/v1",
	rank = "https://ranker.endpoint.relace.run/v2",
	embed = "https://embeddings.endpoint.relace.run/v1",
	compact = "https://compact.endpoint.relace.run/v1",
	search = "https://search.endpoint.relace.run/v1",
}

--- What `models.new` returns.
local Models = {}
Models.__index = Models

-- The client of a model's host, made when it is first needed. A client of another server must say where its models are: its key is
-- not for the vendor's.
local function host(self, name)
	local handle = self.handles[name]
	if handle then return handle end
	local base = self.base_urls[name]
	if not base and not self.core:url():find "^https://api%.relace%.run/" then
		error(errors.new("invalid_argument", ("models: the client is for %s; say where the model is with base_urls = { %s = URL }")
			:format(self.core:url(), name)), 0)
	end
	handle = self.core:derive { base_url = base or M.BASE_URLS[name] }
	self.handles[name] = handle
	return handle
end

local function call(self, name, params, options) return host(self, name):model(name, params, options) end

--- Merges an edit into a file.
-- @param params table: `initial_code`, `edit_snippet` strings; `instruction` string?; `model` string? (relace-apply-3);
--   `relace_metadata` table?, for the vendor's log; `stream` boolean?: the answer comes in pieces
-- @param options table?: with `stream` also `stall_timeout`: seconds without a byte (300), `max_item`: bytes of a piece (16 MiB)
-- @return table: `mergedCode` string; `usage`: `prompt_tokens`, `completion_tokens`, `total_tokens`. With `stream` Chunks: an
--   iterator over the pieces, in the style of OpenAI's chunks; `chunks:text()` reads to the end and joins their texts
-- Example: `local merged = m:apply({ initial_code = old, edit_snippet = new, stream = true }):text()`
function Models:apply(params, options)
	if type(params) ~= "table" or not params.stream then return call(self, "apply", params, options) end
	return streams.chunks(host(self, "apply"):model_stream("apply", params, options))
end

--- Orders files by how much they have to do with a question.
-- @param params table: `query` string; `codebase`: an array of `{ filename, content }`; `token_limit` integer (100000);
--   `relace_metadata` table?
-- @param options table?
-- @return table: `results`, an array of `{ filename, score }`; `usage`
function Models:rank(params, options) return call(self, "rank", params, options) end

--- Turns texts into vectors.
-- @param params table: `input`: an array of strings; `model` string? (relace-embed-v1); `output_dtype` "float" (the default) or
--   "binary"
-- @param options table?
-- @return table: `results`, an array of `{ index, embedding }`; `usage`
function Models:embed(params, options)
	local answer = call(self, "embed", params, options)
	if options and options.raw then return answer end
	for _, result in ipairs(type(answer.results) == "table" and answer.results or {}) do
		local vector = result.embedding -- one of the vendor's samples has it within another array
		if type(vector) == "table" and type(vector[1]) == "table" then result.embedding = vector[1] end
	end
	return answer
end

--- Shortens a conversation.
-- @param params table: `messages` array; `target_tokens` integer? (96000); `agent_model` string?
-- @param options table?
-- @return table: `messages`, `usage`
function Models:compact(params, options) return call(self, "compact", params, options) end

--- A text without the code fence around it; unchanged when there is none.
-- @param text string
-- @return string
function M.strip_fence(text)
	local fence, rest = text:match "^%s*(```+)[^\n`]*\n(.*)$"
	if not fence then return text end
	if rest:match "^```+%s*$" then return "" end
	local inner, last = rest:match "^(.*\n)(```+)%s*$"
	return inner and #last >= #fence and inner or text
end

-- The text of a chat completion.
local function content_of(answer)
	local choice = type(answer.choices) == "table" and answer.choices[1]
	local message = type(choice) == "table" and choice.message
	local content = type(message) == "table" and message.content
	if type(content) ~= "string" then error(errors.new("json", "the chat completion has no message with text in it"), 0) end
	return content
end

--- `apply` by the route that speaks as OpenAI's chat completions do.
-- @param params table: `code`, `update` strings; `instruction` string?; `model` string? (auto)
-- @param options table?
-- @return table: `content`, the merged file (a code fence around it is taken off); `usage`
function Models:apply_chat(params, options)
	self.core:model_check("apply_chat", params)
	local parts = {}
	for _, name in ipairs { "instruction", "code", "update" } do
		if type(params[name]) == "string" then parts[#parts + 1] = ("<%s>%s</%s>"):format(name, params[name], name) end
	end
	local answer = host(self, "apply"):model("chat",
		{ model = params.model, messages = { { role = "user", content = table.concat(parts, "\n") } } }, options)
	if options and options.raw then return answer end
	return { content = M.strip_fence(content_of(answer)), usage = answer.usage }
end

-- A function that the search model may call: its parameters by name, { type, what, more }.
local function tool(name, description, parameters)
	local properties, required = {}, {}
	for parameter, given in pairs(parameters) do
		local schema = { type = given[1], description = given[2] }
		for key, value in pairs(given[3] or {}) do schema[key] = value end
		properties[parameter] = schema
		required[#required + 1] = schema.default == nil and parameter or nil
	end
	table.sort(required)
	return { type = "function", ["function"] = { name = name, description = description,
		parameters = { type = "object", properties = properties, required = required } } }
end

--- The five functions that the search model was taught to call, as `tools` of a chat.
-- @return table: an array
function M.search_tools()
	return {
		tool("view_file", "Shows lines of a file.", {
			path = { "string", "Absolute path of the file." },
			view_range = { "array", "First and last line, from 1; -1 is the end.",
				{ items = { type = "integer" }, default = { 1, 100 } } },
		}),
		tool("view_directory", "Lists a folder.", {
			path = { "string", "Absolute path of the folder." },
			include_hidden = { "boolean", "Whether names that begin with a dot are listed.", { default = false } },
		}),
		tool("grep_search", "Searches the files for a regular expression.", {
			query = { "string", "The regular expression." },
			case_sensitive = { "boolean", "Whether case counts.", { default = true } },
			exclude_pattern = { "string", "Glob of files to leave out.", { default = "" } },
			include_pattern = { "string", "Glob of files to look at.", { default = "" } },
		}),
		tool("bash", "Runs a command that only reads.", { command = { "string", "The command." } }),
		tool("report_back", "Ends the search with what was found.", {
			explanation = { "string", "How the files answer the question." },
			files = { "object", "Pairs of first and last line, by path." },
		}),
	}
end

--- One turn of the agentic search: a chat with the model that is made for it. The script runs the tool calls and asks again with
-- their results, until the model calls `report_back`.
-- @param params table: `messages` array; `tools` array (`models.search_tools()`); `model` (relace-search), `temperature` (1.0),
--   `top_p` (0.95), `top_k` (100), `repetition_penalty` (1.0), `max_tokens`
-- @param options table?
-- @return table: the chat completion; `answer.choices[1].message.tool_calls` are 4 to 12 calls, to be run side by side
function Models:search(params, options)
	if type(params) == "table" and params.tools == nil then
		local given = params
		params = { tools = M.search_tools() }
		for name, value in pairs(given) do params[name] = value end
	end
	return call(self, "search", params, options)
end

local base_spec = {}
for name in pairs(M.BASE_URLS) do base_spec[name] = { nil, "string" } end

--- The models, with the key, headers, retries and connection of a client.
-- @param client client: of `epact.relace`
-- @param options table?: `base_urls`: a table of URLs by model (`models.BASE_URLS`), for a proxy or a test
-- @return Models: `apply`, `apply_chat`, `rank`, `embed`, `compact`, `search`
-- Example: `models.new(client, { base_urls = { apply = "http://127.0.0.1:8080/v1" } })`
function M.new(client, options)
	if type(client) ~= "table" or not client.core then error("models.new: a client of epact.relace is expected", 2) end
	local given = reader.read(options, { base_urls = { {}, "table" } }, "models.new", 3)
	local base_urls = reader.read(given.base_urls, base_spec, "models.new: base_urls", 3)
	local models = setmetatable({ core = client.core, base_urls = base_urls, handles = {} }, Models)
	for name in pairs(base_urls) do host(models, name) end
	return models
end

return M
