-- SPDX-License-Identifier: Apache-2.0
-- timeout: 180
-- Plans: what an update by a folder would change, and sending just that, against the local server.
local check = require "check"
local contract = require "contract"
local errors = require "epact.error"
local fs = require "epact.fs"
local process = require "epact.process"
local relace = require "epact.relace"
local task = require "epact.task"

local function write(path, bytes)
	fs.mkdir(path:match "^(.*)/", { parents = true })
	local file <close> = assert(io.open(path, "wb"))
	file:write(bytes)
end

local function fill(folder, by_name)
	for name, bytes in pairs(by_name) do write(folder .. "/" .. name, bytes) end
end

local function remove(path) fs.remove(path, { recursive = true }) end

-- The names of a list of a plan.
local function names(list)
	local out = {}
	for i, entry in ipairs(list) do
		out[i] = entry.filename or (entry.old_filename .. " -> " .. entry.new_filename)
	end
	table.sort(out)
	return out
end

local function check_plan(plan, expected)
	for _, kind in ipairs { "added", "changed", "deleted", "renamed", "left_out" } do
		check.equal(names(plan[kind]), expected[kind] or {}, kind)
	end
end

-- A folder of the test's own, and a repo with the same content.
local function with_repo(api, by_name, fn)
	local folder <close> = fs.temp_dir { prefix = "plan-" }
	local client = relace.client { api_key = api.key, base_url = api.url }
	fill(folder.path, by_name)
	local repo = client.repo:create { source = { type = "files", directory = folder.path, skip_binary = true } }
	fn(client, repo.repo_id, folder.path, repo)
end

local PLAIN = { ["a.txt"] = "alpha\n", ["b/one"] = "one\n", ["b/two"] = "two\n", ["empty"] = "" }

