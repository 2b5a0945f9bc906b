-- SPDX-License-Identifier: Apache-2.0
-- GET /repo/{repo_id}/embedding_status: all text files are done at once.

local contract = require "contract"
local same, test = contract.same, contract.test

local function check_status(api)
	local id, head = api:create { a = "1", ["d/b"] = "2", c = "3" }
	local base = "/repo/" .. id .. "/embedding_status"
	local function status(query, options) return api:expect(200, "GET", base .. (query or ""), options).json end
	same(status(), { hash = head, completed_embeddings = 3, pending_embeddings = 0 }, "status")
	api:expect(201, "PUT", "/repo/" .. id .. "/file/binary", { body = "\0\1" })
	api:expect(201, "PUT", "/repo/" .. id .. "/file/text", { body = "é" })
	same(status().completed_embeddings, 4, "text files of the head")
	same(status("?hash=" .. head).completed_embeddings, 3, "text files of the first commit")
	same(status("?branch=main&hash=").completed_embeddings, 4, "text files of main")
	same(status("?branch=&hash=" .. head:sub(1, 8)).hash, head, "hash of a shortened id")
	same(status(nil, { token = api:token { id } }).completed_embeddings, 4, "text files by a token")
	api:overwrite(id, {})
	same(status().completed_embeddings, 0, "text files of an empty repo")
end

local function check_refusals(api)
	local id = api:create()
	local base = "/repo/" .. id .. "/embedding_status"
	for _, query in ipairs { "?hash=" .. ("0"):rep(40), "?hash=main", "?branch=none", "?branch=..%2Fheads%2Fmain" } do
		api:expect(404, "GET", base .. query)
	end
	api:expect(400, "GET", base .. "?branch=%zz")
end

contract.serve({}, function(api)
	test("the text files of a commit are counted", check_status, api)
	test("a commit that is not there is 404", check_refusals, api)
	test("who may ask", api.guard, api, "GET", "/repo/%s/embedding_status", "GET")
end)
