-- SPDX-License-Identifier: Apache-2.0
-- Repos: create, get, list, delete.

local contract = require "contract"
local json = require "epact.json"
local same, test = contract.same, contract.test

local UNKNOWN = "00000000-0000-4000-8000-000000000000"

local function check_life(api)
	local id, head = api:create({ ["src/a.c"] = "int a;\n" }, { name = "de mo", rev = "1" })
	contract.matches(id, "^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", "id")
	contract.matches(head, "^%x+$", "head")
	same(#head, 40, "digits of the head")
	local repo = api:expect(200, "GET", "/repo/" .. id:upper()).json
	same(repo.repo_id, id, "repo_id")
	same(repo.metadata, { name = "de mo", rev = "1" }, "metadata")
	same(repo.auto_index, false, "auto_index")
	same(repo.updated_at, json.null, "updated_at")
	contract.matches(repo.created_at, "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.?%d*Z$", "created_at")
	local filter = "?filter_metadata=%7B%22name%22%3A%22de%20mo%22%7D"
	local found = api:expect(200, "GET", "/repo" .. filter).json
	same(found.total_items, 1, "total_items")
	same(found.items[1].repo_id, id, "found")
	local gone = api:expect(204, "DELETE", "/repo/" .. id)
	same(gone.body, "", "body of 204")
	api:expect(404, "GET", "/repo/" .. id)
	api:expect(404, "DELETE", "/repo/" .. id)
	same(api:expect(200, "GET", "/repo" .. filter).json.total_items, 0, "total_items after the delete")
end

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
	api:expect(422, "GET", "/repo/not-a-uuid")
	api:expect(404, "GET", "/repo/" .. UNKNOWN)
end

contract.serve({}, function(api)
	test("checklist 1: POST /repo without a body gives 201 and a head of 40 digits", check_empty, api)
end)
contract.serve({}, function(api)
	test("checklist 2: create, get, list with a filter, delete, get", check_life, api)
	test("a copy of a repo has its history, and its metadata on request", check_template, api)
end)
contract.serve({}, function(api)
	test("a create that is refused leaves nothing", check_refusals, api)
end)
