-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/search: a text, as it is.

local contract = require "contract"
local json = require "epact.json"
local same, test = contract.same, contract.test

local function search(api, id, query, status)
	return api:expect(status or 200, "POST", "/repo/" .. id .. "/search", { body = { query = query } }).json
end

local function check_matches(api)
	local id = api:create { ["src/a.c"] = "int a;\n\nint b; int c;\n", ["é f"] = "größe int\n", z = "aaaa\nINT\nlast int" }
	same(search(api, id, "int").results, {
		{ filename = "src/a.c", line_number = 1, line_content = "int a;", match_start = 0, match_end = 3 },
		{ filename = "src/a.c", line_number = 3, line_content = "int b; int c;", match_start = 0, match_end = 3 },
		{ filename = "src/a.c", line_number = 3, line_content = "int b; int c;", match_start = 7, match_end = 10 },
		{ filename = "z", line_number = 3, line_content = "last int", match_start = 5, match_end = 8 },
		{ filename = "é f", line_number = 1, line_content = "größe int", match_start = 6, match_end = 9 },
	}, "results")
	local code_points = search(api, id, "öß").results[1]
	same({ code_points.match_start, code_points.match_end }, { 2, 4 }, "code points")
	same(#search(api, id, "aa").results, 2, "matches do not overlap")
	for _, pattern in ipairs { "i.t", "int$", "[a-z]", "^int", "\\bint", "int\nb", "a;\n", "a\0", "absent", "%a" } do
		same(search(api, id, pattern).results, {}, "results of " .. pattern)
	end
	same(#search(api, id, "b; i").results, 1, "a blank is a blank")
end

local function check_words_for_git(api)
	local id = api:create { a = "--help\n-e x\n-O/bin/sh\n:(top)\nHEAD\n" }
	for _, query in ipairs { "--help", "-e x", "-O/bin/sh", ":(top)", "HEAD", "-" } do
		contract.check(#search(api, id, query).results > 0, "results of " .. query)
	end
end

local function check_caps(api)
	local id = api:create { many = ("x "):rep(900) .. "\n" .. ("x "):rep(900) .. "\n", other = "x\n" }
	local results = search(api, id, "x").results
	same(#results, 1000, "results")
	same(results[1000].line_number, 2, "line of the last")
	local wide = api:create { wide = ("x" .. (" "):rep(99)):rep(3000) .. "\nx\n" }
	local count = #search(api, wide, "x").results
	contract.check(count > 1 and count < 100, "a wide line fills the answer")
end

local function check_lines(api)
	local long = api:create { long = ("x"):rep(1 << 20) .. "needle\nneedle\n" .. ("y"):rep(3 << 20) .. "\nlast needle", other = "needle" }
	local seen = {}
	for place, result in ipairs(search(api, long, "needle").results) do seen[place] = result.filename .. result.line_number end
	same(seen, { "long2", "long4", "other1" }, "lines that nobody wrote by hand are left out")
	local edge = api:create { edge = ("é"):rep((1 << 19) - 60) .. "needle" }
	same(search(api, edge, "needle").results[1].match_start, (1 << 19) - 60, "the longest line")
	local id = api:create()
	local work = api.folder .. "/names"
	contract.git(api.folder, { "clone", "--quiet", api:remote(id), work })
	for _, name in ipairs { "a\nb", "a:1:c", "latin\xe9", "z" } do contract.commit(work, name, "one\nneedle\n") end
	contract.git(work, { "push", "--quiet" })
	local names = {}
	for place, result in ipairs(search(api, id, "needle").results) do
		names[place] = result.filename
		same({ result.line_number, result.line_content }, { 2, "needle" }, "line of " .. result.filename)
	end
	same(names, { "a\nb", "a:1:c", "z" }, "names of all kinds")
end

local function check_other_files(api)
	local id = api:create { text = "word\r\nword" }
	local base = "/repo/" .. id .. "/file/"
	api:expect(201, "PUT", base .. "binary", { body = "word\0word" })
	api:expect(201, "PUT", base .. "latin1", { body = "word caf\xe9\n" })
	local results = search(api, id, "word").results
	same(#results, 2, "results")
	same(results[1].line_content, "word\r", "a line with a carriage return")
	api:overwrite(id, { later = "word" })
	same(search(api, id, "word").results[1].filename, "later", "the head is searched")
	api:overwrite(id, {})
	same(search(api, id, "word").results, {}, "results of an empty repo")
end

local function check_refusals(api)
	local id = api:create()
	local path = "/repo/" .. id .. "/search"
	same(api:expect(422, "POST", path, { body = "" }).json.detail[1].loc, { "body", "query" }, "loc")
	for _, query in ipairs { "", 5, json.null, { "x" } } do search(api, id, query, 422) end
	api:expect(400, "POST", path, { body = "x" })
end

contract.serve({}, function(api)
	test("each match is an item, counted in code points", check_matches, api)
	test("no query is an option of git's", check_words_for_git, api)
	test("at most 1000 items", check_caps, api)
	test("lines and names of all kinds", check_lines, api)
	test("only text, of the head", check_other_files, api)
	test("what is no search is refused", check_refusals, api)
	test("who may search", api.guard, api, "POST", "/repo/%s/search", "POST", { body = { query = "x" } })
end)
