-- SPDX-License-Identifier: Apache-2.0
-- Options that exclude each other, and options that are nothing without another. A mistake is raised where the method was called,
-- so these are called by the method itself. `given` are the options as the caller gave them, without defaults.
local M = {}

local CALLER = 3

local function quoted(names)
	local words = {}
	for i, name in ipairs(names) do words[i] = "'" .. name .. "'" end
	local last = table.remove(words)
	return #words > 0 and table.concat(words, ", ") .. " or " .. last or last
end

-- At most one of the names is given; returns it.
function M.one(what, given, names)
	local found
	for _, name in ipairs(names) do
		if given and given[name] then
			if found then error(("%s: options '%s' and '%s' exclude each other"):format(what, found, name), CALLER) end
			found = name
		end
	end
	return found
end

-- rules: an array of { option, others... }: the option needs one of the others.
function M.needs(what, given, rules)
	for _, rule in ipairs(rules) do
		local met = not (given and given[rule[1]])
		for i = 2, #rule do met = met or given[rule[i]] end
		if not met then
			error(("%s: option '%s' needs %s"):format(what, rule[1], quoted(table.move(rule, 2, #rule, 1, {}))), CALLER)
		end
	end
end

return M
