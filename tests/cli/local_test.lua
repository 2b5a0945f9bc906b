-- SPDX-License-Identifier: Apache-2.0
-- `epact run --local` and `epact serve`: the server comes and goes with what needs it.
local check = require "check"
local fs = require "epact.fs"
local process = require "epact.process"
local relace = require "epact.relace"
local case, equal, contains, fails = check.case, check.equal, check.contains, check.fails

local epact = os.getenv "EPACT_BIN"
local dir <close> = fs.temp_dir()
local data = dir.path .. "/data"

-- Starts `epact serve`; returns the process and the base URL.
local function serve(...)
	local p = process.spawn({ epact, "serve", "--data", data, ... }, { stdout = "pipe", stderr = "pipe" })
	local line = p.stdout:lines()()
	return p, line and line:match "^ready (http://127%.0%.0%.1:%d+/v1)$"
end

local with_token = [[
local relace, task = require "epact.relace", require "epact.task"
local client = relace.client()
local repo = client.repo:create()
local token <close> = client.repo_token:create { name = "t", repo_ids = { repo.repo_id } }
print(repo.repo_id, token:reveal())
io.stdout:flush()
]]

-- The repo and the token that a script printed; raises unless the token is refused by a new server on the same data.
local function refused_afterwards(line)
	local repo_id, token = line:match "^(%S+)\t(%S+)$"
	local p <close>, url = serve()
	local key = fs.read(data .. "/api-key"):match "%S+"
	equal(relace.client({ base_url = url, api_key = key }).repo:get(repo_id).repo_id, repo_id)
	fails("authentication", function() relace.client({ base_url = url, api_key = token }).repo:get(repo_id) end)
	p:kill "SIGTERM"
	equal(p:wait().status, 143)
end

case("a token's end on a normal exit, an error, os.exit", function()
	for ending, status in pairs { [""] = 0, ["error 'no'"] = 1, ["os.exit(4)"] = 4 } do
		local r = process.run({ epact, "run", "--local", "--data", data, "-e", with_token .. ending }, { check = false })
		equal(r.status, status)
		refused_afterwards(r.stdout:match "[^\n]+")
	end
end)

case("a token's end after Ctrl-C and SIGTERM, in a wait, in a call, with children", function()
	local endings = { "task.sleep(60)", "require 'epact.process'.run({ 'sleep', '60' })",
		"task.all { function() task.sleep(60) end, function() while true do client.repo:get(repo) end end }" }
	for i, ending in ipairs(endings) do
		local signal = i % 2 == 0 and "SIGTERM" or "SIGINT"
		local p <close> = process.spawn({ epact, "run", "--local", "--data", data, "-e", with_token .. ending },
			{ stdout = "pipe", stderr = "pipe" })
		local line = p.stdout:lines()()
		require "epact.task".sleep(0.05)
		p:kill(signal)
		local ended = p:wait()
		equal(ended.status, signal == "SIGINT" and 130 or 143)
		refused_afterwards(line)
	end
end)

case("serve: a port of choice, a key of choice, an end that leaves nothing", function()
	local p <close>, url = serve("--api-key", "rlc-" .. ("k"):rep(32))
	local client = relace.client { base_url = url, api_key = "rlc-" .. ("k"):rep(32) }
	check.ok(client.repo:list():page().total_items >= 1)
	local port = url:match ":(%d+)/"
	local second = process.run({ epact, "serve", "--data", dir.path .. "/other", "--port", port }, { check = false })
	equal(second.status, 1)
	contains(second.stderr, port)
	p:kill "SIGTERM"
	equal(p:wait().status, 143)
	fails("connection", function() client:with({ max_retries = 0 }).repo:list():page() end)
end)

check.done()
