-- SPDX-License-Identifier: Apache-2.0
-- GET /repo/{repo_id}/clone: sorted texts of any commit.

local contract = require "contract"
local same, test = contract.same, contract.test

local function check_order(api)
	local id = api:create { b = "", ["a-b"] = "", ["a/b"] = "", a0 = "", B = "" }
	local names = {}
	for index, file in ipairs(api:expect(200, "GET", "/repo/" .. id .. "/clone").json.files) do names[index] = file.filename end
	same(names, { "B", "a-b", "a/b", "a0", "b" }, "order")
end

local function check_commits(api)
	local id, first = api:create { a = "1" }
	local second = api:overwrite(id, { a = "2", b = "3" }).repo_head
	same(api:files(id, "?commit=" .. first), { a = "1" }, "files of the first commit")
	same(api:files(id, "?commit=" .. first:sub(1, 10):upper()), { a = "1" }, "files of a shortened id")
	same(api:files(id, "?commit=" .. second), { a = "2", b = "3" }, "files of the second commit")
	contract.git(api.data .. "/repos/" .. id .. ".git", { "branch", first:sub(1, 10), second })
	same(api:files(id, "?commit=" .. first:sub(1, 10)), { a = "1" }, "files of a shortened id that is a branch's name too")
	same(api:files(id, "?commit="), { a = "2", b = "3" }, "files of an empty value")
	local blob = contract.git(api.data .. "/repos/" .. id .. ".git", { "rev-parse", "HEAD:a" }).stdout:sub(1, 40)
	for _, wrong in ipairs { ("0"):rep(40), first:sub(1, 6), "main", "HEAD", "--all", "xyz1234", blob, first .. "0" } do
		api:expect(404, "GET", "/repo/" .. id .. "/clone?commit=" .. wrong)
	end
end

local function check_large(api)
	local files = {}
	for number = 1, 700 do files[("dir%d/file%d.txt"):format(number % 7, number)] = ("line %d\n"):format(number):rep(number) end
	local id = api:create(files)
	same(api:files(id), files, "files")
end

local function check_others(api)
	local id = api:create { text = "x" }
	local base = "/repo/" .. id .. "/file/"
	api:expect(201, "PUT", base .. "latin1", { body = "caf\xe9" })
	api:expect(201, "PUT", base .. "nul", { body = "a\0b" })
	api:expect(201, "PUT", base .. "empty", { body = "" })
	same(api:files(id), { text = "x", empty = "" }, "files")
end

contract.serve({}, function(api)
	test("files are sorted by path", check_order, api)
	test("any commit can be asked for by its id", check_commits, api)
	test("a clone is larger than any buffer", check_large, api)
	test("what is no text is left out", check_others, api)
	test("who may ask", api.guard, api, "GET", "/repo/%s/clone", "GET")
end)
