-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- The vendor's TypeScript SDK, as npm has it, against the local server: every method, tests/contract/sdk/*.mjs.
local contract = require "contract"
local env = require "epact.env"
local fs = require "epact.fs"
local git_server = require "git_server"
local npm = require "npm"
local process = require "epact.process"

local MAX_FILE = 1 << 20

local folder, why = npm.folder(env.get "EPACT_SOURCE" .. "/tests/contract/sdk")
if not folder then
	print(why)
	return 77
end
local node <close> = folder

-- Calls fn(url, first): a git server without credentials, and the first commit of its repository.
local function with_source(fn)
	local root <close> = fs.temp_dir()
	git_server.repositories(root.path)
	local source <close> = git_server.start(root.path)
	local first = contract.git(root.path .. "/repo.git", { "rev-parse", "v1" }).stdout:sub(1, 40)
	fn(source:at "open", first)
end

with_source(function(url, first)
	contract.serve({ git_sources = "loopback", max_file = MAX_FILE }, function(api)
		contract.serve({ api_key = api.key, rate_limit = 1 }, function(limited)
			local result = process.run({ "node", "--test-reporter=spec", node.path .. "/main.mjs" }, {
				cwd = node.path,
				env = {
					RELACE_BASE_URL = api.url, RELACE_API_KEY = api.key, LIMITED_URL = limited.url,
					GIT_SOURCE = url, GIT_SOURCE_FIRST = first, MAX_FILE = tostring(MAX_FILE),
					GUIDE = env.get "EPACT_SOURCE" .. "/docs/guide/relace.md",
				},
				check = false, timeout = 200,
			})
			io.write(result.stdout, result.stderr)
			contract.same(result.status, 0, "status of node")
		end)
	end)
end)
