-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- GET /repo: pages, order, bounds of time, filters.

local contract = require "contract"
local json = require "epact.json"
local same, test = contract.same, contract.test

local function list(api, query) return api:expect(200, "GET", "/repo" .. (query or "")).json end

local function ids_of(page)
	local ids = {}
	for index, item in ipairs(page.items) do ids[index] = item.repo_id end
	return ids
end

local function check_pages(api)
	local made = {}
	for number = 1, 101 do made[number] = api:create(nil, { number = tostring(number) }) end
	local first = list(api)
	same(#first.items, 100, "items of the first page")
	same(first.next_page, 100, "next_page")
	same(first.total_items, 101, "total_items")
	local second = list(api, "?page_start=100")
	same(#second.items, 1, "items of the second page")
	same(second.next_page, nil, "next_page of the last page")
	local past = list(api, "?page_start=1000&page_size=5")
	same(past.items, {}, "items past the end")
	same(past.next_page, nil, "next_page past the end")
	local seen, start = {}, 0
	repeat
		local page = list(api, "?page_size=7&page_start=" .. start)
		for _, item in ipairs(page.items) do seen[item.repo_id] = true end
		start = page.next_page
	until not start
	for _, id in ipairs(made) do contract.check(seen[id], "every repo on a page") end
	return made
end

local function check_order(api)
	local up = list(api, "?order_by=created_at")
	local down = list(api, "?order_by=created_at&order_descending=true&page_size=100")
	for index = 2, #up.items do
		local before, after = up.items[index - 1], up.items[index]
		contract.check(before.created_at .. before.repo_id < after.created_at .. after.repo_id, "ascending order")
	end
	for index = 2, #down.items do
		contract.check(down.items[index - 1].created_at >= down.items[index].created_at, "descending order")
	end
	local changed = up.items[5].repo_id
	api:expect(200, "POST", "/repo/" .. changed .. "/update", { body = { metadata = { a = "b" } } })
	same(ids_of(list(api, "?order_by=updated_at&order_descending=true&page_size=1")), { changed }, "last updated")
end

local function check_bounds(api)
	local items = list(api, "?page_size=100").items
	local from, to = items[10].created_at, items[20].created_at
	for _, item in ipairs(list(api, "?created_after=" .. from .. "&created_before=" .. to).items) do
		contract.check(item.created_at > from and item.created_at < to, "bounds are exclusive")
	end
	same(list(api, "?created_before=1999-01-01").total_items, 0, "repos before the bound")
	same(list(api, "?created_after=&created_before=&filter_metadata=&order_by=").total_items, 101, "empty values")
end

local function check_filter(api)
	local function total(filter)
		local encoded = filter:gsub("[^%w]", function(byte) return ("%%%02X"):format(byte:byte()) end)
		return list(api, "?filter_metadata=" .. encoded).total_items
	end
	api:create(nil, { x = "1", y = "a'b\"c" })
	api:create(nil, { x = "1" })
	same(total '{"x":"1"}', 2, "repos with x")
	same(total '{"x":"1","y":"a\'b\\"c"}', 1, "repos with x and y")
	same(total '{"x":1}', 0, "repos with the number x")
	same(total '{}', 103, "repos with an empty filter")
	local many = {}
	for number = 1, 1001 do many[("%03x"):format(number)] = "" end
	local id = api:create(nil, many)
	same(total(json.encode(many)), 1, "repos with a thousand pairs")
	many["001"] = "x"
	same(total(json.encode(many)), 0, "repos with another pair among a thousand")
	api:expect(204, "DELETE", "/repo/" .. id)
	for _, query in ipairs { "filter_metadata=%7B", "filter_metadata=%5B%5D", "filter_metadata=1", "page_size=0", "page_size=101",
		"page_size=x", "page_start=-1", "page_start=1.5", "page_start=99999999999999999999", "order_by=name", "order_descending=maybe", "created_after=soon" } do
		api:expect(422, "GET", "/repo?" .. query)
	end
	api:expect(400, "GET", "/repo?page_size=%zz")
end

local function check_callers(api)
	same(api:expect(401, "GET", "/repo", { token = false }).json.code, "missing_api_key", "code")
	same(api:expect(401, "GET", "/repo", { token = "rlc-x" }).json.code, "invalid_api_key", "code")
	local token = api:token { list(api).items[1].repo_id }
	same(api:expect(403, "GET", "/repo", { token = token }).json.code, "insufficient_permissions", "code")
	same(api:expect(405, "DELETE", "/repo").headers.allow, "GET, POST", "Allow")
	api:expect(404, "GET", "/repo/?page_size=1")
end

local function check_empty(api)
	same(list(api), { items = {}, total_items = 0 }, "a list of nothing")
end

contract.serve({}, function(api)
	test("a server without repos", check_empty, api)
	test("101 repos are a page of 100 with next_page 100, and a page of 1 without", check_pages, api)
	test("only the owner may ask", check_callers, api)
	test("repos are in the order asked for", check_order, api)
	test("bounds of time are exclusive", check_bounds, api)
	test("filters match pairs of strings; bad queries are 422", check_filter, api)
end)
