-- SPDX-License-Identifier: Apache-2.0
-- Single files: PUT, GET, HEAD, DELETE.

local contract = require "contract"
local process = require "epact.process"
local same, test = contract.same, contract.test

local function check_paths(api)
	local id = api:create()
	local base = "/repo/" .. id .. "/file/"
	local put = api:expect(201, "PUT", base .. "src%2Fa.c", { body = "one" })
	same(put.json.changed_files, { "src/a.c" }, "changed_files")
	same(api:expect(200, "GET", base .. "src/a.c").body, "one", "content")
	api:expect(200, "PUT", base .. "src/a.c", { body = "two" })
	same(api:expect(200, "GET", base .. "src%2Fa.c").body, "two", "content")
	same(api:files(id), { ["src/a.c"] = "two" }, "files")
	for _, path in ipairs { "..%2Fx", "%2e%2e/x", "a//b", "", "a/", "/a", ".git/config", "a%2F.GIT%2Fb", "a%00b", "a%0Ab", "%5C", "%FF", "a%zz" } do
		api:expect(400, "PUT", base .. path, { body = "x" })
		api:expect(400, "GET", base .. path)
		api:expect(400, "DELETE", base .. path)
	end
	api:expect(400, "PUT", base .. "src", { body = "a folder is there" })
	api:expect(400, "PUT", base .. "src/a.c/d", { body = "a file is there" })
	same(api:files(id), { ["src/a.c"] = "two" }, "files after refusals")
end

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

local CHUNKED = [[
import http.client, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.netloc)
connection.request('PUT', url.path, body=(b'chunk %d;' % n for n in range(int(sys.argv[3]))),
                   headers={'Authorization': 'Bearer ' + sys.argv[2]}, encode_chunked=True)
print(connection.getresponse().status)
]]

local function check_chunked(api)
	local id = api:create()
	local url = api.url .. "/repo/" .. id .. "/file/c"
	local function put(count)
		return process.run({ "python3", "-c", CHUNKED, url, api.key, tostring(count) }).stdout
	end
	same(put(3), "201\n", "status")
	same(api:expect(200, "GET", "/repo/" .. id .. "/file/c").body, "chunk 0;chunk 1;chunk 2;", "content")
	same(put(0), "200\n", "status of an empty body")
	same(api:files(id), { c = "" }, "files")
end

local function check_delete(api)
	local id, head = api:create { a = "1", ["d/b"] = "2" }
	local base = "/repo/" .. id .. "/file/"
	local answer = api:expect(200, "DELETE", base .. "d%2Fb").json
	same(answer.changed_files, { "d/b" }, "changed_files")
	contract.check(answer.repo_head ~= head, "a new head")
	api:expect(404, "DELETE", base .. "d/b")
	api:expect(404, "GET", base .. "d/b")
	api:expect(404, "GET", base .. "d")
	api:expect(404, "HEAD", base .. "nothing")
	same(api:files(id), { a = "1" }, "files")
	api:expect(404, "PUT", "/repo/00000000-0000-4000-8000-000000000000/file/a", { body = "x" })
end

contract.serve({}, function(api)
	test("checklist 3: an encoded and a literal slash are one file, a path that leaves is 400", check_paths, api)
	test("bytes come back as they were", check_bytes, api)
	test("a body may come in chunks", check_chunked, api)
	test("a file is deleted by a commit", check_delete, api)
end)
