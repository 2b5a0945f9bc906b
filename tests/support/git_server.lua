-- SPDX-License-Identifier: Apache-2.0
-- tests/support/git_server.py for Lua tests: local server <close> = git_server.start(root, {token = ..., redirect = ...}).
local process = require "epact.process"

local M = {}

local Server = {}
Server.__index = Server

-- The URL of a repository, answered as mode says.
function Server:at(mode, repo) return ("http://127.0.0.1:%s/%s/%s.git"):format(self.port, mode, repo or "repo") end

-- The text of the log of requests.
function Server:requests()
	local file = io.open(self.log)
	local text = file and file:read("a") or ""
	if file then file:close() end
	return text
end

function Server:close()
	self.process:close()
	os.remove(self.log)
end

Server.__close = Server.close

function M.start(root, options)
	local argv = {"python3", os.getenv("EPACT_SOURCE") .. "/tests/support/git_server.py", root}
	local log = os.tmpname()
	for name, value in pairs(options or {}) do
		argv[#argv + 1] = "--" .. name
		argv[#argv + 1] = value
	end
	argv[#argv + 1] = "--log"
	argv[#argv + 1] = log
	local p = process.spawn(argv)
	local port = p.stdout:lines()()
	if not port then error("the git server did not start: " .. p:wait().stderr) end
	return setmetatable({process = p, port = port, log = log}, Server)
end

-- Makes bare repositories in root: "repo" (branches main and side, a tag v1, a file with a blank) and "empty".
function M.repositories(root)
	process.run({"sh", "-ec", [[
		git init -q --bare empty.git
		git init -q work
		cd work
		echo one >one.txt; mkdir -p 'a folder'; echo two >'a folder/two.txt'
		git add .; git commit -q -m first; git tag v1
		git checkout -q -b side; echo side >side.txt; git add .; git commit -q -m side
		git checkout -q main; echo more >>one.txt; git commit -q -am second
		cd ..
		git clone -q --bare work repo.git
		git -C repo.git config uploadpack.allowFilter true
		rm -rf work
	]]}, {cwd = root})
end

return M
