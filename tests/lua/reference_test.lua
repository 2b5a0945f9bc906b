-- SPDX-License-Identifier: Apache-2.0
-- docs/reference/lua names every function that a module has.
local check = require "check"
local fs = require "epact.fs"

local folder = os.getenv "EPACT_SOURCE" .. "/docs/reference/lua/"

local function function_names(module)
	local names = {}
	for name, value in pairs(module) do
		if type(value) == "function" then names[#names + 1] = name end
	end
	table.sort(names)
	return names
end

for _, entry in ipairs(fs.list(folder)) do
	local name = entry.name:match "^(.*)%.md$"
	check.case(name, function()
		local page = fs.read(folder .. entry.name)
		local module = require(name == "epact" and name or "epact." .. name)
		for _, method in ipairs(function_names(module)) do
			check.contains(page, ("\n### `%s.%s("):format(name:match "[%w_]+$", method))
		end
	end)
end

check.done()
