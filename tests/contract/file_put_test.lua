-- SPDX-License-Identifier: Apache-2.0
-- PUT /repo/{repo_id}/file/{file_path}.

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
	for _, path in ipairs { "..%2Fx", "%2e%2e/x", "a//b", "", "a/", "/a", ".git/config", "a%2F.GIT%2Fb", ".git.",
		".git%20", "GIT~1/x", "a/.git:x/y", ".g%E2%80%8Cit/x", "%EF%BB%BF.git", ".gi%E2%81%AFt", "a%00b", "a%0Ab", "%5C", "%FF", "a%zz" } do
		same(api:expect(400, "PUT", base .. path, { body = "x" }).json.code, "invalid_parameter", "code")
	end
	for _, name in ipairs { "git~1", ".git%20", "x/.Git./y", ".g%E2%80%8Cit", ".GIT%3A%3A$INDEX_ALLOCATION" } do
		local refused = api:expect(400, "PUT", base .. name, { body = "git would not check it out" })
		contract.matches(refused.json.message, "'.*' holds a '%.git' segment, or one that a file system takes for it", "message")
	end
	api:expect(400, "PUT", base .. "src", { body = "a folder is there" })
	api:expect(400, "PUT", base .. "src/a.c/d", { body = "a file is there" })
	same(api:files(id), { ["src/a.c"] = "two" }, "files after refusals")
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

local function check_answer(api)
	local id, head = api:create { a = "1" }
	local path = "/repo/" .. id .. "/file/d%20e/f.bin"
	local made = api:expect(201, "PUT", path, { body = "\0\1", headers = { ["Content-Type"] = "application/octet-stream" } })
	contract.matches(made.headers["content-type"], "^application/json", "type")
	same(made.json.repo_id, id, "repo_id")
	same(made.json.changed_files, { "d e/f.bin" }, "changed_files")
	contract.check(made.json.repo_head ~= head, "a new head")
	local again = api:expect(200, "PUT", path, { body = "\0\1" })
	same(again.json.repo_head, made.json.repo_head, "head after the same again")
	same(again.json.changed_files, {}, "changed_files of the same again")
	local other = api:expect(200, "PUT", path, { body = "text", headers = { ["Content-Type"] = "text/plain" } })
	same(other.json.changed_files, { "d e/f.bin" }, "changed_files of a replaced file")
	api:expect(201, "PUT", "/repo/" .. id .. "/file/empty", { body = "" })
	same(api:files(id), { a = "1", ["d e/f.bin"] = "text", empty = "" }, "files")
	local log = contract.git(api.data .. "/repos/" .. id .. ".git", { "log", "--format=%s" }).stdout
	same(log, "Write empty\nWrite d e/f.bin\nWrite d e/f.bin\nCreate from files\n", "a commit for each")
end

local function check_names(api)
	local id = api:create()
	for _, name in ipairs { "a+b", "100%", "ü/ß", "q?x", "h#y", "&=;@:", "'\"", "-r", "a.git", ".gitx", "git~2", ".git~1", ".gitignore", "git", "digit~1", "~", "sp ace" } do
		local encoded = name:gsub("[^%w/]", function(byte) return ("%%%02X"):format(byte:byte()) end)
		api:expect(201, "PUT", "/repo/" .. id .. "/file/" .. encoded, { body = name })
		same(api:files(id)[name], name, name)
	end
	api:expect(201, "PUT", "/repo/" .. id .. "/file/once%252Fx", { body = "decoded once" })
	same(api:files(id)["once%2Fx"], "decoded once", "a percent sign in a name")
	api:expect(201, "PUT", "/repo/" .. id .. "/file/plus+", { body = "a plus is a plus" })
	same(api:files(id)["plus+"], "a plus is a plus", "a plus in a name")
end

contract.serve({}, function(api)
	test("an encoded and a literal slash are one file, a path that leaves is 400", check_paths, api)
	test("201 for a new file, 200 for one that was there", check_answer, api)
	test("names of all kinds", check_names, api)
	test("a body may come in chunks", check_chunked, api)
	test("who may write", api.guard, api, "PUT", "/repo/%s/file/a", "DELETE, GET, HEAD, PUT", { body = "x" })
end)
