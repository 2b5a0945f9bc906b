-- SPDX-License-Identifier: Apache-2.0
-- Texts of git that are separated by NUL bytes.
local task = require "epact.task"

local M = {}

-- So many fields are some milliseconds; then other tasks have their turn.
local PIECE = 1000

-- A reader, which is an iterator too: gives one field after the other, each of which ends with a NUL; nil at the end.
function M.reader(text)
	local at, count = 1, 0
	return function()
		count = count + 1
		if count % PIECE == 0 then task.yield() end
		local stop = text:find("\0", at, true)
		if not stop then return nil end
		local field = text:sub(at, stop - 1)
		at = stop + 1
		return field
	end
end

-- Lines of a --format in which each of `names` ends with %x00: an array of tables; "" becomes nil.
function M.records(text, names)
	local list, read = {}, M.reader(text)
	for first in read do
		local record = {}
		for i, name in ipairs(names) do
			local value = i == 1 and first:gsub("^\n", "") or read()
			if value ~= "" then record[name] = value end
		end
		list[#list + 1] = record
	end
	return list
end

return M
