-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/update of type diff: deletes, then writes, then renames, all or nothing.

local contract = require "contract"
local same, test = contract.same, contract.test

local function write(name, content) return { type = "write", filename = name, content = content } end
local function delete(name) return { type = "delete", filename = name } end
local function rename(old, new) return { type = "rename", old_filename = old, new_filename = new } end

local START = { a = "1", b = "2", ["d/x"] = "3", ["d/y"] = "4" }

-- What a diff makes of a fresh repo.
local function after(api, ...)
	local id = api:create(START)
	local answer = api:diff(id, { ... })
	return api:files(id), answer.changed_files
end

local function refused(api, status, ...)
	local id, head = api:create(START)
	api:diff(id, { ... }, status)
	same(api:files(id), START, "files after a refused diff")
	same(api:head(id), head, "head after a refused diff")
end

local function check_phases(api)
	local files, changed = after(api, write("a", "7"), delete("a"))
	same(files, { a = "7", b = "2", ["d/x"] = "3", ["d/y"] = "4" }, "delete X and write X")
	same(changed, { "a" }, "changed")
	files, changed = after(api, rename("a", "z"), write("a", "7"))
	same(files, { b = "2", ["d/x"] = "3", ["d/y"] = "4", z = "7" }, "write A and rename A")
	same(changed, { "z" }, "changed")
	refused(api, 404, delete("a"), rename("a", "z"))
	refused(api, 404, write("new", "7"), delete("new"))
	files = after(api, write("a", "7"), write("a", "8"), rename("b", "p"), rename("b", "q"))
	same(files, { a = "8", ["d/x"] = "3", ["d/y"] = "4", q = "2" }, "the last write and the last target")
end

local function check_details(api)
	local files, changed = after(api, delete("d/"), write("n/e/w", "5"), rename("a", "n/a"))
	same(files, { b = "2", ["n/a"] = "1", ["n/e/w"] = "5" }, "a folder deleted, parents made")
	same(changed, { "d/x", "d/y", "n/a", "n/e/w" }, "changed")
	same(after(api, rename("a", "b"), rename("b", "a")), { a = "2", b = "1", ["d/x"] = "3", ["d/y"] = "4" }, "a swap")
	same(after(api, delete("d"), write("d", "5")), { a = "1", b = "2", d = "5" }, "a file in place of a folder")
	refused(api, 404, delete("nothing"))
	refused(api, 404, rename("nothing", "z"))
	refused(api, 400, rename("a", "b"))
	refused(api, 400, rename("d", "e"))
	refused(api, 400, write("a/b", "1"))
	refused(api, 400, write("ok", "1"), write("../bad", "1"))
	refused(api, 400, write("ok", "1"), { type = "chmod", filename = "a" })
	refused(api, 422, write("ok", "1"), { type = "write", filename = "a" })
	refused(api, 422, { type = "rename", old_filename = "a" })
	refused(api, 422, { filename = "a" })
end

local function check_noop(api)
	local id, head = api:create(START)
	local answer = api:diff(id, { write("a", "1"), rename("b", "b") })
	same(answer.repo_head, head, "head of a no-op")
	same(answer.changed_files, {}, "changed_files of a no-op")
	same(api:diff(id, {}).repo_head, head, "head of an empty diff")
end

local function check_modes(api)
	local id = api:create { plain = "1" }
	local work = api.folder .. "/modes"
	contract.git(api.folder, { "clone", "--quiet", api:remote(id), work })
	contract.git(work, { "update-index", "--add", "--cacheinfo",
		"100755," .. contract.git(work, { "rev-parse", "HEAD:plain" }).stdout:gsub("\n", "") .. ",run" })
	contract.git(work, { "-c", "user.name=t", "-c", "user.email=t@x", "commit", "--quiet", "-m", "m" })
	contract.git(work, { "push", "--quiet" })
	api:diff(id, { write("run", "2"), rename("plain", "moved") })
	local listing = contract.git(api.data .. "/repos/" .. id .. ".git", { "ls-tree", "-r", "HEAD" }).stdout
	contract.matches(listing, "100755 blob %x+\trun\n", "mode of a replaced file")
	contract.matches(listing, "100644 blob %x+\tmoved\n", "mode of a renamed file")
end

contract.serve({}, function(api)
	test("deletes, then writes, then renames; a failure leaves the head", check_phases, api)
	test("details of deletes and renames, and what is refused", check_details, api)
	test("a diff that changes nothing makes no commit", check_noop, api)
	test("a replaced file keeps its mode", check_modes, api)
end)
