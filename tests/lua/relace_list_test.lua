-- SPDX-License-Identifier: Apache-2.0
-- client.repo:list: a loop over all pages, one page, servers whose pages do not go on.
local check = require "check"
local faults = require "relace_faults"
local json = require "epact.json"

local server <close> = faults.start()
local client = server:client()
local at_once = { ["Retry-After-Ms"] = "1" }

-- A page of the repos with these names, and what the server says of the next.
local function page(names, next_page)
	local items = json.array {}
	for i, name in ipairs(names) do items[i] = { repo_id = name, updated_at = json.null } end
	return { json = { items = items, total_items = 5, next_page = next_page } }
end

local function serve(...) server:script { ["GET /repo"] = { ... } } end

local function walk(filter, options)
	local names = {}
	for repo in client.repo:list(filter, options) do names[#names + 1] = repo.repo_id end
	return table.concat(names, " ")
end

-- The queries that were asked for.
local function asked()
	local queries = {}
	for i, request in ipairs(server:record()) do queries[i] = request.path:gsub("^/v1/repo%??", "") end
	return queries
end

check.case("a loop takes one page after the other", function()
	serve(page({ "a", "b" }, 2), page({ "c", "d" }, 4), page({ "e" }, json.null))
	check.equal(walk { page_size = 2 }, "a b c d e")
	check.equal(asked(), { "page_start=0&page_size=2", "page_start=2&page_size=2", "page_start=4&page_size=2" })
	serve(page({ "a" }, 1), page({}, 2))
	check.equal(walk(), "a")
	check.equal(#asked(), 2)
	serve(page {})
	check.equal(walk(), "")
	serve(page({ "c" }, 101), page { "d" })
	check.equal(walk({ page_start = 100, filter_metadata = { a = "b" } }), "c d")
	check.equal(asked()[2], "page_start=101&filter_metadata=%7B%22a%22%3A%22b%22%7D")
end)

check.case("a loop asks for what it needs, and goes on after its end", function()
	serve(page({ "a", "b" }, 2), page { "c" })
	local repos, count = client.repo:list(), 0
	check.equal(#asked(), 0)
	for _ in repos do
		count = count + 1
		if count == 2 then break end
	end
	check.equal(#asked(), 1)
	for repo in repos do check.equal(repo.repo_id, "c") end
	check.equal({ repos(), #asked() }, { nil, 2 })
	check.equal(repos(), nil)
end)

check.case("one page", function()
	serve(page({ "a", "b" }, 2))
	local filter = { page_size = 2, page_start = 7 }
	local repos = client.repo:list(filter)
	filter.page_size = 9
	for _ = 1, 2 do
		local found = repos:page()
		check.equal({ #found.items, found.total_items, found.next_page }, { 2, 5, 2 })
	end
	check.equal(asked(), { "page_start=7&page_size=2", "page_start=7&page_size=2" })
	check.equal(client.repo:list(nil, { raw = true }):page():json().total_items, 5)
end)

check.case("options go with each page, and each page is tried again", function()
	serve(page({ "a" }, 1), { status = 503, headers = at_once }, page { "b" })
	check.equal(walk(nil, { headers = { ["X-A"] = "1" }, max_retries = 1 }), "a b")
	for _, request in ipairs(server:record()) do check.equal(request.headers["x-a"], "1") end
	serve(page({ "a" }, 1), { status = 403 })
	local seen = 0
	check.fails("permission", function()
		for _ in client.repo:list() do seen = seen + 1 end
	end)
	check.equal(seen, 1)
end)

check.case("pages that do not go on", function()
	for _, after in ipairs { 0, -1, 1.5, "2", "rlc-" .. ("0"):rep(32) } do
		serve(page({ "a" }, after))
		local e = check.fails("protocol", walk)
		check.lacks(e.message, "00000")
		check.equal(#asked(), 1)
	end
	serve(page({ "a" }, 1), page({ "a" }, 1))
	check.fails("protocol", walk)
	check.equal(#asked(), 2)
	for _, answer in ipairs { { json = {} }, { json = { items = "a" } } } do
		serve(answer)
		check.fails("protocol", walk)
	end
	serve { body = "[" }
	check.fails("json", walk)
end)

check.case("filters that are none are refused before the loop", function()
	serve(page { "a" })
	local function list(filter, options) return client.repo:list(filter, options) end
	check.fails("did you mean 'page_size'", list, { page_sise = 1 })
	check.fails("page_size", list, { page_size = 0 })
	check.fails("page_start", list, { page_start = -5 })
	check.fails("page_start", list, { page_start = 1.5 })
	check.fails("order_by", list, { order_by = "name" })
	check.fails("order_descending", list, { order_descending = 1 })
	check.fails("filter_metadata", list, { filter_metadata = "a" })
	check.fails("metadata", list, { filter_metadata = { a = 1 } })
	check.fails("did you mean 'timeout'", list, nil, { timeot = 1 })
	check.fails("options must be a table", list, 5)
	check.fails("raw", list, nil, { raw = "x" })
	check.fails("page()", walk, nil, { raw = true })
	check.equal(asked(), {})
end)

check.done()
