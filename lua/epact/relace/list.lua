-- SPDX-License-Identifier: Apache-2.0
--- What `client.repo:list` returns: an iterator over all pages, or one page of them.
local errors = require "epact.error"

local M = {}

local List = {}
List.__index = List

--- Asks for the page at the filter's `page_start`, each time anew.
-- @return table: `items`, `total_items`, `next_page`; with the option `raw` an epact.http.response
function List:page() return self.core:repo_list(self.filter, self.options) end

-- Where the next page begins, nil at the end. A server that gave a page again would be asked for ever.
local function next_start(page, start)
	local after = page.next_page
	if after == nil then return end
	if math.type(after) ~= "integer" or after <= start then
		error(errors.new("protocol", ("the server names %s as the next page of the list, behind the page at %d")
			:format(errors.mask(tostring(after)), start)), 0)
	end
	return after
end

-- Takes the next page; an empty one is the last, whatever it says.
local function turn(self)
	local filter = self.walk
	local page = self.core:repo_list(filter, self.options)
	if type(page.items) ~= "table" then error(errors.new("protocol", "the server's list of repos has no items"), 0) end
	self.items, self.at = page.items, 0
	filter.page_start = #page.items > 0 and next_start(page, filter.page_start) or nil
	self.last = filter.page_start == nil
end

function List:__call()
	if self.options and self.options.raw then error("repo:list: a loop gives repos, not answers: for `raw` take page()", 2) end
	while self.at == #self.items do
		if self.last then return end
		turn(self)
	end
	self.at = self.at + 1
	return self.items[self.at]
end

local function copy(filter)
	local own = {}
	for name, value in pairs(filter or {}) do own[name] = value end
	return own
end

--- Makes a list; wrong filters and options are refused here, before anything is sent.
-- @param core userdata: of the client
-- @param filter table?
-- @param options table?
-- @return List
function M.new(core, filter, options)
	core:repo_list_check(filter, options)
	local walk = copy(filter)
	walk.page_start = walk.page_start or 0
	return setmetatable({ core = core, filter = copy(filter), walk = walk, options = options, items = {}, at = 0 }, List)
end

return M
