-- SPDX-License-Identifier: Apache-2.0
-- What a path of a file inside a repo may be, and how it is read out of a URL.

local errors = require "epact.server.errors"

local paths = {}

local MAX_PATH = 4096
local MAX_SEGMENT = 255

local function hex_byte(digits)
	return string.char(tonumber(digits, 16))
end

--- Decodes the percent signs of one raw piece of a URL, once. nil when a percent sign is not followed by two digits.
function paths.decode(raw)
	if not raw:find("%", 1, true) then return raw end
	local _, signs = raw:gsub("%%", "")
	local text, decoded = raw:gsub("%%(%x%x)", hex_byte)
	if decoded ~= signs then return nil end
	return text
end

-- A file system may take other names for `.git`: those in other case, with blanks, dots or a stream's name behind it, its short
-- name, and with characters in it that nobody sees. git refuses a clone that holds one.
local function is_git(segment)
	if not segment:find "[gG]" then return false end
	local seen = segment:gsub("\u{FEFF}", ""):gsub("\xE2\x80[\x8C-\x8F\xAA-\xAE]", ""):gsub("\xE2\x81[\xAA-\xAF]", "")
	local name = seen:lower():gsub(":.*", ""):gsub("[ .]+$", "")
	return name == ".git" or name == "git~1"
end

--- The reason why `path` (decoded) is not safe, or nil when it is: relative, no `.`, `..`, empty segment or one that is
--- `.git` for some file system, no control byte or backslash, valid UTF-8, within the limits of length.
function paths.problem(path)
	if path == "" then return "is empty" end
	if #path > MAX_PATH then return ("is longer than %d bytes"):format(MAX_PATH) end
	if path:find("[%z\1-\31\127\\]") then return "holds a control character or a backslash" end
	if not utf8.len(path) then return "is not valid UTF-8" end
	if path:byte(1) == 47 then return "is absolute" end
	for segment in (path .. "/"):gmatch("([^/]*)/") do
		if segment == "" then return "holds an empty segment" end
		if segment == "." or segment == ".." then return "holds a '" .. segment .. "' segment" end
		if #segment > MAX_SEGMENT then return ("holds a segment longer than %d bytes"):format(MAX_SEGMENT) end
		if is_git(segment) then return "holds a segment that is '.git' for some file system" end
	end
	return nil
end

--- Returns `path` when it is safe; else raises 400. `what` names the parameter in the message.
function paths.check(path, what)
	local problem = paths.problem(path)
	if problem then errors.fail(400, ("%s %s"):format(what, problem)) end
	return path
end

--- The decoded, safe path behind `/file/`: slashes literal or as %2F. Raises 400 for any other.
function paths.from_url(raw)
	local path = paths.decode(raw)
	if not path then errors.fail(400, "file path holds a malformed percent sign") end
	return paths.check(path, "file path")
end

--- The decoded pairs of a query string, the last one of a name winning. Raises 400 when one cannot be decoded.
function paths.query(raw)
	local values = {}
	for pair in raw:gmatch("[^&]+") do
		local name, value = pair:match("^([^=]*)=?(.*)$")
		name, value = paths.decode((name:gsub("+", " "))), paths.decode((value:gsub("+", " ")))
		if not name or not value then errors.fail(400, "query string holds a malformed percent sign") end
		values[name] = value
	end
	return values
end

--- Calls visit with each folder above `path`, the nearest last: "a", "a/b" for "a/b/c".
function paths.parents(path)
	local from = 1
	return function()
		local slash = path:find("/", from, true)
		if not slash then return nil end
		from = slash + 1
		return path:sub(1, slash - 1)
	end
end

return paths
