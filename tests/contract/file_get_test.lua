-- SPDX-License-Identifier: Apache-2.0
-- GET and HEAD /repo/{repo_id}/file/{file_path}.

local contract = require "contract"
local same, test = contract.same, contract.test

local function check_bytes(api)
	local id = api:create()
	local base = "/repo/" .. id .. "/file/"
	api:expect(201, "PUT", base .. "empty", { body = "" })
	local empty = api:expect(200, "GET", base .. "empty")
	same(empty.body, "", "empty file")
	same(empty.headers["content-length"], "0", "length of an empty file")
	local bytes = {}
	for byte = 0, 255 do bytes[#bytes + 1] = string.char(byte) end
	local binary = table.concat(bytes):rep(20)
	api:expect(201, "PUT", base .. "data.json", { body = binary })
	local got = api:expect(200, "GET", base .. "data.json")
	same(got.body, binary, "binary file")
	same(got.headers["content-type"], "application/octet-stream", "type")
	contract.matches(got.headers.etag, '^"%x+"$', "ETag")
	local head = api:expect(200, "HEAD", base .. "data.json")
	same(head.body, "", "body of HEAD")
	same(head.headers["content-length"], tostring(#binary), "length of HEAD")
	same(head.headers.etag, got.headers.etag, "ETag of HEAD")
	same(api:files(id), { empty = "" }, "the JSON clone leaves binary files out")
	local large = binary:rep(600)
	api:expect(201, "PUT", base .. "large", { body = large })
	contract.check(api:expect(200, "GET", base .. "large").body == large, "a large file comes back")
	local before = api:head(id)
	same(api:expect(200, "PUT", base .. "large", { body = large }).json.repo_head, before, "head of the same again")
end

local function check_head(api)
	local id = api:create { a = "1", ["d/b"] = "2" }
	local base = "/repo/" .. id .. "/file/"
	same(api:expect(200, "GET", base .. "d/b").body, "2", "literal slash")
	same(api:expect(200, "GET", base .. "d%2fb").body, "2", "encoded slash")
	api:overwrite(id, { a = "new" })
	same(api:expect(200, "GET", base .. "a").body, "new", "the head is read")
	for _, missing in ipairs { "d/b", "d", "A", "a/b" } do
		same(api:expect(404, "GET", base .. missing).json.code, "not_found", "code")
		api:expect(404, "HEAD", base .. missing)
	end
	for _, path in ipairs { "..%2Fx", "%2e%2e/x", "a//b", "", "a/", "/a", ".git/config", "a%00b", "%5C", "%FF", "a%zz" } do
		api:expect(400, "GET", base .. path)
	end
end

local function check_git_words(api)
	local id = api:create { [":1:a"] = "1", ["HEAD"] = "2", ["a^{}"] = "3", ["a\u{1F600}"] = "4", ["x@{0}"] = "5" }
	local base = "/repo/" .. id .. "/file/"
	same(api:expect(200, "GET", base .. ":1:a").body, "1", "colons")
	same(api:expect(200, "GET", base .. "HEAD").body, "2", "HEAD")
	same(api:expect(200, "GET", base .. "a%5E%7B%7D").body, "3", "carets")
	same(api:expect(200, "GET", base .. "a%F0%9F%98%80").body, "4", "beyond the first plane")
	same(api:expect(200, "GET", base .. "x@%7B0%7D").body, "5", "an at")
end

contract.serve({}, function(api)
	test("bytes come back as they were", check_bytes, api)
	test("a file of the head, or 404", check_head, api)
	test("names that mean something to git", check_git_words, api)
	test("who may read", api.guard, api, "GET", "/repo/%s/file/a", "DELETE, GET, HEAD, PUT")
	test("who may look", api.guard, api, "HEAD", "/repo/%s/file/a", "DELETE, GET, HEAD, PUT")
end)
