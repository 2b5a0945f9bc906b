-- SPDX-License-Identifier: Apache-2.0
-- DELETE /repo/{repo_id}/file/{file_path}.

local contract = require "contract"
local same, test = contract.same, contract.test

local function check_delete(api)
	local id, head = api:create { a = "1", ["d/b"] = "2" }
	local base = "/repo/" .. id .. "/file/"
	local answer = api:expect(200, "DELETE", base .. "d%2Fb").json
	same(answer.changed_files, { "d/b" }, "changed_files")
	contract.check(answer.repo_head ~= head, "a new head")
	api:expect(404, "DELETE", base .. "d/b")
	api:expect(404, "GET", base .. "d/b")
	same(api:expect(404, "DELETE", base .. "d").json.code, "not_found", "a folder is no file")
	for _, path in ipairs { "..%2Fx", "a//b", "", "a/", ".git/config", "a%00b" } do api:expect(400, "DELETE", base .. path) end
	same(answer.repo_id, id, "repo_id")
	same(api:files(id), { a = "1" }, "files")
	same(api:expect(200, "DELETE", base .. "a").json.changed_files, { "a" }, "changed_files of the last file")
	same(api:files(id), {}, "files of an empty repo")
end

contract.serve({}, function(api)
	test("a file is deleted by a commit", check_delete, api)
	test("who may delete", api.guard, api, "DELETE", "/repo/%s/file/a", "DELETE, GET, HEAD, PUT", { changes = true })
end)