contract.serve({}, function(api)

	check.case("nothing to do", function()
		with_repo(api, PLAIN, function(client, id, folder, repo)
			local plan <close> = client.repo:plan(id, folder)
			check_plan(plan, {})
			check.equal({ plan.empty, plan.head, plan.bytes, plan.unchanged, plan.repo_id }, { true, repo.repo_head, 0, 4, id })
			check.contains(tostring(plan), "nothing to do")
			-- Not even a broken server is noticed.
			api.server:set_faults { "* /**: 503" }
			local result = client.repo:apply(plan, { max_retries = 0 })
			api.server:set_faults {}
			check.equal({ result.repo_head, result.changed_files, result.bytes }, { repo.repo_head, {}, 0 })
		end)
	end)

	check.case("what changed", function()
		with_repo(api, PLAIN, function(client, id, folder, repo)
			write(folder .. "/a.txt", "alpha beta\n")
			write(folder .. "/c/d/new file ü\"'", "new\n")
			os.rename(folder .. "/b/one", folder .. "/moved")
			remove(folder .. "/b")
			local plan <close> = client.repo:plan({ repo_id = id }, folder)
			check_plan(plan, { added = { "c/d/new file ü\"'" }, changed = { "a.txt" }, deleted = { "b/two" },
				renamed = { "b/one -> moved" } })
			check.equal({ plan.unchanged, plan.changed[1].size, plan.renamed[1].size, plan.method }, { 1, 11, 4, "overwrite" })
			local result = client.repo:apply(plan)
			check.equal(result.changed_files, { "a.txt", "b/one", "b/two", "c/d/new file ü\"'", "moved" })
			check.ok(result.repo_head ~= repo.repo_head)
			check.equal(api:files(id), { ["a.txt"] = "alpha beta\n", ["c/d/new file ü\"'"] = "new\n", empty = "", moved = "one\n" })
			check.equal(client.repo:plan(id, folder).empty, true)
		end)
	end)

	check.case("three edits among 5,000 files", function()
		local by_name, total = {}, 0
		for i = 1, 5000 do
			local content = ("%d: %s\n"):format(i, ("x"):rep(i % 700))
			by_name[("d%02d/f%04d.txt"):format(i % 50, i)] = content
			total = total + #content
		end
		with_repo(api, by_name, function(client, id, folder)
			write(folder .. "/d01/f0001.txt", "edited\n")
			write(folder .. "/d02/f0002.txt", "edited too\n")
			remove(folder .. "/d03/f0003.txt")
			local began = task.now()
			local plan <close> = client.repo:plan(id, folder)
			local planned = task.now() - began
			check_plan(plan, { changed = { "d01/f0001.txt", "d02/f0002.txt" }, deleted = { "d03/f0003.txt" } })
			check.equal(plan.method, "diff")
			local result = client.repo:apply(plan)
			print(("5,000 files, %d bytes: planned in %.2f s, %d bytes sent"):format(total, planned, result.bytes))
			check.ok(result.bytes * 100 < total)
			check.equal(result.changed_files, { "d01/f0001.txt", "d02/f0002.txt", "d03/f0003.txt" })
			check.equal(client.repo:plan(id, folder).empty, true)
		end)
	end)

	check.case("the smaller body is sent", function()
		with_repo(api, {}, function(client, id, folder)
			fill(folder, PLAIN)
			local plan = client.repo:plan(id, folder)
			check.equal(plan.method, "overwrite")
			check.equal(client.repo:apply(plan).method, "overwrite")
			check.equal(api:files(id), PLAIN)
			write(folder .. "/large", ("x"):rep(5000))
			client.repo:apply(client.repo:plan(id, folder))
			os.rename(folder .. "/large", folder .. "/larger")
			plan = client.repo:plan(id, folder)
			check.equal({ plan.method, names(plan.renamed) }, { "diff", { "large -> larger" } })
			check.ok(plan.bytes < 200)
			client.repo:apply(plan)
			-- All goes: an empty overwrite is what says so.
			for _, entry in ipairs(fs.list(folder)) do remove(folder .. "/" .. entry.name) end
			plan = client.repo:plan(id, folder)
			check.equal(plan.method, "overwrite")
			client.repo:apply(plan)
			check.equal(api:files(id), {})
		end)
	end)

	check.case("what is binary stays as it is", function()
		with_repo(api, PLAIN, function(client, id, folder)
			local function put(name, bytes) api:expect(201, "PUT", ("/repo/%s/file/%s"):format(id, name), { body = bytes }) end
			put("same.bin", "\0same")
			put("other.bin", "\0theirs")
			put("gone.bin", "\0gone")
			fill(folder, { ["same.bin"] = "\0same", ["other.bin"] = "\0ours", ["new.bin"] = "\0new", ["latin.txt"] = "caf\xe9\n" })
			write(folder .. "/empty", "no more\n")
			local plan = client.repo:plan(id, folder)
			check_plan(plan, { changed = { "empty" }, deleted = { "gone.bin" }, left_out = { "latin.txt", "new.bin", "other.bin", "same.bin" } })
			local remote = {}
			for _, left in ipairs(plan.left_out) do
				check.equal(left.reason, "binary")
				remote[left.filename] = left.remote
			end
			check.equal(remote, { ["latin.txt"] = "missing", ["new.bin"] = "missing", ["other.bin"] = "different", ["same.bin"] = "same" })
			local e = check.fails("invalid_argument", client.repo.apply, client.repo, plan)
			check.contains(e.message, "3 of the files")
			check.contains(e.message, "other.bin (binary)")
			check.lacks(e.message, "same.bin")
			check.equal(client.repo:apply(plan, { skip_binary = true }).method, "diff")
			for name, bytes in pairs { ["same.bin"] = "\0same", ["other.bin"] = "\0theirs", empty = "no more\n" } do
				check.equal(api:expect(200, "GET", ("/repo/%s/file/%s"):format(id, name)).body, bytes)
			end
			api:expect(404, "GET", ("/repo/%s/file/gone.bin"):format(id))
			-- Binary that is there already is no reason to refuse; nor to overwrite it away.
			for _, name in ipairs { "other.bin", "new.bin", "latin.txt" } do remove(folder .. "/" .. name) end
			for i = 1, 3 do write(folder .. "/a.txt", ("%d"):format(i)) end
			plan = client.repo:plan(id, folder)
			check_plan(plan, { changed = { "a.txt" }, deleted = { "other.bin" }, left_out = { "same.bin" } })
			check.equal(client.repo:apply(plan).method, "diff")
		end)
	end)

	check.case("links, repositories and files that become folders", function()
		with_repo(api, { ["was/file"] = "x\n", same = "s\n", folder = "f\n", keep = "k\n" }, function(client, id, folder)
			local work = api.folder .. "/links"
			contract.git(api.folder, { "clone", "--quiet", api:remote(id), work })
			process.run { "ln", "-s", "keep", work .. "/link" }
			process.run { "ln", "-s", "keep", work .. "/becomes" }
			contract.git(work, { "-c", "user.name=t", "-c", "user.email=t@t", "add", "-A" })
			contract.git(work, { "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "links" })
			contract.git(work, { "push", "--quiet" })
			remove(work)
			process.run { "ln", "-s", "keep", folder .. "/link" }
			write(folder .. "/becomes", "a file\n")
			remove(folder .. "/was")
			write(folder .. "/was", "x\n") -- the content of what was below
			remove(folder .. "/folder")
			write(folder .. "/folder/inside", "f\n")
			local plan = client.repo:plan(id, folder)
			check_plan(plan, { added = { "folder/inside", "was" }, changed = { "becomes" }, deleted = { "folder", "was/file" }, left_out = { "link" } })
			check.equal(plan.left_out[1], { filename = "link", reason = "symlink", remote = "same" })
			client.repo:apply(plan)
			plan = client.repo:plan(id, folder)
			check.equal({ plan.empty, plan.left_out[1].remote }, { true, "same" }) -- the link is still there
			check.equal(api:files(id), { becomes = "a file\n", ["folder/inside"] = "f\n", keep = "k\n", same = "s\n", was = "x\n" })
		end)
	end)

	check.case("git's rules say what belongs to a work tree", function()
		with_repo(api, PLAIN, function(client, id, folder)
			contract.git(folder, { "init", "--quiet" })
			fill(folder, { [".gitignore"] = "*.log\n", ["x.log"] = "noise\n" })
			local plan = client.repo:plan(id, folder)
			check_plan(plan, { added = { ".gitignore" } })
			client.repo:apply(plan)
		end)
	end)

	check.case("a repo that moved is left alone", function()
		with_repo(api, PLAIN, function(client, id, folder)
			write(folder .. "/a.txt", "mine\n")
			local plan = client.repo:plan(id, folder)
			local theirs = client.repo:update(id, { source = { type = "diff", operations = { { type = "write", filename = "t", content = "t" } } } })
			local e = check.fails("conflict", client.repo.apply, client.repo, plan)
			check.contains(e.message, theirs.repo_head)
			check.contains(e.message, "nothing was sent")
			check.equal(e.retryable, true)
			check.equal(api:files(id)["a.txt"], "alpha\n")
			client.repo:apply(client.repo:plan(id, folder))
			check.equal(api:files(id)["a.txt"], "mine\n")
			check.equal(api:files(id).t, nil)
			check.fails("conflict", client.repo.apply, client.repo, plan) -- it was for an older head
		end)
	end)

	check.case("a folder that changed is not sent", function()
		with_repo(api, PLAIN, function(client, id, folder, repo)
			write(folder .. "/a.txt", "first\n")
			local plan = client.repo:plan(id, folder)
			write(folder .. "/a.txt", "second, longer\n")
			check.contains(check.fails("conflict", client.repo.apply, client.repo, plan).message, "a.txt changed")
			check.equal(api:head(id), repo.repo_head)
		end)
	end)

	check.case("lost answers", function()
		for _, size in ipairs { 10, 100000 } do -- a small overwrite, which may be repeated; a diff, which may not
			with_repo(api, { large = ("x"):rep(size), ["a.txt"] = "a\n" }, function(client, id, folder, repo)
				local method = size == 10 and "overwrite" or "diff"
				write(folder .. "/b.txt", "b\n")
				write(folder .. "/a.txt", "b\n")
				local changed = { "a.txt", "b.txt" }
				if size == 10 then
					remove(folder .. "/large")
					changed[3] = "large"
				end
				local plan = client.repo:plan(id, folder)
				check.equal(plan.method, method)
				-- Nothing was done: the repo shows it.
				api.server:set_faults { "POST /repo/*/update: drop before" }
				local e = check.fails("connection", client.repo.apply, client.repo, plan, { max_retries = 0 })
				check.contains(e.message, "it was not carried out")
				check.equal(e.retryable, true)
				api.server:set_faults {}
				check.equal(api:head(id), repo.repo_head)
				-- It was done, and the answer is lost.
				api.server:set_faults { "POST /repo/*/update: drop after" }
				local result = client.repo:apply(plan, { max_retries = 0 })
				api.server:set_faults {}
				check.equal({ result.confirmed, result.method, result.repo_head, result.changed_files },
					{ true, method, api:head(id), changed })
				check.equal(api:files(id)["a.txt"], "b\n")
			end)
		end
		-- Somebody else came between.
		with_repo(api, PLAIN, function(client, id, folder)
			write(folder .. "/a.txt", "mine\n")
			local plan = client.repo:plan(id, folder)
			api.server:set_faults { "POST /repo/*/update: delay 600ms and drop before" }
			local t = task.spawn(function()
				return check.fails("conflict", client.repo.apply, client.repo, plan, { max_retries = 0 })
			end)
			repeat task.sleep(0.01) until client:rate().under_way > 0 -- the head has been looked at
			api:expect(201, "PUT", ("/repo/%s/file/theirs"):format(id), { body = "theirs" })
			check.contains(t:await().message, "not to what was planned")
			api.server:set_faults {}
		end)
		-- It can't be looked at either: the first failure is what counts.
		with_repo(api, PLAIN, function(client, id, folder)
			write(folder .. "/large", ("x"):rep(1000))
			client.repo:apply(client.repo:plan(id, folder))
			write(folder .. "/a.txt", "mine\n")
			local plan = client.repo:plan(id, folder)
			check.equal(plan.method, "diff")
			api.server:set_faults { "POST /repo/*/update: drop after", "* /repo/*.git/**: pass x3, then 500" }
			check.fails("in_doubt", client.repo.apply, client.repo, plan)
			api.server:set_faults {}
		end)
	end)

	check.case("with a token", function()
		with_repo(api, PLAIN, function(client, id, folder)
			local token <close> = client.repo_token:create { name = "t", repo_ids = { id } }
			local agent = client:with(token)
			write(folder .. "/a.txt", "by a token\n")
			agent.repo:apply(agent.repo:plan(id, folder))
			check.equal(api:files(id)["a.txt"], "by a token\n")
			local other = client.repo:create()
			check.fails("permission", agent.repo.plan, agent.repo, other, folder)
		end)
	end)

	check.case("without git", function()
		local folder <close> = fs.temp_dir { prefix = "plan-" }
		local client = relace.client { api_key = api.key, base_url = api.url }
		fill(folder.path, PLAIN)
		local repo = client.repo:create { source = { type = "files", directory = folder.path } }
		api:expect(201, "PUT", ("/repo/%s/file/theirs.bin"):format(repo.repo_id), { body = "\0" })
		write(folder.path .. "/a.txt", "mine\n")
		remove(folder.path .. "/b/one")
		local script = folder.path .. ".lua"
		write(script, ([[
			local client = require("epact.relace").client { api_key = %q, base_url = %q }
			local plan = client.repo:plan(%q, %q)
			assert(plan.head == nil and #plan.changed == 1 and #plan.deleted == 1, tostring(plan))
			assert(plan.method == "diff") -- an overwrite might delete what it can't see
			local result = client.repo:apply(plan)
			assert(#result.changed_files == 2)
			local ok, err = pcall(client.repo.apply, client.repo, plan)
			assert(not ok and err.code == "conflict", tostring(err))
			print(client.repo:plan(%q, %q))
		]]):format(api.key, api.url, repo.repo_id, folder.path, repo.repo_id, folder.path))
		local out = process.run({ os.getenv "EPACT_BIN", "run", script }, { env = { PATH = "/nonexistent" } })
		remove(script)
		check.contains(out.stdout, "nothing to do")
		check.equal(api:files(repo.repo_id), { ["a.txt"] = "mine\n", ["b/two"] = "two\n", empty = "" })
		api:expect(200, "GET", ("/repo/%s/file/theirs.bin"):format(repo.repo_id))
	end)

	check.case("wrong arguments", function()
		local client = relace.client { api_key = api.key, base_url = api.url }
		with_repo(api, PLAIN, function(_, id, folder)
			check.fails("the folder must be a string", client.repo.plan, client.repo, id)
			check.fails("unknown option 'time'", client.repo.plan, client.repo, id, folder, { time = 1 })
			check.fails("repo_id", client.repo.plan, client.repo, "", folder)
			check.fails("not_found", client.repo.plan, client.repo, id, folder .. "/nowhere")
			check.fails("not_found", client.repo.plan, client.repo, "00000000-0000-4000-8000-000000000000", folder)
			check.fails("a plan of repo:plan is expected", client.repo.apply, client.repo, {})
			write(folder .. "/a.txt", "x")
			local plan = client.repo:plan(id, folder)
			check.fails("skip_binary", client.repo.apply, client.repo, plan, { skip_binary = 1 })
			check.fails("unknown option 'timout'", client.repo.apply, client.repo, plan, { timout = 1 })
			plan:close()
			check.fails("closed", client.repo.apply, client.repo, plan)
			check.equal(api:files(id)["a.txt"], "alpha\n")
			check.ok(errors.is(select(2, pcall(client.repo.apply, client.repo, plan))))
		end)
	end)

	-- Random edits of random trees: afterwards the repo is the folder.
	check.case("property: a plan makes the repo what the folder is", function()
		local seed = os.time()
		print("seed", seed)
		math.randomseed(seed)
		local parts = { "a", "b", "c", "dir", "ü", "with space", "x.txt" }
		local function random_name()
			local name = {}
			for i = 1, math.random(3) do name[i] = parts[math.random(#parts)] end
			return table.concat(name, "/")
		end
		local function random_content()
			return ("%d\n"):format(math.random(20)):rep(math.random(0, 60))
		end
		-- A folder in the way of a file makes place for it, and the other way round.
		local function put(files, name, content)
			for other in pairs(files) do
				if other:sub(1, #name + 1) == name .. "/" or name:sub(1, #other + 1) == other .. "/" then files[other] = nil end
			end
			files[name] = content
		end
		local function edit(files)
			local list = {}
			for name in pairs(files) do list[#list + 1] = name end
			table.sort(list)
			for _ = 1, math.random(0, 6) do
				local name = list[math.random(math.max(#list, 1))]
				local kind = math.random(4)
				if kind == 1 or not name or not files[name] then
					put(files, random_name(), random_content())
				elseif kind == 2 then
					files[name] = random_content()
				elseif kind == 3 then
					files[name] = nil
				else
					local content = files[name]
					files[name] = nil
					put(files, random_name(), content)
				end
			end
		end
		local client = relace.client { api_key = api.key, base_url = api.url }
		for _ = 1, 3 do
			local files = {}
			for _ = 1, 25 do put(files, random_name(), random_content()) end
			local repo = client.repo:create { source = { type = "files", files = contract.files(files) } }
			for _ = 1, 4 do
				edit(files)
				local folder <close> = fs.temp_dir { prefix = "plan-" }
				fill(folder.path, files)
				local plan <close> = client.repo:plan(repo, folder.path)
				client.repo:apply(plan)
				check.equal(api:files(repo.repo_id), files, tostring(plan))
				check.equal(client.repo:plan(repo, folder.path).empty, true)
			end
		end
	end)
end)

check.done()
