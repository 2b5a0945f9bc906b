-- SPDX-License-Identifier: Apache-2.0
-- Runs git for the server: every child has the same closed environment, reads no configuration but ours, never asks
-- anybody, runs no hook, and is given its arguments as a list.

local env = require "epact.env"
local fs = require "epact.fs"
local log = require "epact.log"
local process = require "epact.process"

local git = {}
git.__index = git

-- fsckObjects looks at what is pushed. Objects of an update are stored whole and unpacked: packing is for later
-- (maintenance.lua), so that an update costs little more than hashing.
local CONFIG = [[
[core]
	hooksPath = /dev/null
	fsmonitor = false
	compression = 0
[pack]
	threads = 1
[fastimport]
	unpackLimit = 0
[safe]
	directory = *
[gc]
	auto = 0
[maintenance]
	auto = false
[protocol]
	version = 2
[transfer]
	hideRefs = refs/epact
	advertiseSID = false
[receive]
	fsckObjects = true
	autogc = false
	denyNonFastForwards = false
	denyDeletes = false
	denyDeleteCurrent = true
	denyCurrentBranch = ignore
	unpackLimit = 1
[fetch]
	fsckObjects = true
[http]
	receivepack = true
	getanyfile = false
	followRedirects = false
	lowSpeedLimit = 1
	lowSpeedTime = 60
[uploadpack]
	allowFilter = true
	allowReachableSHA1InWant = true
[submodule]
	recurse = false
[credential]
	helper =
]]

-- What a child that goes to the network may take over: how to get out, and whom to trust.
local NETWORK = { "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"GIT_SSL_CAINFO" }

local function environment(config_path, home)
	return {
		PATH = env.get("PATH") or "/usr/bin:/bin",
		HOME = home,
		LC_ALL = "C",
		TZ = "UTC",
		GIT_CONFIG_NOSYSTEM = "1",
		GIT_CONFIG_GLOBAL = config_path,
		GIT_ATTR_NOSYSTEM = "1",
		GIT_TERMINAL_PROMPT = "0",
		GIT_ASKPASS = "/bin/false",
		GIT_SSH_COMMAND = "/bin/false",
		GIT_ALLOW_PROTOCOL = "none",
		GIT_OPTIONAL_LOCKS = "0",
		GIT_NO_REPLACE_OBJECTS = "1",
	}
end

--- Prepares to run git: writes its configuration below `folder`, and finds its programs. Raises when git is not there.
function git.open(folder)
	local config_path = folder .. "/gitconfig"
	fs.write(config_path, CONFIG, { atomic = true })
	local self = setmetatable({ env = environment(config_path, folder), exec_path = nil }, git)
	self.exec_path = self:run(nil, { "--exec-path" }).stdout:gsub("\n$", "")
	return self
end

--- The environment for a child: the closed one, and the pairs of `more`.
function git:environment(more)
	local merged = {}
	for name, value in pairs(self.env) do merged[name] = value end
	for name, value in pairs(more or {}) do merged[name] = value end
	return merged
end

--- The pairs a child needs to talk to other hosts; `protocols` is a list for GIT_ALLOW_PROTOCOL, like "http:https".
function git.network(protocols)
	local more = { GIT_ALLOW_PROTOCOL = protocols }
	for _, name in ipairs(NETWORK) do more[name] = env.get(name) end
	return more
end

local function command(repo, arguments)
	local argv = { "git" }
	if repo then argv[2] = "--git-dir=" .. repo end
	return table.move(arguments, 1, #arguments, #argv + 1, argv)
end

local function with_defaults(self, options)
	local merged = { clear_env = true, env = self.env }
	for name, value in pairs(options or {}) do merged[name] = value end
	return merged
end

--- Runs git on the repo folder `repo` (nil: none) and returns {status, stdout, stderr}. Options are those of
--- process.run; with check = false a status other than 0 is returned too, else it raises.
function git:run(repo, arguments, options)
	return process.run(command(repo, arguments), with_defaults(self, options))
end

--- Starts git on the repo folder `repo`; options are those of process.spawn.
function git:spawn(repo, arguments, options)
	return process.spawn(command(repo, arguments), with_defaults(self, options))
end

--- The last line of what a git that failed said, without its "fatal: ".
function git.complaint(result)
	local last = "git failed"
	for line in result.stderr:gmatch("[^\n]+") do
		last = line:gsub("^fatal: ", ""):gsub("^error: ", "")
	end
	log.debug("git: %s", result.stderr)
	-- The text goes into JSON.
	return (last:gsub("[^\32-\126]", "?"))
end

return git
