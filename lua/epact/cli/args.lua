-- SPDX-License-Identifier: Apache-2.0
--- Reading a command's options: long names, values behind a space or `=`.
local M = {}

--- Takes the options in front of the first other word out of `words`.
-- @param words table: the words; options are removed from its front
-- @param spec table: option -> "flag", "string" or "integer", such as `["--port"] = "integer"`
-- @return table: values by the option's name without dashes (`--api-key` is `api_key`); or nil and what is wrong
function M.parse(words, spec)
	local options = {}
	while words[1] and words[1]:sub(1, 1) == "-" and words[1] ~= "-" do
		local word = table.remove(words, 1)
		if word == "--" then break end
		local name, value = word:match "^(%-%-[^=]+)=(.*)$"
		name = name or word
		local kind = spec[name]
		if not kind then return nil, ("unknown option %s"):format(name) end
		if kind == "flag" then
			if value then return nil, ("option %s takes no value"):format(name) end
			value = true
		else
			value = value or table.remove(words, 1)
			if not value then return nil, ("option %s needs a value"):format(name) end
			if kind == "integer" then
				local number = math.tointeger(tonumber(value))
				if not number then return nil, ("option %s needs an integer, got '%s'"):format(name, value) end
				value = number
			end
		end
		options[name:gsub("^%-+", ""):gsub("%-", "_")] = value
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
