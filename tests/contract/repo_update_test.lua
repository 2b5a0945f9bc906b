-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/update: what all its forms have in common; each has a file of its own.

local contract = require "contract"
local json = require "epact.json"
local same, test = contract.same, contract.test

local function check_metadata(api)
	local id, head = api:create({ a = "1" }, { name = "x", kept = "no" })
	local function update(status, body) return api:expect(status, "POST", "/repo/" .. id .. "/update", { body = body }).json end
	same(update(422, {}).code, "missing_required_field", "code")
	update(422, { source = json.null, metadata = json.null })
	local answer = update(200, { metadata = { rev = "2" } })
	same(answer.repo_head, head, "head after metadata alone")
	same(answer.changed_files, {}, "changed_files after metadata alone")
	local repo = api:expect(200, "GET", "/repo/" .. id).json
	same(repo.metadata, { rev = "2" }, "all keys replaced")
	contract.check(repo.updated_at >= repo.created_at, "updated_at moves")
	update(200, { source = { type = "files", files = contract.files { a = "2" } }, metadata = { rev = "3" } })
	same(api:expect(200, "GET", "/repo/" .. id).json.metadata, { rev = "3" }, "metadata beside files")
	update(200, { metadata = {} })
	same(api:expect(200, "GET", "/repo/" .. id).json.metadata, {}, "cleared metadata")
	update(422, { metadata = { a = 1 } })
end

local function check_shapes(api)
	local id, head = api:create { a = "1" }
	local function update(status, body) return api:expect(status, "POST", "/repo/" .. id .. "/update", { body = body }).json end
	update(400, "{")
	same(update(400, "nonsense").code, "validation_error", "code")
	same(update(422, "[]").detail[1].loc, { "body" }, "loc")
	same(update(422, "").detail[1].loc, { "body", "source" }, "loc")
	same(update(422, { source = {} }).detail[1].loc, { "body", "source", "type" }, "loc")
	update(422, { source = { type = 5 } })
	update(422, { source = "files" })
	same(update(400, { source = { type = "relace", repo_id = id } }).code, "invalid_parameter", "code")
	update(422, { source = { type = "files" }, metadata = { a = "b" } })
	update(422, { source = { type = "files", files = json.array {} }, metadata = { a = 1 } })
	same(api:expect(200, "GET", "/repo/" .. id).json.metadata, json.null, "metadata after refusals")
	same(api:head(id), head, "head after refusals")
	local answer = update(200, { source = { type = "files", files = contract.files { a = "2" } }, unknown = { 1 } })
	same(answer.changed_files, { "a" }, "changed_files")
	contract.matches(answer.repo_head, "^" .. ("[0-9a-f]"):rep(40) .. "$", "repo_head")
	same(answer.repo_id, id, "repo_id")
end

local function check_unsafe_paths(api)
	local id, head = api:create { a = "1" }
	for _, name in ipairs { "", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", ".git/config", "a/.GIT", "a\\b", "a\nb", "a\0b", "\127",
		("x"):rep(256), ("x/"):rep(2100) .. "x" } do
		local source = { type = "files", files = { { filename = name, content = "x" } } }
		same(api:expect(400, "POST", "/repo/" .. id .. "/update", { body = { source = source } }).json.code, "invalid_parameter", "code")
		api:diff(id, { { type = "write", filename = name, content = "x" } }, 400)
		api:diff(id, { { type = "rename", old_filename = "a", new_filename = name } }, 400)
	end
	same(api:head(id), head, "head after refusals")
	api:overwrite(id, { [("x"):rep(255)] = "1", ["...a"] = "2", [".gitignore"] = "*", [".github/x"] = "3" })
	same(api:files(id)[".github/x"], "3", "names that only look like it, and ignored files")
end

contract.serve({}, function(api)
	test("an update of nothing is 422, metadata alone keeps the head", check_metadata, api)
	test("what is no update is refused", check_shapes, api)
	test("unsafe paths are 400 in every form", check_unsafe_paths, api)
	test("who may update", api.guard, api, "POST", "/repo/%s/update", "POST", { body = { metadata = { a = "b" } } })
end)
