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

-- Code points that HFS+ leaves out of names.
local UNSEEN = { "\xE2\x80[\x8C-\x8F\xAA-\xAE]", "\xE2\x81[\xAA-\xAF]", "\xEF\xBB\xBF" }

-- True for what some file system takes for `.git`: git neither checks out nor receives such a name.
local function is_dot_git(segment)
	local name = segment:lower()
	for _, unseen in ipairs(UNSEEN) do name = name:gsub(unseen, "") end
	name = name:gsub(":.*$", ""):gsub("[ .]+$", "")
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
		if is_dot_git(segment) then return "holds a '.git' segment, or one that a file system takes for it" end
	end
	return nil
end

--- Returns `path` when it is safe; else raises 400. `what` names the parameter in the message.
function paths.check(path, what)
	local problem = paths.problem(path)
	if not problem then return path end
	-- Which one of many it is, unless it is long or no text.
	local name = path ~= "" and #path <= MAX_SEGMENT and utf8.len(path) and (" '%s'"):format(path) or ""
	return errors.fail(400, ("%s%s %s"):format(what, name, problem))
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
