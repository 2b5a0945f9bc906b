-- SPDX-License-Identifier: Apache-2.0
-- Progress on a terminal: one line for each clone, fetch or push that is under way, on the standard error.
local core = require "epact.core.git"
local errors = require "epact.error"

local M = {}

local UNITS = { "B", "KiB", "MiB", "GiB", "TiB" }
local lines = {} -- those on the screen, from the top
local drawn = 0

local function size(bytes)
	local unit = 1
	while bytes >= 1024 and unit < #UNITS do
		bytes, unit = bytes / 1024, unit + 1
	end
	return (unit == 1 and "%d %s" or "%.1f %s"):format(bytes, UNITS[unit])
end

-- The label gives way to the numbers, and loses its beginning: the end of a URL tells more.
local function text_of(line, width)
	local now, parts = line.now, {}
	parts[#parts + 1] = now.phase
	if now.percent then parts[#parts + 1] = ("%3d%%"):format(now.percent) end
	if now.bytes > 0 then parts[#parts + 1] = size(now.bytes) end
	if now.rate > 0 then parts[#parts + 1] = size(now.rate) .. "/s" end
	local numbers = table.concat(parts, "  ")
	local label, room = line.label, width - #numbers - 2
	if #label > room then label = room > 3 and "..." .. label:sub(3 - room) or "" end
	return (label .. "  " .. numbers):sub(1, width)
end

-- A line that wraps would be two: each is shorter than the terminal is wide.
local function redraw()
	local out = { drawn > 0 and ("\27[%dA"):format(drawn) or "" }
	local width = core.terminal_width() or 80
	for _, line in ipairs(lines) do
		out[#out + 1] = "\r" .. text_of(line, width - 1):gsub("[\0-\31\127]", "?") .. "\27[K\n"
	end
	drawn = #lines
	io.stderr:write(table.concat(out))
end

-- A line that has come to its end stays above the others, as it was.
local function finish(line)
	for i, other in ipairs(lines) do
		if other == line then
			table.remove(lines, i)
			table.insert(lines, 1, line)
			redraw()
			table.remove(lines, 1)
			drawn = drawn - 1
			return
		end
	end
end

local Line = { __close = finish }

function Line:__call(now)
	if not self.now then lines[#lines + 1] = self end
	self.now = now
	redraw()
end

-- Whether what says nothing about its progress is drawn: `epact run` does so.
M.automatic = false

-- What the option `progress` means: a function, or an object to call and to close, or nil.
function M.choose(progress, label)
	if type(progress) == "function" then return progress end
	if progress == nil then progress = M.automatic end
	if not progress or not core.terminal_width() then return nil end
	return setmetatable({ label = errors.mask(label) }, Line)
end

return M
