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

--- The body of an agent run: {name, inputs}. `continue` and `overrides` are checked and have no effect.
function questions.agent(body)
	fields.boolean(body.continue, { "body", "continue" }, false)
	if fields.given(body.overrides) ~= nil then fields.object(body.overrides, { "body", "overrides" }) end
	return {
		name = fields.text(body.agent_name, { "body", "agent_name" }),
		inputs = fields.texts(body.agent_inputs, { "body", "agent_inputs" }),
	}
end

return questions
