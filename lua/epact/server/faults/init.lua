-- SPDX-License-Identifier: Apache-2.0
-- Faults on purpose, for tests of clients: rules (parse.lua) say what goes wrong with which requests. An effect may have:
--
-- * delay: seconds before anything is done
-- * leave_before, leave: "drop" or "reset" the connection instead of the request, or in place of its answer
-- * status, retry_after: the answer, and nothing is done
-- * stall: true: silence; limit: after so many bytes of the answer's body. A limit alone cuts it there

local task = require "epact.task"
local errors = require "epact.server.errors"
local parse = require "epact.server.faults.parse"

local faults = {}
faults.__index = faults

--- Reads rules: a text, or a list of texts (nil: none). Raises `invalid_argument`, naming the place.
function faults.new(given)
	local rules = {}
	for place, text in ipairs(type(given) == "table" and given or { given }) do
		local rule = parse.rule(text)
		rule.at, rule.used, rule.hits = 1, 0, 0
		rules[place] = rule
	end
	return setmetatable({ rules = rules }, faults)
end

-- The effect of a rule on a request that it is for; nil when the dice say no, or its steps are used up.
local function use(rule)
	local step = rule.steps[rule.at]
	if not step or (step.chance and math.random() >= step.chance) then return nil end
	rule.used, rule.hits = rule.used + 1, rule.hits + 1
	if rule.used == step.count then rule.at, rule.used = rule.at + 1, 0 end
	return step.effect
end

--- What goes wrong with a request: the effect of the first rule that is for it and has one left, or nil.
function faults:pick(method, path)
	for _, rule in ipairs(self.rules) do
		if (rule.method == "*" or rule.method == method) and path:find(rule.path) then
			local effect = use(rule)
			if effect then return effect end
		end
	end
	return nil
end

--- Does to a request, before anything else, what the rules say; `out` is its answer (answer.lua). False when the request
--- is over by that; raises the answer that takes the place of the real one.
function faults:apply(out)
	local effect = self:pick(out.method, out.path)
	if not effect then return true end
	out.harm = effect
	if effect.delay then task.sleep(effect.delay) end
	if effect.leave_before then
		out:leave(effect.leave_before)
		return false
	end
	if effect.stall and not effect.limit then out:stall() end
	if effect.status then
		local headers = effect.retry_after and { ["Retry-After"] = ("%g"):format(effect.retry_after) }
		errors.fail(effect.status, "a fault on purpose", { headers = headers })
	end
	return true
end

return faults
