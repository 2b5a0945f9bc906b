-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- No secret in any argument, environment, file, output or error, while a script works on a real server.
local check = require "check"
local fs = require "epact.fs"
local process = require "epact.process"
local case, equal, lacks = check.case, check.equal, check.lacks

local source, epact = os.getenv "EPACT_SOURCE", os.getenv "EPACT_BIN"
local dir <close> = fs.temp_dir()

-- The script prints its token's last characters, reversed: enough to search for, and no secret in its output.
local script = dir.path .. "/script.lua"
fs.write(script, [[
local relace, task, fs, process = require "epact.relace", require "epact.task", require "epact.fs", require "epact.process"
local dir = ...
local client = relace.client()
local repo = client.repo:create { source = { type = "files", files = { { filename = "a", content = "b\n" } } } }
local token <close> = client.repo_token:create { name = "t", repo_ids = { repo.repo_id }, ttl_seconds = 60 }
print(token:reveal():sub(6):reverse())
io.stdout:flush()
assert(io.read() == "go")
local agent = client:with(token)
task.scope(function(s)
	for i = 1, 12 do
		s:spawn(function() agent:git(dir .. "/clone" .. i):clone { repo_id = repo.repo_id } end)
	end
end)
print(token, client, agent, pcall(error, token))
print(pcall(function() agent:git(dir .. "/clone1"):clone { repo_id = repo.repo_id } end))
print(pcall(function() agent:git(dir .. "/other"):clone { repo_id = repo.repo_id, branch = "missing" } end))
print(pcall(function() client.repo_token:get("rlcr-" .. ("0"):rep(40)) end))
print(pcall(function() agent.repo:list():page() end))
token:delete()
print(pcall(function() agent:git(dir .. "/late"):clone { repo_id = repo.repo_id } end))
error("the end, with " .. token:reveal())
]])

case("arguments, environments, files, standard output and error at debug level", function()
	local p <close> = process.spawn({ epact, "run", "--local", "--data", dir.path .. "/data", script, dir.path },
		{ stdin = "pipe", stdout = "pipe", stderr = "pipe", env = { EPACT_LOG = "debug", GIT_TRACE = "1", GIT_CURL_VERBOSE = "1" } })
	local lines = p.stdout:lines()
	local secret = lines():reverse()
	equal(#secret, 40)
	local search <close> = process.spawn({ "python3", source .. "/tests/support/proc_search.py" }, { stdin = "pipe" })
	search.stdin:write(secret .. "\n")
	local found = search.stdout:lines()
	equal(found(), "ready")
	p.stdin:write "go\n"
	local out = {}
	for line in lines do out[#out + 1] = line end
	local errors = {}
	for line in p.stderr:lines() do errors[#errors + 1] = line end
	equal(p:wait().status, 1)
	search.stdin:close()
	local rounds = found():match "^(%d+)"
	check.ok(tonumber(rounds) > 3, "the search looked too seldom")
	for line in found do error("found in " .. line) end

	out, errors = table.concat(out, "\n"), table.concat(errors, "\n")
	lacks(out, secret)
	lacks(errors, secret)
	check.contains(out, "rlcr-****")
	check.contains(out, "no such branch")
	check.contains(errors, "the end, with rlcr-****")
	local grep = process.run({ "grep", "-rlF", secret, dir.path }, { check = false })
	equal(grep.stdout, "")
end)

check.done()
