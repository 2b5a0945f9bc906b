-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- kill -9 at random moments under load of all kinds: after the next start what was answered holds, what was not is done
-- whole or not at all. An argument is the number of rounds, a second one the seed.

local contract = require "contract"
local fs = require "epact.fs"
local json = require "epact.json"
local task = require "epact.task"
local same, test = contract.same, contract.test

local KEY = "rlc-" .. ("k"):rep(32)
local ROUNDS, SEED = ...
ROUNDS, SEED = tonumber(ROUNDS) or 6, tonumber(SEED) or os.time()
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

-- The answer, or nil when the server went away; another status than expected is a failure.
local function ask(api, status, ...)
	local ok, response = pcall(api.call, api, ...)
	if not ok then return nil end
	same(response.status, status, "status of " .. table.concat({ ... }, " ", 1, 2))
	return response
end

-- Writes versions until the server is gone. state.acknowledged is the last one that was answered.
local function write_on(api, state, id)
	while true do
		local number = state.acknowledged[id] + 1
		local body = { source = { type = "files", files = contract.files(version(number)) }, metadata = { version = tostring(number) } }
		if not ask(api, 200, "POST", "/repo/" .. id .. "/update", { body = body }) then return end
		state.acknowledged[id] = number
	end
end

-- Pushes to one more repo. state.pushed and state.pushing are its heads.
local function push_on(api, state)
	local work, number = state.work, 0
	while true do
		number = number + 1
		state.pushing = contract.commit(work, "pushed", ("push %d\n"):format(number):rep(1000))
		if contract.git(work, { "push", "--quiet", "--force", api:remote(state.pushed_repo), "HEAD:main" }, false).status ~= 0 then return end
		state.pushed = state.pushing
	end
end

-- Makes things and removes them again, every other one: `there`, `gone`, or `leaving` while nobody knows.
local function come_and_go(api, known, create, path)
	local count = 0
	while true do
		count = count + 1
		local made = create(count)
		if not made then return end
		known[made] = "there"
		if count % 2 == 0 then
			known[made] = "leaving"
			if not ask(api, 204, "DELETE", path .. made) then return end
			known[made] = "gone"
		end
	end
end

local function create_repo(api, count)
	local answer = ask(api, 201, "POST", "/repo", { body = { source = { type = "files", files = contract.files { n = tostring(count) } },
		metadata = { n = tostring(count) } } })
	return answer and answer.json.repo_id
end

local function create_token(api, id)
	local answer = ask(api, 201, "POST", "/repo_token", { body = { name = "t", repo_ids = { id }, ttl_seconds = 3600 } })
	return answer and answer.json.token
end

-- Small changes of one more repo: each file n has to be there when its PUT was answered, and all before it.
local function put_on(api, state)
	while true do
		local number = state.files + 1
		if not ask(api, 201, "PUT", ("/repo/%s/file/n%d"):format(state.small_repo, number), { body = tostring(number) }) then return end
		state.files = number
	end
end

-- A create with a key, sent again after the start, is the same repo.
local function create_with_key(api, state)
	while true do
		state.key = (state.key or 0) + 1
		local answer = ask(api, 201, "POST", "/repo", { body = "{}", headers = { ["Idempotency-Key"] = "k" .. state.key } })
		if not answer then return end
		state.kept = { key = "k" .. state.key, id = answer.json.repo_id }
	end
end

local function load(child, api, state, seconds)
	task.scope(function(scope)
		for _, id in ipairs(state.ids) do scope:spawn(write_on, api, state, id) end
		scope:spawn(push_on, api, state)
		scope:spawn(put_on, api, state)
		scope:spawn(create_with_key, api, state)
		scope:spawn(come_and_go, api, state.repos, function(count) return create_repo(api, count) end, "/repo/")
		scope:spawn(come_and_go, api, state.tokens, function() return create_token(api, state.ids[1]) end, "/repo_token/")
		task.sleep(seconds)
		child:kill("KILL")
		child:wait()
	end)
end

