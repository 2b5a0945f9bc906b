-- SPDX-License-Identifier: Apache-2.0
-- POST /repo: empty, from files, from another repo.

local contract = require "contract"
local json = require "epact.json"
local same, test = contract.same, contract.test

local UNKNOWN = "00000000-0000-4000-8000-000000000000"

local function check_empty(api)
	local response = api:expect(201, "POST", "/repo", { body = "" })
	contract.matches(response.json.repo_head, "^%x+$", "head")
	same(#response.json.repo_head, 40, "digits of the head")
	same(api:files(response.json.repo_id), {}, "files")
	api:expect(201, "POST", "/repo", { body = "{}" })
	api:expect(201, "POST", "/repo", { body = { source = json.null, metadata = json.null, name = "ignored" } })
end

local function check_template(api)
	local template = api:create({ a = "1", b = "2" }, { name = "template", kind = "t" })
	api:diff(template, { { type = "write", filename = "a", content = "3" } })
	local function copy(source, metadata)
		source.type, source.repo_id = "relace", template
		return api:expect(201, "POST", "/repo", { body = { source = source, metadata = metadata } }).json
	end
	local plain = copy {}
	same(plain.repo_head, api:head(template), "head of the copy")
	same(api:expect(200, "GET", "/repo/" .. plain.repo_id).json.metadata, json.null, "metadata")
	local merged = copy({ copy_metadata = true }, { name = "mine" })
	same(api:expect(200, "GET", "/repo/" .. merged.repo_id).json.metadata, { kind = "t", name = "mine" }, "merged metadata")
	api:overwrite(plain.repo_id, { z = "9" })
	same(api:files(template), { a = "3", b = "2" }, "files of the template")
	api:expect(204, "DELETE", "/repo/" .. template)
	same(api:files(merged.repo_id), { a = "3", b = "2" }, "files of a copy whose template is gone")
	api:expect(404, "POST", "/repo", { body = { source = { type = "relace", repo_id = UNKNOWN } } })
end

local function check_refusals(api)
	local function create(status, body) return api:expect(status, "POST", "/repo", { body = body }).json end
	create(400, "{")
	create(400, '{"a":1} x')
	create(422, "[]")
	same(create(422, { source = { files = json.array {} } }).detail[1].loc, { "body", "source", "type" }, "loc")
	create(422, { source = { type = "diff", operations = json.array {} } })
	create(422, { source = "files" })
	create(422, { source = { type = "files" } })
	create(422, { source = { type = "files", files = { a = 1 } } })
	create(422, { source = { type = "files", files = { { filename = "a" } } } })
	create(422, { source = { type = "files", files = { { filename = "a", content = 5 } } } })
	create(400, { source = { type = "files", files = { { filename = "../a", content = "" } } } })
	create(400, { source = { type = "files", files = contract.files { a = "", ["a/b"] = "" } } })
	create(422, { metadata = { a = 1 } })
	create(422, { metadata = json.array { "a" } })
	create(422, { auto_index = "yes" })
	create(422, { source = { type = "git", url = "https://example.invalid/a.git" } })
	same(api:expect(200, "GET", "/repo").json.total_items, 0, "repos left by refused creates")
end

local function check_answer(api)
	local made = api:expect(201, "POST", "/repo", { body = { auto_index = true, source = { type = "files",
		files = contract.files { ["src/a.c"] = "int a;\n" } }, metadata = { name = "demo" }, unknown = 1 } })
	contract.matches(made.headers["content-type"], "^application/json", "type")
	contract.matches(made.json.repo_id, "^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", "repo_id")
	same(made.json.repo_id, made.json.repo_id:lower(), "letters of the repo_id")
	contract.matches(made.json.repo_head, "^" .. ("[0-9a-f]"):rep(40) .. "$", "repo_head")
	same(made.json.changed_files, nil, "changed_files")
	same(api:expect(200, "GET", "/repo/" .. made.json.repo_id).json.auto_index, true, "auto_index")
	local log = contract.git(api.data .. "/repos/" .. made.json.repo_id .. ".git", { "log", "--format=%an <%ae> %P" }).stdout
	same(log, "Relace <noreply@relace.ai> \n", "one commit")
end

local function check_callers(api)
	local token = api:token { (api:create()) }
	same(api:expect(401, "POST", "/repo", { token = false, body = "{}" }).json.code, "missing_api_key", "code")
	api:expect(401, "POST", "/repo", { token = "rlc-x", body = "{}" })
	same(api:expect(403, "POST", "/repo", { token = token, body = "{}" }).json.code, "insufficient_permissions", "code")
	same(api:expect(405, "PUT", "/repo", { body = "{}" }).headers.allow, "GET, POST", "Allow")
	api:expect(404, "POST", "/repo/", { body = "{}" })
	api:expect(400, "POST", "/repo", { body = "{}", headers = { ["Content-Encoding"] = "gzip" } })
end

contract.serve({}, function(api)
	test("a repo without files has a commit", check_empty, api)
	test("the answer is the id and the head", check_answer, api)
	test("only the owner may make one", check_callers, api)
end)
contract.serve({}, function(api)
	test("a copy of a repo has its history, and its metadata on request", check_template, api)
end)
contract.serve({}, function(api)
	test("a create that is refused leaves nothing", check_refusals, api)
end)
