-- SPDX-License-Identifier: Apache-2.0
-- What epact.relace reads piece by piece, from the local server: searches, a repo as JSON.
local check = require "check"
local contract = require "contract"
local fs = require "epact.fs"
local relace = require "epact.relace"

contract.serve({}, function(api)
	local client = relace.client { api_key = api.key, base_url = api.url }
	local files = {}
	for i = 1, 300 do files[i] = { filename = ("src/f%03d.c"):format(i), content = ("int f%d;\n"):format(i):rep(i) } end
	files[301] = { filename = "src/needle.c", content = "int haystack;\nint needle;\n" }
	local repo = client.repo:create { source = { type = "files", files = files } }

	check.case("a search", function()
		local names = {}
		for event in client.repo:search(repo, { query = "needle" }) do names[#names + 1] = event.event end
		check.equal({ names[1], names[#names] }, { "started", "done" })
		local report = client.repo:search(repo, { query = "needle" }):report()
		check.equal(report.files["src/needle.c"] ~= nil, true)
		for _ in client.repo:search(repo, { query = "needle" }) do break end
		check.fails("not_found", client.repo.agent, client.repo, repo, { agent_name = "nobody", agent_inputs = { query = "x" } })
	end)

	check.case("a repo as JSON", function()
		check.equal(client.repo:clone(repo):collect(), files)
		local head = client.repo:update(repo, { source = { type = "files", files = {} } })
		check.equal(client.repo:clone(repo):collect(), {})
		check.equal(#client.repo:clone(repo, { commit = repo.repo_head }):collect(), 301)
		check.fails("not_found", client.repo.clone, client.repo, repo, { commit = ("0"):rep(40) })
		for file in client.repo:clone(repo, { commit = repo.repo_head }) do
			check.equal(file, files[1])
			break
		end
		check.ok(head)
	end)

	check.case("single files", function()
		local work <close> = fs.temp_dir()
		local file, path = client.repo.file, work.path .. "/file"
		local bytes = ("\0\1\xff\n"):rep(1 << 20)
		fs.write(path, bytes)
		for name, content in pairs { ["dir/a b.bin"] = bytes, empty = "", ["from disk"] = { file = path } } do
			local answer = file:upload(repo, name, content)
			check.equal({ answer.repo_id, answer.changed_files }, { repo.repo_id, { name } })
			check.ok(file:download(repo, name) == (content == "" and "" or bytes), name)
		end
		local pieces = { "one ", "two ", "three" }
		file:upload(repo, "pieces", function() return table.remove(pieces, 1) end)
		check.equal(file:download(repo, "pieces"), "one two three")
		local saved = file:download(repo, "dir/a b.bin", { to = path .. "2" })
		check.equal(saved.bytes, #bytes)
		check.ok(saved.etag and fs.read(path .. "2") == bytes)
		local stream <close> = file:download(repo, "dir/a b.bin", { stream = true })
		check.equal(stream:read(4), "\0\1\xff\n")
		check.equal(file:delete(repo, "pieces").changed_files, { "pieces" })
		check.equal(file:delete(repo, "pieces"), nil)
		check.fails("not_found", file.download, file, repo, "pieces")
	end)
end)

check.done()
