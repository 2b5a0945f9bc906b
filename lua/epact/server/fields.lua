-- SPDX-License-Identifier: Apache-2.0
-- Single values of what clients send, by their place in it (a list like {"body", "source", "files", 0}): each function
-- returns the checked value or raises 422 for that place. null is the same as absent.

local json = require "epact.json"
local errors = require "epact.server.errors"

local fields = {}

--- nil for null.
function fields.given(value)
	if value == json.null then return nil end
	return value
end

local given = fields.given

--- A longer place.
function fields.at(place, ...)
	local longer = table.move(place, 1, #place, 1, {})
	for _, step in ipairs { ... } do longer[#longer + 1] = step end
	return longer
end

local function is_array(value)
	return type(value) == "table" and (value[1] ~= nil or json.is_array(value))
end

--- True for a decoded JSON object.
function fields.is_object(value)
	return type(value) == "table" and not is_array(value)
end

local function required(value, place)
	if given(value) == nil then errors.invalid(place, "field required", "missing") end
	return value
end

--- A string that has to be there.
function fields.text(value, place)
	if type(required(value, place)) ~= "string" then errors.invalid(place, "must be a string", "string_type") end
	return value
end

--- A string, or nil when it is not given.
function fields.optional_text(value, place)
	if given(value) == nil then return nil end
	return fields.text(value, place)
end

--- A boolean; `default` when it is not given.
function fields.boolean(value, place, default)
	value = given(value)
	if value == nil then return default end
	if type(value) ~= "boolean" then errors.invalid(place, "must be true or false", "bool_type") end
	return value
end

--- A number from `least` to `most`; `default` when it is not given. `kind` is "integer" or "number".
function fields.number(value, place, kind, default, least, most)
	value = given(value)
	if value == nil then return default end
	if kind == "integer" and math.type(value) ~= "integer" then errors.invalid(place, "must be an integer", "int_type") end
	if type(value) ~= "number" then errors.invalid(place, "must be a number", "float_type") end
	if value < least or value > most then
		local range = most == math.maxinteger and ("must be %s or more"):format(least)
			or ("must be between %s and %s"):format(least, most)
		errors.invalid(place, range, "out_of_range")
	end
	return value
end

--- An array that has to be there.
function fields.array(value, place)
	if not is_array(required(value, place)) then errors.invalid(place, "must be an array", "list_type") end
	return value
end

--- An object that has to be there.
function fields.object(value, place)
	if not fields.is_object(required(value, place)) then errors.invalid(place, "must be an object", "dict_type") end
	return value
end

--- An object whose members are strings.
function fields.texts(value, place)
	for name, member in pairs(fields.object(value, place)) do fields.text(member, fields.at(place, name)) end
	return value
end

return fields
