-- SPDX-License-Identifier: Apache-2.0
-- The repository object: its methods come from the files beside this one.
local check = require "epact.git.check"
local colon = require "epact.colon"
local core = require "epact.core.git"
local errors = require "epact.error"
local options = require "epact.options"
local run = require "epact.git.run"
local worktree = require "epact.git.worktree"

local M = {}

local Repository = { __name = "epact.git.repository", __close = worktree.close }
Repository.__index = Repository

function Repository:__tostring() return ("git repository '%s'"):format(self.directory) end

-- An object; settings is what run.lua reads.
function M.new(directory, settings, more)
	local repo = more or {}
	repo.directory, repo.settings = directory, settings
	return setmetatable(repo, Repository)
end

-- The files beside this one are loaded when one of their methods is first called: an instance that only clones is small.
local files = { status = "status", log = "log", commits = "log", diff = "diff", show = "read", ls_files = "read",
	rev_parse = "read", add = "change", commit = "change", reset = "change", stash = "change", checkout = "branch",
	branch = "branch", current_branch = "branch", tag = "branch", fetch = "remote", push = "remote", remote = "remote",
	merge = "merge", pull = "merge" }

setmetatable(Repository, { __index = function(_, name)
	local method = files[name] and require("epact.git." .. files[name])[name]
	if not method then return nil end
	Repository[name] = colon.method(Repository, "repo", name, method)
	return rawget(Repository, name)
end })
for name, method in pairs(worktree.methods(M.new)) do Repository[name] = colon.method(Repository, "repo", name, method) end

-- --- opening one ---

local open_spec = { git_dir = { nil, "string" }, trust = { false, "boolean" }, config = { nil, "table" }, protocols = { nil, "strings" },
	credential = { nil, "any" }, url = { nil, "string" }, author = { nil, "string|table" }, ca_file = { nil, "string" },
	allow_http = { false, "boolean" }, timeout = { nil, "number", 0 }, stall = { nil, "number", 0 }, grace = { nil, "number", 0 },
	max_output = { nil, "integer", 1 } }

local PROTOCOLS = { file = true, ssh = true, git = true }

local function config_pairs(config)
	local pairs_of = {}
	for key, value in pairs(config or {}) do
		if type(key) ~= "string" or not key:find "^%a[%w-]*%..*[%w-]$" then
			error("git.open: option 'config': keys are such as \"section.key\"", 4)
		end
		if type(value) == "number" or type(value) == "boolean" then value = tostring(value) end
		if type(value) ~= "string" then error(("git.open: option 'config': '%s' must be a string"):format(key), 4) end
		pairs_of[#pairs_of + 1] = key
		pairs_of[#pairs_of + 1] = value
	end
	return pairs_of
end

-- The settings of the options of git.open.
function M.settings(given, what, level)
	local o = options.read(given, open_spec, what, level + 1)
	check.no_nul(what, o)
	for _, name in ipairs(o.protocols or {}) do
		if not PROTOCOLS[name] then
			error(("%s: option 'protocols' may name \"file\", \"ssh\" and \"git\", got '%s'"):format(what, name), level)
		end
	end
	if o.credential and not o.url then
		error(what .. ": option 'credential' needs 'url': the address that it is for, or a start of it", level)
	end
	if type(o.credential) ~= "function" then check.credential(what, o.credential, level) end
	if o.author then check.person({}, "AUTHOR", "option 'author'", o.author) end
	o.protocols = o.protocols and table.concat(o.protocols, ":") or nil
	o.config = config_pairs(o.config)
	o.scope, o.url = o.url, nil
	return o
end

-- --- the rest ---

local command_spec = run.network_spec { input = { nil, "string" }, check = { true, "boolean" }, max_output = { nil, "integer", 1 },
	remote = { nil, "string" }, literal = { false, "boolean" } }

local NUL = "git.command: argument %d holds a NUL byte"

local function read_words(list)
	local words, given = {}, {}
	for key, value in pairs(list) do
		if math.type(key) == "integer" then words[key] = value else given[key] = value end
	end
	for i in pairs(words) do
		if i < 1 or i > 1 and words[i - 1] == nil then
			error(("git.command: argument %d is there, and one before it is nil"):format(i), 3)
		end
	end
	for i, word in ipairs(words) do
		if type(word) == "number" then word = tostring(word) end
		if type(word) ~= "string" then error(("git.command: argument %d must be a string, got %s"):format(i, type(word)), 3) end
		if word:find("\0", 1, true) then error(NUL:format(i), 3) end
		words[i] = word
	end
	return words, given
end

--- Runs any other command of git in the repository.
-- @param words table: the command and its arguments, an array of strings which no shell sees; and among them options: `input` bytes for
--   its standard input; `check` boolean (true): a status other than 0 is an error; `max_output` bytes (64 MiB); `remote` string:
--   the remote that the credential is for; `literal` boolean: paths are no patterns; `credential`, `url`, `stall`,
--   `progress`, `timeout` as of `fetch`
-- @return table: `status`, `stdout`, `stderr`
-- Raises as all of them do. What an argument means is up to the command: put `--` before what is not meant as an option.
-- Example: `local text = repo:command { "cat-file", "-p", "HEAD" }.stdout`
function Repository:command(words)
	if type(words) ~= "table" then error("git.command: an array of strings is expected, got " .. type(words), 2) end
	local argv, given = read_words(words)
	if not (argv[1] or ""):find "^%l[%l%d-]*$" then
		error(errors.new("invalid_argument", "git.command: the first argument is the name of a command, such as 'log'"), 0)
	end
	local o = options.read(given, command_spec, "git.command", 3)
	check.no_nul("git.command", o)
	check.credential("git.command", o.credential, 3)
	o.net = o.remote and { remote = check.remote(o.remote) }
	if self.settings.author then o.env = require("epact.git.change").people({}, self.settings) end
	if not o.check then o.accepted = "any" end
	return run.git(self, argv, o)
end

Repository.command = colon.method(Repository, "repo", "command", Repository.command)

-- Clones into the directory of the object; clone is epact.git.clone.
function M.set_clone(clone)
	--- Clones a repository into the object's directory, which must not exist or be empty. The object's credential goes to its own
	-- address alone: a clone from elsewhere has none, unless the call gives one.
	-- @param options table: as of `epact.git.clone` without `directory`; for a client's object `repo_id` in place of `url`. `timeout`,
	--   `stall`, `grace`, `ca_file`, `allow_http` are the object's by default
	-- @return table: `directory`, `head`, `branch`
	function Repository:clone(given)
		if type(given) ~= "table" then error("git:clone: a table of options is expected", 2) end
		local settings = self.settings
		if given.directory then error("git:clone: option 'directory' is the object's own", 2) end
		if given.url and given.repo_id then error("git:clone: options 'url' and 'repo_id' exclude each other", 2) end
		if not given.url and not settings.url_of then error("git:clone: option 'url' is missing", 2) end
		local call = { directory = self.directory, ca_file = settings.ca_file, allow_http = settings.allow_http or nil,
			timeout = settings.timeout, stall = settings.stall, grace = settings.grace }
		for name, value in pairs(given) do call[name] = value end
		call.repo_id, call.url = nil, given.url or settings.url_of(given.repo_id)
		if call.credential == nil and core.covers(settings.scope, call.url) then call.credential = run.credential(settings) end
		return clone(call)
	end

	Repository.clone = colon.method(Repository, "repo", "clone", Repository.clone)
end

return M