local function check_versions(api, data, state)
	for _, id in ipairs(state.ids) do
		local number, acknowledged = version_in(api:files(id)), state.acknowledged[id]
		contract.check(number == acknowledged or number == acknowledged + 1, "the old or the new version")
		same(api:expect(200, "GET", "/repo/" .. id).json.metadata.version, tostring(number), "metadata of the version")
		state.acknowledged[id] = number
		for _, entry in ipairs(fs.walk(data .. "/repos/" .. id .. ".git")) do
			contract.check(not entry.path:find("%.lock$") and not entry.path:find("tmp_"), "no leftover " .. entry.path)
		end
	end
end

local function check_known(api, known, path)
	for what, is in pairs(known) do
		local status = api:call("GET", path .. what).status
		local expected = is == "there" and 200 or is == "gone" and 404 or status
		same(status, expected, ("status of what is %s"):format(is))
		known[what] = status == 200 and "there" or "gone"
	end
end

local function check_small(api, state)
	local files, count = api:files(state.small_repo), 0
	for name, content in pairs(files) do
		same(name, "n" .. content, "a file")
		count = count + 1
	end
	contract.check(count == state.files or count == state.files + 1, "all files that were answered, and no hole")
	for number = 1, count do same(files["n" .. number], tostring(number), "file " .. number) end
	state.files = count
end

local function check_after(data, state)
	local child <close>, api = contract.spawn(data, KEY)
	same(#fs.list(data .. "/tmp"), 0, "unfinished repos")
	check_versions(api, data, state)
	check_known(api, state.repos, "/repo/")
	check_known(api, state.tokens, "/repo_token/")
	check_small(api, state)
	local head = api:expect(200, "POST", "/repo/" .. state.pushed_repo .. "/update", { body = { source = { type = "diff",
		operations = json.array {} } } }).json.repo_head
	contract.check(head == state.pushed or head == state.pushing, "the old or the new push")
	state.pushed = head
	if state.kept then
		local again = api:expect(201, "POST", "/repo", { body = "{}", headers = { ["Idempotency-Key"] = state.kept.key } })
		same(again.json.repo_id, state.kept.id, "the repo of a key")
	end
	for token, is in pairs(state.tokens) do
		api:expect(is == "there" and 200 or 401, "GET", "/repo/" .. state.ids[1], { token = token })
	end
	same(contract.fsck(data), api:expect(200, "GET", "/repo?page_size=1").json.total_items, "repos on disk")
end

local function prepare(data, folder)
	local child <close>, api = contract.spawn(data, KEY)
	local state = { ids = {}, acknowledged = {}, repos = {}, tokens = {}, files = 0, work = folder .. "/work" }
	contract.git(folder, { "init", "--quiet", state.work })
	for index = 1, REPOS do
		state.ids[index] = api:create(version(0), { version = "0" })
		state.acknowledged[state.ids[index]] = 0
	end
	state.pushed_repo, state.pushed = api:create()
	state.small_repo = api:create()
	return state
end

local function count(known)
	local n = 0
	for _ in pairs(known) do n = n + 1 end
	return n
end

local function has_updates(state)
	return state.acknowledged[state.ids[1]] > 0 and state.files > 0
end

-- On a busy machine a server may die in each round before it has answered an update: then there are more.
local function check_crashes(folder)
	local data = folder .. "/data"
	local state = prepare(data, folder)
	local round = 0
	math.randomseed(SEED)
	repeat
		round = round + 1
		local child <close>, api = contract.spawn(data, KEY)
		load(child, api, state, 0.02 + math.random() * 0.5)
		check_after(data, state)
		print(("round %d: version %d, %d files, %d repos, %d tokens"):format(round, state.acknowledged[state.ids[1]], state.files,
			count(state.repos), count(state.tokens)))
	until round >= ROUNDS and has_updates(state) or round == 5 * ROUNDS
	contract.check(has_updates(state), "updates were made")
end

print("seed", SEED)
local folder <close> = fs.temp_dir { prefix = "crash-" }
test("kill -9 leaves what was answered, and nothing half done", check_crashes, folder.path)
