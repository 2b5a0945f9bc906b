-- SPDX-License-Identifier: Apache-2.0
--- The environment of the process, read only.
local M = {}

--- The value of a variable, without white space at its ends; nil when it is unset or blank.
-- @param name string
-- @return string?
function M.get(name)
	local value = os.getenv(name)
	value = value and value:match "^%s*(.-)%s*$"
	return value ~= "" and value or nil
end

--- The value of a variable, or an error that names it.
-- @param name string
-- @return string
function M.require(name)
	return M.get(name) or error(("the environment variable %s is not set"):format(name), 2)
end

return M
