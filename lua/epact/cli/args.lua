-- SPDX-License-Identifier: Apache-2.0
--- Reading a command's options: long names, values behind a space or `=`.
local errors = require "epact.error"

local M = {}

local function unknown(name, spec)
	local names = {}
	for known in pairs(spec) do names[#names + 1] = known end
	local near = errors.nearest(name, names)
	return ("unknown option %s%s"):format(name, near and (", did you mean %s?"):format(near) or "")
end

-- The value as its kind, or as it is and what it should be.
local function converted(kind, value)
	if kind == "integer" then
		local number = math.tointeger(tonumber(value))
		return number or value, not number and "an integer" or nil
	elseif kind == "number" then
		local number = tonumber(value)
		return number or value, not number and "a number" or nil
	end
	return value
end

--- Takes the options in front of the first other word out of `words`.
-- @param words table: the words; options are removed from its front
-- @param spec table: option -> "flag", "string", "list" (of strings: it can be given again), "integer" or "number",
--   such as `["--port"] = "integer"`
-- @return table: values by the option's name without dashes (`--api-key` is `api_key`); or nil and what is wrong
function M.parse(words, spec)
	local options = {}
	while words[1] and words[1]:sub(1, 1) == "-" and words[1] ~= "-" do
		local word = table.remove(words, 1)
		if word == "--" then break end
		local name, value = word:match "^(%-%-[^=]+)=(.*)$"
		name = name or word
		local kind = spec[name]
		if not kind then return nil, unknown(name, spec) end
		if kind == "flag" then
			if value then return nil, ("option %s takes no value"):format(name) end
			value = true
		else
			value = value or table.remove(words, 1)
			if not value then return nil, ("option %s needs a value"):format(name) end
			local problem
			value, problem = converted(kind, value)
			if problem then return nil, ("option %s needs %s, got '%s'"):format(name, problem, value) end
		end
		local key = name:gsub("^%-+", ""):gsub("%-", "_")
		if kind == "list" then
			options[key] = options[key] or {}
			table.insert(options[key], value)
		else
			options[key] = value
		end
	end
	return options
end

--- Says what is wrong with the words, and how it is right.
-- @return integer: the exit status 2
function M.wrong(usage, message)
	io.stderr:write("epact: ", message, "\n", usage)
	return 2
end

return M
