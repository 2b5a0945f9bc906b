-- SPDX-License-Identifier: Apache-2.0
-- Reading the options of the words of epact.task: unknown keys are errors that name the known ones.
local M = {}

local function sorted_keys(spec)
	local names = {}
	for name in pairs(spec) do names[#names + 1] = name end
	table.sort(names)
	return table.concat(names, ", ")
end

-- The options as a new table. spec[name] = { default, type, least }; a default of nil and `least` are optional.
-- level is that of the caller whose mistake an error is.
function M.read(options, spec, what, level)
	if options ~= nil and type(options) ~= "table" then
		error(("%s: the options must be a table, got %s"):format(what, type(options)), level)
	end
	for key in pairs(options or {}) do
		if not spec[key] then
			error(("%s: unknown option '%s' (known: %s)"):format(what, tostring(key), sorted_keys(spec)), level)
		end
	end
	local read = {}
	for name, rule in pairs(spec) do
		local value = options and options[name]
		if value == nil then value = rule[1] end
		local kind = math.type(value) == "integer" and rule[2] == "integer" and "integer" or type(value)
		if value ~= nil and kind ~= rule[2] then
			error(("%s: option '%s' must be a%s %s, got %s"):format(what, name, rule[2] == "integer" and "n" or "",
				rule[2], tostring(value)), level)
		end
		if value ~= nil and rule[3] and not (value >= rule[3]) then
			error(("%s: option '%s' must be %s or more, got %s"):format(what, name, rule[3], value), level)
		end
		read[name] = value
	end
	return read
end

return M
