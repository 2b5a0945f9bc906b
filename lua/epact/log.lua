-- SPDX-License-Identifier: Apache-2.0
--- The log: lines for the host (the program writes them to standard error), secrets masked.
local core = require "epact.core.log"

local M = {}

local function write(level, format, ...)
	if not core.wanted(level) then return end
	core.write(level, select("#", ...) > 0 and format:format(...) or tostring(format))
end

--- Logs at level error. With more arguments, `format` is a `string.format` format.
-- @param format string
function M.error(format, ...) write("error", format, ...) end

--- Logs at level warn.
-- @param format string
function M.warn(format, ...) write("warn", format, ...) end

--- Logs at level info.
-- @param format string
function M.info(format, ...) write("info", format, ...) end

--- Logs at level debug.
-- @param format string
function M.debug(format, ...) write("debug", format, ...) end

--- Whether a line of this level would be written: for lines that are costly to make.
-- @param level string: "error", "warn", "info" or "debug"
-- @return boolean
function M.wanted(level) return core.wanted(level) end

--- Reads the level and, with an argument, sets it.
-- @param level string?: "off", "error", "warn", "info" or "debug"
-- @return string: the level before
function M.level(level) return core.level(level) end

return M
