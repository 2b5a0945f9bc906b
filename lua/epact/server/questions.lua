-- SPDX-License-Identifier: Apache-2.0
-- The bodies of the routes that search: retrieve, agent, text search.

local errors = require "epact.server.errors"
local fields = require "epact.server.fields"

local questions = {}

local THRESHOLD = 0.3
local TOKENS = 30000

--- The body of a retrieve: {query, branch or nil, hash or nil, threshold, tokens, content (boolean)}. `rerank` is
--- checked and has no effect.
function questions.retrieve(body)
	fields.boolean(body.rerank, { "body", "rerank" }, true)
	return {
		query = fields.text(body.query, { "body", "query" }),
		branch = fields.optional_text(body.branch, { "body", "branch" }),
		hash = fields.optional_text(body.hash, { "body", "hash" }),
		threshold = fields.number(body.score_threshold, { "body", "score_threshold" }, "number", THRESHOLD, 0, 1),
		tokens = fields.number(body.token_limit, { "body", "token_limit" }, "integer", TOKENS, 0, math.maxinteger),
		content = fields.boolean(body.include_content, { "body", "include_content" }, false),
	}
end

--- The text that a text search looks for.
function questions.literal(body)
	local query = fields.text(body.query, { "body", "query" })
	if query == "" then errors.invalid({ "body", "query" }, "must not be empty", "string_too_short") end
	return query
end

-- What may be overridden of an agent's settings, and by what.
local OVERRIDES = { max_tokens = "number", max_turns = "number", prompt_retries = "number", prompt_timeout = "number",
	model_name = "text", system = "text", user = "text" }

local function check_overrides(overrides)
	local place = { "body", "overrides" }
	if fields.given(overrides) == nil then return end
	fields.object(overrides, place)
	for name, kind in pairs(OVERRIDES) do
		local here = fields.at(place, name)
		if kind == "number" then
			fields.number(overrides[name], here, "number", nil, -math.huge, math.huge)
		else
			fields.optional_text(overrides[name], here)
		end
	end
	if fields.given(overrides.tools) == nil then return end
	for index, tool in ipairs(fields.array(overrides.tools, fields.at(place, "tools"))) do
		fields.text(tool, fields.at(place, "tools", index - 1))
	end
end

--- The body of an agent run: {name, inputs}. `continue` and `overrides` are checked and have no effect.
function questions.agent(body)
	fields.boolean(body.continue, { "body", "continue" }, false)
	check_overrides(body.overrides)
	return {
		name = fields.text(body.agent_name, { "body", "agent_name" }),
		inputs = fields.texts(body.agent_inputs, { "body", "agent_inputs" }),
	}
end

return questions
