-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- The vendor's TypeScript SDK, as npm has it, against the local server: every method, tests/contract/sdk/*.mjs.
local contract = require "contract"
local env = require "epact.env"
local fs = require "epact.fs"
local git_server = require "git_server"
local npm = require "npm"
local process = require "epact.process"
local task = require "epact.task"

local MAX_FILE = 1 << 20

local folder, why = npm.folder(env.get "EPACT_SOURCE" .. "/tests/contract/sdk")
if not folder then
	print(why)
	return 77
end
local node <close> = folder

-- What goes wrong on purpose at a third server: retries.mjs meets each rule in turn.
local FAULTS = {
	"GET /repo: 503 x2",
	"POST /repo/*/update: 423 x1",
	"GET /repo/*/clone: 429 retry-after 1 x1",
	"POST /repo_token: 409 x1",
	"GET /repo/*/embedding_status: delay 5s",
	"DELETE /repo/*: 500",
	"GET /repo/*: reset x1",
	"POST /repo/*/agent: cut 40",
}

-- Calls fn(url, first): a git server without credentials, and the first commit of its repository.
local function with_source(fn)
	local root <close> = fs.temp_dir()
	git_server.repositories(root.path)
	local source <close> = git_server.start(root.path)
	local first = contract.git(root.path .. "/repo.git", { "rev-parse", "v1" }).stdout:sub(1, 40)
	fn(source:at "open", first)
end

-- Runs one file of tests; what it says is shown when it has ended.
local function run(name, variables)
	local argv = { "node", "--test-reporter=spec", name }
	local result = process.run(argv, { cwd = node.path, env = variables, check = false, timeout = 200 })
	io.write("--- ", name, "\n", result.stdout, result.stderr)
	contract.same(result.status, 0, "status of " .. name)
end

local subjects = {}
for _, entry in ipairs(fs.list(node.path)) do
	if entry.name:find "%.mjs$" and entry.name ~= "world.mjs" then subjects[#subjects + 1] = entry.name end
end

with_source(function(url, first)
	contract.serve({ git_sources = "loopback", max_file = MAX_FILE }, function(api)
		contract.serve({ api_key = api.key, rate_limit = 1 }, function(limited)
			contract.serve({ api_key = api.key, faults = FAULTS }, function(faulty)
				local variables = {
					RELACE_BASE_URL = api.url, RELACE_API_KEY = api.key, LIMITED_URL = limited.url, FAULTY_URL = faulty.url,
					GIT_SOURCE = url, GIT_SOURCE_FIRST = first, MAX_FILE = tostring(MAX_FILE),
					GUIDE = env.get "EPACT_SOURCE" .. "/docs/guide/relace.md",
				}
				task.map(subjects, function(name) run(name, variables) end, { limit = 3 })
			end)
		end)
	end)
end)
