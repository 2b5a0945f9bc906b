-- SPDX-License-Identifier: Apache-2.0
-- The lists that functions of epact.task take. Face: epact.task.
local M = {}

-- Raises, for the caller at that level, unless the value is a table.
function M.check(list, what, level)
	if type(list) ~= "table" then error(("%s: argument #1 must be an array, got %s"):format(what, type(list)), level) end
end

local function check_function(fn, name, what, level)
	if type(fn) ~= "function" then error(("%s: item %s must be a function, got %s"):format(what, name, type(fn)), level) end
end

-- The same for an array of functions. One behind a hole, or with a name for its key, would not be called.
function M.functions(list, what, level)
	M.check(list, what, level + 1)
	local last = 0
	for key in next, list do
		if math.type(key) == "integer" and key > 0 then
			last = math.max(last, key)
		elseif key ~= "n" then
			error(("%s: argument #1 must be an array, got a table with the key '%s'"):format(what, tostring(key)), level)
		end
	end
	for i = 1, last do check_function(list[i], i, what, level + 1) end
end

return M
