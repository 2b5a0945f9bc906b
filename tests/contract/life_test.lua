-- SPDX-License-Identifier: Apache-2.0
-- A server's start and end: its data folder, its key, its log, what it packs and what it cleans.

local contract = require "contract"
local fs = require "epact.fs"
local process = require "epact.process"
local server = require "epact.server"
local task = require "epact.task"
local same, test = contract.same, contract.test

local function check_folder(folder)
	local data = folder .. "/new/data"
	local key
	do
		local first <close> = server.start { data = data }
		key = first.api_key:reveal()
		contract.matches(key, "^rlc%-%x+$", "key")
		same(#key, 36, "length of the key")
		same(fs.stat(data .. "/api-key").mode, tonumber("600", 8), "mode of the key's file")
		local ok, failure = pcall(server.start, { data = data })
		contract.check(not ok and failure.code == "busy", "a second server is refused")
		contract.matches(tostring(failure), "another server", "message")
	end
	local again <close> = server.start { data = data }
	same(again.api_key:reveal(), key, "key of the next start")
	contract.matches(tostring(again.api_key), "%*", "a masked key")
	contract.matches(select(2, pcall(server.start, { data = data, prot = 1 })), "unknown option 'prot'.*port", "unknown option")
	contract.matches(select(2, pcall(server.start, {})), "'data'", "missing option")
	contract.matches(select(2, pcall(server.start, { data = 5 })), "must be of type string", "wrong type")
	for name, value in pairs { port = 65536, max_file = 0, rate_limit = 0, rate_window = -1, grace = 0 / 0, lock_wait = -1, push_wait = 0 / 0,
		keep_alive = 0, pack_every = 0 } do
		local ok, err = pcall(server.start, { data = data .. "-none", [name] = value })
		contract.same(ok, false, name)
		contract.matches(err, "option '" .. name .. "' must be", "out of range")
	end
	for _, name in ipairs { "", "a b", "../x", "-x", "x.lock" } do
		contract.matches(select(2, pcall(server.start, { data = folder .. "/other", default_branch = name })), "not the name of a branch", name)
	end
end

-- An empty one would let in whoever gives git no password.
local function check_keys(folder)
	local data = folder .. "/keys"
	for _, key in ipairs { "", " ", "rlc-a b", "rlc-a\n" } do
		contract.matches(tostring(select(2, pcall(server.start, { data = data, api_key = key }))), "^the API key that was given is", "message")
	end
	fs.write(data .. "/api-key", "\n")
	contract.matches(tostring(select(2, pcall(server.start, { data = data }))), "^the API key in .*/api%-key is empty", "message")
end

local function check_recovery(folder)
	local data = folder .. "/recovery"
	local id
	do
		local child <close>, api = contract.spawn(data, "rlc-key")
		id = api:create { a = "1" }
		child:kill "KILL"
		child:wait()
	end
	fs.mkdir(data .. "/repos/00000000-0000-4000-8000-000000000000.git/objects", { parents = true })
	fs.mkdir(data .. "/tmp/half", { parents = true })
	local child <close>, api = contract.spawn(data, "rlc-key")
	same(#fs.list(data .. "/repos"), 1, "repos on disk")
	same(#fs.list(data .. "/tmp"), 0, "leftovers")
	same(api:files(id), { a = "1" }, "files")
end

-- Ends in time, with what runs answered, although connections are kept open.
local function check_end(folder)
	local data = folder .. "/ends"
	local child <close>, api = contract.spawn(data, "rlc-key")
	local id = api:create()
	local large = contract.noise(3)
	task.scope(function(scope)
		local answer = scope:spawn(api.call, api, "PUT", "/repo/" .. id .. "/file/large", { body = large })
		task.sleep(0.05)
		child:kill "TERM"
		local status = answer:await().status
		contract.check(status == 201 or status == 503, "a running request is answered")
	end)
	local ended = task.timeout(5, child.wait, child)
	same(ended.status, 143, "exit status")
	same(contract.fsck(data), 1, "repos")
end

local function check_log(folder)
	local binary = require "epact.env".require "EPACT_BIN"
	local child <close> = process.spawn({ binary, "serve", "--data", folder .. "/log" }, {
		env = { RELACE_API_KEY = "rlc-" .. ("s"):rep(32), EPACT_LOG = "debug" },
		stdout = "pipe",
		stderr = "pipe",
	})
	local api = contract.client(child.stdout:lines()():match "^ready (%S+)$", "rlc-" .. ("s"):rep(32))
	local lines = {}
	local reader = task.spawn(function()
		for line in child.stderr:lines() do lines[#lines + 1] = line end
	end)
	local id = api:create { a = "1" }
	local token = api:token { id }
	api:expect(200, "GET", "/repo_token/" .. token)
	contract.git(folder, { "ls-remote", api:remote(id, token) })
	api:expect(204, "DELETE", "/repo_token/" .. token)
	api:expect(404, "GET", "/" .. token)
	child:kill "TERM"
	child:wait()
	reader:await()
	local log = table.concat(lines, "\n")
	contract.matches(log, "POST /v1/repo 201", "log")
	contract.matches(log, "GET /v1/repo_token/%*%*%* 200", "log")
	contract.check(not log:find(token, 1, true), "no token in the log")
	contract.check(not log:find(api.key, 1, true), "no key in the log")
end

local function count_packs(api, id)
	local count = 0
	for _, entry in ipairs(fs.list(api.data .. "/repos/" .. id .. ".git/objects/pack")) do
		if entry.name:find "%.pack$" then count = count + 1 end
	end
	return count
end

local function check_packing(api)
	local id = api:create()
	for number = 1, 21 do api:overwrite(id, { a = ("%d\n"):format(number):rep(1000), b = tostring(number) }) end
	local tries = 0
	while count_packs(api, id) > 10 and tries < 200 do
		task.sleep(0.02)
		tries = tries + 1
	end
	contract.check(count_packs(api, id) <= 10, "packs were joined")
	same(api:files(id).b, "21", "content")
	local copy = api:expect(201, "POST", "/repo", { body = { source = { type = "relace", repo_id = id } } }).json
	same(api:files(copy.repo_id).b, "21", "content of a copy")
end

-- As a kill -9 while refs are packed leaves it: with a lock that would keep branches from being deleted.
local function check_broken_packing(api)
	local copy, git, id = api.folder .. "/copy", api.server.app.git_store.git, nil
	git.run = function(self, path, arguments, ...)
		if arguments[1] == "pack-refs" and not fs.stat(copy) then
			process.run { "cp", "-r", api.data, copy }
			fs.write(("%s/repos/%s.git/packed-refs.lock"):format(copy, id), "")
		end
		return getmetatable(git).run(self, path, arguments, ...)
	end
	id = api:create()
	api:overwrite(id, { a = "1" })
	task.timeout(30, function()
		while not fs.stat(copy) or api.server.app.maintenance.current do task.sleep(0.02) end
	end)
	same(fs.list(api.data .. "/tmp"), {}, "what the packing leaves")
	local again <close> = server.start { data = copy }
	same(fs.stat(("%s/repos/%s.git/packed-refs.lock"):format(copy, id)), nil, "the lock")
end

do
	local folder <close> = fs.temp_dir()
	test("a data folder has one server and one key", check_folder, folder.path)
	test("a key that nobody could send is refused", check_keys, folder.path)
	test("a start removes what was not finished", check_recovery, folder.path)
	test("SIGTERM lets running requests end", check_end, folder.path)
	test("the log has no credential in it", check_log, folder.path)
end
contract.serve({ pack_every = 1 }, function(api)
	test("packing that was cut off is cleaned up", check_broken_packing, api)
end)
contract.serve({ pack_every = 5 }, function(api)
	test("packs are joined in the background", check_packing, api)
end)
