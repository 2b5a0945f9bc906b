-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/update of type files: the whole content.

local contract = require "contract"
local same, test = contract.same, contract.test

local function check_overwrite(api)
	local id, first = api:create { a = "1", ["d/b"] = "2", c = "3" }
	local answer = api:overwrite(id, { a = "1", c = "4", ["e/f/g"] = "5" })
	same(answer.repo_id, id, "repo_id")
	same(answer.changed_files, { "c", "d/b", "e/f/g" }, "changed_files")
	contract.check(answer.repo_head ~= first, "a new head")
	same(api:files(id), { a = "1", c = "4", ["e/f/g"] = "5" }, "files")
	local again = api:overwrite(id, { a = "1", c = "4", ["e/f/g"] = "5" })
	same(again.repo_head, answer.repo_head, "head after the same again")
	same(again.changed_files, {}, "changed_files of a no-op")
	local emptied = api:overwrite(id, {})
	same(emptied.changed_files, { "a", "c", "e/f/g" }, "changed_files of emptying")
	same(api:files(id), {}, "files of an emptied repo")
	same(api:overwrite(id, {}).repo_head, emptied.repo_head, "head of an empty repo emptied")
	local log = contract.git(api.data .. "/repos/" .. id .. ".git", { "log", "--format=%an <%ae> %s" }).stdout
	same(select(2, log:gsub("\n", "")), 3, "commits")
	contract.matches(log, "^Relace <noreply@relace.ai> Overwrite files\n", "identity and subject")
end

local function check_texts(api)
	local texts = {
		["zero length"] = "",
		["no newline"] = "x",
		["ünïcode/ß"] = "\u{1F600} \u{10FFFF}\n",
		nul = "a\0b",
		['"quoted" name'] = "q",
		["-dash"] = "d",
		["crlf"] = "a\r\nb\r\n",
		["blank "] = " ",
		["data 3"] = "from :1\nM 100644 inline x\ndata 1\n",
		long = ("line of text\n"):rep(20000),
	}
	local id = api:create(texts)
	for name, content in pairs(texts) do
		local path = name:gsub("[^%w/]", function(byte) return ("%%%02X"):format(byte:byte()) end)
		same(api:expect(200, "GET", "/repo/" .. id .. "/file/" .. path).body, content, name)
	end
	texts.nul = nil
	same(api:files(id), texts, "texts")
end

local function check_shapes(api)
	local id = api:create { a = "1" }
	local head = api:head(id)
	local function update(status, body) return api:expect(status, "POST", "/repo/" .. id .. "/update", { body = body }).json end
	update(200, { source = { type = "files", files = { { filename = "b", content = "1" }, { filename = "b", content = "2" } } } })
	same(api:files(id), { b = "2" }, "the last of a name")
	head = api:head(id)
	update(400, { source = { type = "files", files = { { filename = "x", content = "1" }, { filename = "/y", content = "" } } } })
	update(400, { source = { type = "files", files = contract.files { x = "1", ["x/y"] = "2" } } })
	update(400, { source = { type = "nothing" } })
	update(422, { source = { type = "files" } })
	update(422, { source = { type = "files", files = "a" } })
	update(422, { source = { type = "files", files = { 5 } } })
	same(api:head(id), head, "head after refusals")
end

contract.serve({}, function(api)
	test("an overwrite removes what is not listed, the same again makes no commit", check_overwrite, api)
	test("every text comes back as it was", check_texts, api)
	test("a refused overwrite changes nothing", check_shapes, api)
end)
