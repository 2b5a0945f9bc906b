-- SPDX-License-Identifier: Apache-2.0
-- timeout: 180
-- kill -9 at random moments under load: after the next start every repo is at an old or a new head, complete, and its
-- row says the same. An argument is the number of rounds.

local contract = require "contract"
local fs = require "epact.fs"
local task = require "epact.task"
local same, test = contract.same, contract.test

local KEY = "rlc-" .. ("k"):rep(32)
local ROUNDS = tonumber((...)) or 6
local REPOS = 4

-- All files of version n of a repo hold n: a mixture would show.
local function version(number)
	local files = {}
	for index = 1, 20 do files["f" .. index] = ("%d\n"):format(number):rep(50 * index) end
	return files
end

local function version_in(files)
	local number = tonumber(files.f1:match("%d+"))
	same(files, version(number), "files of one version")
	return number
end

-- Writes versions, by REST and by git in turn, until the server is gone. Returns the last one that was acknowledged.
local function write_on(api, id, from, acknowledged)
	local number = from
	while true do
		number = number + 1
		local body = { source = { type = "files", files = contract.files(version(number)) }, metadata = { version = tostring(number) } }
		local ok, response = pcall(api.call, api, "POST", "/repo/" .. id .. "/update", { body = body })
		if not ok then return end
		same(response.status, 200, "status of an overwrite")
		acknowledged[id] = number
	end
end

-- Pushes to one more repo until the server is gone.
local function push_on(api, id, work)
	local number = 0
	while true do
		number = number + 1
		fs.write(work .. "/pushed", ("push %d\n"):format(number):rep(1000))
		contract.git(work, { "add", "." })
		contract.git(work, { "-c", "user.name=t", "-c", "user.email=t@x", "commit", "--quiet", "--allow-empty", "-m", "m" })
		if contract.git(work, { "push", "--quiet", "--force", api:remote(id), "HEAD:main" }, false).status ~= 0 then return end
	end
end

local function load(child, api, ids, pushed, work, acknowledged, seconds)
	task.scope(function(scope)
		for _, id in ipairs(ids) do
			scope:spawn(function() write_on(api, id, acknowledged[id], acknowledged) end)
		end
		scope:spawn(function() push_on(api, pushed, work) end)
		scope:spawn(function()
			while pcall(api.call, api, "POST", "/repo", { body = { metadata = { stray = "yes" } } }) do end
		end)
		task.sleep(seconds)
		child:kill("KILL")
		child:wait()
	end)
end

local function check_after(data, ids, acknowledged)
	local child <close>, api = contract.spawn(data, KEY)
	for _, id in ipairs(ids) do
		local number = version_in(api:files(id))
		contract.check(number == acknowledged[id] or number == acknowledged[id] + 1, "the old or the new version")
		same(api:expect(200, "GET", "/repo/" .. id).json.metadata.version, tostring(number), "metadata of the version")
		acknowledged[id] = number
		local path = data .. "/repos/" .. id .. ".git"
		for _, entry in ipairs(fs.walk(path)) do
			contract.check(not entry.path:find("%.lock$") and not entry.path:find("tmp_"), "no leftover " .. entry.path)
		end
	end
	same(contract.fsck(data), api:expect(200, "GET", "/repo?page_size=1").json.total_items, "repos on disk")
	same(#fs.list(data .. "/tmp"), 0, "unfinished repos")
end

local function check_crashes(folder)
	local data, work = folder .. "/data", folder .. "/work"
	local ids, acknowledged, pushed = {}, {}, nil
	contract.git(folder, { "init", "--quiet", work })
	do
		local child <close>, api = contract.spawn(data, KEY)
		for index = 1, REPOS do
			ids[index] = api:create(version(0), { version = "0" })
			acknowledged[ids[index]] = 0
		end
		pushed = api:create()
	end
	math.randomseed(os.time())
	for round = 1, ROUNDS do
		local child <close>, api = contract.spawn(data, KEY)
		load(child, api, ids, pushed, work, acknowledged, 0.1 + math.random() * 0.4)
		check_after(data, ids, acknowledged)
		print(("round %d: versions %d to %d"):format(round, acknowledged[ids[1]], acknowledged[ids[REPOS]]))
	end
	contract.check(acknowledged[ids[1]] > 0, "updates were made")
end

local folder <close> = fs.temp_dir { prefix = "crash-" }
test("kill -9 leaves every repo at its old or its new head", check_crashes, folder.path)
