-- SPDX-License-Identifier: Apache-2.0
-- The query string of the list of repos: an empty value is none, a bad one is 422.

local json = require "epact.json"
local errors = require "epact.server.errors"
local fields = require "epact.server.fields"
local when = require "epact.server.when"

local list_query = {}

local MAX_PAGE = 100

local function integer(query, name, default, least, most)
	local value = query[name]
	if value == nil or value == "" then return default end
	local number = value:find("^%-?%d+$") and math.tointeger(tonumber(value))
	if not number then errors.invalid({ "query", name }, "must be an integer", "int_parsing") end
	if number < least or number > most then
		errors.invalid({ "query", name }, ("must be between %d and %d"):format(least, most), "out_of_range")
	end
	return number
end

local function boolean(query, name)
	local value = (query[name] or ""):lower()
	if value == "" or value == "false" or value == "0" then return false end
	if value == "true" or value == "1" then return true end
	return errors.invalid({ "query", name }, "must be true or false", "bool_parsing")
end

local function time(query, name)
	local value = query[name]
	if value == nil or value == "" then return nil end
	return when.parse(value) or errors.invalid({ "query", name }, "must be a date and time", "datetime_parsing")
end

local function object(query, name)
	local value = query[name]
	if value == nil or value == "" then return nil end
	local ok, filter = pcall(json.decode, value)
	if not ok or not fields.is_object(filter) then
		errors.invalid({ "query", name }, "must be a JSON object", "json_invalid")
	end
	return filter
end

--- The checked members of a decoded query: {start, size, order, descending, filter or nil, after or nil, before or nil}.
function list_query.read(query)
	local order = query.order_by
	if order == nil or order == "" then order = "created_at" end
	if order ~= "created_at" and order ~= "updated_at" then
		errors.invalid({ "query", "order_by" }, "must be 'created_at' or 'updated_at'", "enum")
	end
	return {
		start = integer(query, "page_start", 0, 0, math.maxinteger),
		size = integer(query, "page_size", MAX_PAGE, 1, MAX_PAGE),
		order = order,
		descending = boolean(query, "order_descending"),
		filter = object(query, "filter_metadata"),
		after = time(query, "created_after"),
		before = time(query, "created_before"),
	}
end

return list_query
