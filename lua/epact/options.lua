-- SPDX-License-Identifier: Apache-2.0
--- Reading tables of options: an unknown name, a missing one and a wrong type are errors that say what is known.
local errors = require "epact.error"

local M = {}

local function names_of(spec)
	local names = {}
	for name in pairs(spec) do names[#names + 1] = name end
	table.sort(names)
	return names
end

local function unknown(key, spec, what, level)
	local names = names_of(spec)
	local near = errors.nearest(tostring(key), names)
	error(("%s: unknown option '%s'%s (known: %s)"):format(what, tostring(key),
		near and ("; did you mean '%s'?"):format(near) or "", table.concat(names, ", ")), level)
end

-- A list of strings without NUL bytes.
local function is_list(value)
	if type(value) ~= "table" then return false end
	for key, item in pairs(value) do
		if math.type(key) ~= "integer" or key < 1 or key > #value then return false end
		if type(item) ~= "string" or item:find("\0", 1, true) then return false end
	end
	return true
end

local function is_one(value, kind)
	if kind == "strings" then return is_list(value) end
	if kind == "integer" then return math.type(value) == "integer" end
	if kind == "any" then return true end
	return type(value) == kind
end

local function fits(value, kinds)
	for kind in kinds:gmatch "[^|]+" do
		if is_one(value, kind) then return true end
	end
	return false
end

local function article(kinds)
	local text = kinds:gsub("|", " or "):gsub("strings", "list of strings")
	return (text:find "^[aeiou]" and "an " or "a ") .. text
end

local function show(value) return type(value) == "table" and "a table" or tostring(value) end

--- Reads a table of options.
-- @param options table?: as the caller was given it
-- @param spec table: `spec[name] = { default, type, least, required = true }`; all but the type may be left out. Types are those
--   of Lua, "integer", "strings" (a list of strings without NUL bytes), "any", and several with `|` between them
-- @param what string: the function, for messages
-- @param level integer: of the caller whose mistake an error is, as of `error`
-- @return table: the options, completed by the defaults
-- Example: `local given = options.read(opts, { depth = { 1, "integer", 0 } }, "git.fetch", 3)`
function M.read(options, spec, what, level)
	if options ~= nil and type(options) ~= "table" then
		error(("%s: the options must be a table, got %s"):format(what, type(options)), level)
	end
	for key in pairs(options or {}) do
		if not spec[key] then unknown(key, spec, what, level + 1) end
	end
	local read = {}
	for name, rule in pairs(spec) do
		local value = options and options[name]
		if value == nil then value = rule[1] end
		if value == nil and rule.required then error(("%s: option '%s' is missing"):format(what, name), level) end
		if value ~= nil and not fits(value, rule[2]) then
			error(("%s: option '%s' must be %s, got %s"):format(what, name, article(rule[2]), show(value)), level)
		end
		if value ~= nil and rule[3] and type(value) == "number" and not (value >= rule[3]) then
			error(("%s: option '%s' must be %s or more, got %s"):format(what, name, rule[3], value), level)
		end
		read[name] = value
	end
	return read
end

return M
