-- SPDX-License-Identifier: Apache-2.0
-- timeout: 200
-- Ten programs use every route of one server at once. Arguments: clients, rounds of each.

local contract = require "contract"
local fs = require "epact.fs"
local process = require "epact.process"
local task = require "epact.task"
local same, test = contract.same, contract.test

local KEY = "rlc-" .. ("k"):rep(32)
local CLIENTS, ROUNDS = ...
CLIENTS, ROUNDS = tonumber(CLIENTS) or 10, tonumber(ROUNDS) or 3

local function descriptors(pid) return #fs.list(("/proc/%d/fd"):format(pid)) end

-- One of them watches the others, and stays.
local function children(pid)
	return select(2, fs.read(("/proc/%d/task/%d/children"):format(pid, pid)):gsub("%d+", ""))
end

local function run_client(api, shared, number)
	local script = os.getenv "EPACT_SOURCE" .. "/tests/support/client_mix.lua"
	local ended = process.run({ os.getenv "EPACT_BIN", "run", script, api.url, shared, tostring(number), tostring(ROUNDS) },
		{ stdin = { bytes = KEY .. "\n" }, check = false, timeout = 180 })
	contract.check(ended.status == 0, ended.stderr)
end

-- Connections of clients that have ended are closed soon.
local function check_released(pid, before)
	for _ = 1, 200 do
		if descriptors(pid) <= before.descriptors + 2 and children(pid) <= before.children then return end
		task.sleep(0.05)
	end
	error(("%d descriptors, %d before; %d children, %d before"):format(descriptors(pid), before.descriptors, children(pid),
		before.children), 0)
end

local function check_clients(folder)
	local data = folder .. "/data"
	local child <close>, api = contract.spawn(data, KEY)
	local shared = api:create()
	contract.git(folder, { "ls-remote", api:remote(shared) })
	local before = { descriptors = descriptors(child.pid), children = children(child.pid) }
	task.scope(function(scope)
		for number = 1, CLIENTS do scope:spawn(run_client, api, shared, number) end
	end)
	local files, count = api:files(shared), 0
	for name, content in pairs(files) do
		same(content, name, "a file of the shared repo")
		count = count + 1
	end
	same(count, CLIENTS * ROUNDS, "files of the shared repo")
	same(api:expect(200, "GET", "/repo").json.total_items, 1, "repos that are left")
	check_released(child.pid, before)
	same(contract.fsck(data), 1, "repos on disk")
end

local folder <close> = fs.temp_dir { prefix = "ten-" }
test("ten clients at once", check_clients, folder.path)
