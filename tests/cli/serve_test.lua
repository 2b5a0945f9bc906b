-- SPDX-License-Identifier: Apache-2.0
-- `epact serve`: its options, its access log, its end.
local check = require "check"
local contract = require "contract"
local fs = require "epact.fs"
local process = require "epact.process"
local case, contains, equal, lacks = check.case, check.contains, check.equal, check.lacks

local epact = os.getenv "EPACT_BIN"
local KEY = "rlc-" .. ("k"):rep(32)

local function refused(words)
	local argv = table.move(words, 1, #words, 3, { epact, "serve" })
	local ended = process.run(argv, { check = false, timeout = 20 })
	equal(ended.status, 2)
	equal(ended.stdout, "")
	return ended.stderr
end

case("what is no usage is refused before anything is opened", function()
	local folder <close> = fs.temp_dir()
	local data = folder.path .. "/data"
	contains(refused { "--data", data, "--fault", "POST /repo: dealy 5s" }, "column 13: unknown action 'dealy'; did you mean 'delay'?")
	contains(refused { "--data", data, "--falt", "x" }, "did you mean --fault?")
	contains(refused { "--data", data, "--rate-limit", "many" }, "--rate-limit needs an integer, got 'many'")
	contains(refused { "--data", data, "--rate-window", "x" }, "--rate-window needs a number")
	contains(refused { "--data", data, "extra" }, "unexpected word")
	equal(fs.stat(data), nil)
	local run = process.run({ epact, "run", "--fault", "* /**: 500", "-e", "" }, { check = false })
	equal(run.status, 2)
	contains(run.stderr, "--fault goes with --local")
end)

case("faults, limits and the access log", function()
	local folder <close> = fs.temp_dir()
	local log = folder.path .. "/access.log"
	local token
	do
		local child <close>, api = contract.spawn(folder.path .. "/data", KEY, { "--access-log", log, "--rate-limit", "50",
			"--rate-window", "600", "--fault", "GET /repo: 503 x1", "--fault", "GET /repo: 502 x1" })
		api:expect(503, "GET", "/repo")
		api:expect(502, "GET", "/repo")
		equal(api:expect(200, "GET", "/repo").headers["x-ratelimit-limit"], "50")
		token = api:token { (api:create()) }
		api:expect(200, "GET", "/repo_token/" .. token, { token = token })
		child:kill "TERM"
		equal(child:wait().status, 143)
	end
	local text = fs.read(log)
	local lines = {}
	for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
	equal(#lines, 6)
	contains(lines[1], " - GET /v1/repo 503 ")
	contains(lines[3], " rlc-**** GET /v1/repo 200 ")
	contains(lines[6], (" %s**** GET /v1/repo_token/*** 200 "):format(token:sub(1, 9)))
	lacks(text, token)
	lacks(text, token:sub(10))
	lacks(text, KEY)
end)

case("a blank RELACE_API_KEY is none", function()
	local folder <close> = fs.temp_dir()
	local child <close>, api = contract.spawn(folder.path .. "/data", " ")
	api:expect(401, "GET", "/repo", { token = "x" })
	api.key = fs.read(folder.path .. "/data/api-key"):match "%S+"
	api:expect(200, "GET", "/repo")
	local path = "/repo/" .. api:create() .. ".git/info/refs?service=git-upload-pack"
	equal(api:call("GET", path, { token = false, headers = { Authorization = "Basic dG9rZW46" } }).status, 401) -- "token:"
end)

case("a script's server takes faults, too", function()
	local folder <close> = fs.temp_dir()
	local ended = process.run({ epact, "run", "--local", "--data", folder.path .. "/data", "--fault", "POST /repo: 404 x1", "-e", [[
		local client = require "epact.relace".client()
		print(pcall(client.repo.create, client.repo, {}))
		print(#client.repo:create {}.repo_head)]] })
	contains(ended.stdout, "on purpose")
	contains(ended.stdout, "\n40\n")
end)

check.done()
