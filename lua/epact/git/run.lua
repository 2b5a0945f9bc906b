-- SPDX-License-Identifier: Apache-2.0
-- Runs a command of git for a repository object. What the object knows (folder, credential, trust) is put in here alone.
local check = require "epact.git.check"
local core = require "epact.core.git"
local errors = require "epact.error"
local options = require "epact.options"
local task = require "epact.task"

local M = {}

-- Options of every method, and of those that talk to a remote.
local COMMON = { timeout = { nil, "number", 0 }, grace = { nil, "number", 0 } }
local NETWORK = { credential = { nil, "any" }, url = { nil, "string" }, progress = { nil, "function|boolean" },
	stall = { nil, "number", 0 } }

-- Repositories within the repository are not entered: their own configuration would count there.
local PLACED = { status = "--ignore-submodules=dirty", diff = "--ignore-submodules=dirty",
	["diff-index"] = "--ignore-submodules=dirty", ["diff-files"] = "--ignore-submodules=dirty",
	fetch = "--no-recurse-submodules", pull = "--no-recurse-submodules", push = "--recurse-submodules=no" }

-- These open the repositories within, in their own process or in others, and fetch what is missing there.
local ENTERING = { merge = true, pull = true, rebase = true, ["cherry-pick"] = true, revert = true, am = true, stash = true,
	submodule = true }

local function within() return require "epact.git.within" end

local function with(spec, more)
	for name, rule in pairs(more) do spec[name] = rule end
	return spec
end

-- Specs of options, for the files of methods.
function M.spec(own) return with(own, COMMON) end

function M.network_spec(own) return with(with(own, COMMON), NETWORK) end

-- Reads the options of a method; its caller made the mistake.
function M.read(given, spec, what)
	what = "git." .. what
	local read = options.read(given, spec, what, 4)
	check.no_nul(what, read)
	check.credential(what, read.credential, 4)
	return read
end

-- Waits for a handle, and hands its progress on. An error of the function ends git.
function M.wait(handle, progress)
	if not progress then return handle:wait() end
	local _ <close> = type(progress) == "table" and progress or nil
	return task.scope(function(scope)
		scope:spawn(function()
			for now in function() return handle:progress() end do progress(now) end
		end)
		return handle:wait()
	end)
end

-- The credential of an object: that, or what its function returns.
function M.credential(settings)
	local credential = settings.credential
	if type(credential) ~= "function" then return credential end
	credential = credential()
	check.credential("git.open", credential, 0)
	return credential
end

-- The credential and the address that it is for; a fresh one of the call goes before that of the object.
local function credential_of(settings, call)
	local scope = call.url or settings.scope
	if call.credential and not scope then
		error(errors.new("invalid_argument", "a credential is given to one address only: say which, with the option 'url'"), 0)
	end
	return call.credential or M.credential(settings), scope
end

-- Which exit statuses are no failure: those of a list besides 0, or all of them.
local function mask_of(statuses)
	if statuses == "any" then return -1 end
	local mask = 0
	for _, status in ipairs(statuses or {}) do mask = mask | 1 << status end
	return mask
end

local function arguments(settings, words)
	local argv = { "git", words[1] }
	if not settings.trust then argv[3] = PLACED[words[1]] end
	return table.move(words, 2, #words, #argv + 1, argv)
end

local function environment(settings, call)
	local env = table.move(settings.env or {}, 1, #(settings.env or {}), 1, {})
	for _, variable in ipairs(call.env or {}) do table.insert(env, 1, variable) end
	if call.literal then env[#env + 1] = "GIT_LITERAL_PATHSPECS=1" end
	return env
end

-- These lock the index. Two of them at once would fail: each waits for its turn with the object.
local WRITING = { add = true, ["update-index"] = true, commit = true, reset = true, stash = true, checkout = true, switch = true,
	restore = true, merge = true, rebase = true, ["cherry-pick"] = true, revert = true, am = true, apply = true, rm = true, mv = true }

-- Not with a progress function, which may call methods of the object while git runs.
local function turn(repo, words, call)
	if not WRITING[words[1]] or call.progress then return nil end
	repo.writer = repo.writer or task.semaphore(1)
	return repo.writer:acquire()
end

-- A conflict has the files that are unmerged, whichever command met it.
local function with_files(repo, err)
	if errors.is(err, "conflict") then
		local ok, files = pcall(require("epact.git.status").conflicts, repo)
		err.files = ok and files or {}
	end
	return err
end

-- words: the command and its arguments. call: the options that were read, and input, accepted (exit statuses, or "any"), literal (its
-- paths are no patterns), env, net ({ remote, push }: whom it talks to), max_output. Returns {status, stdout, stderr}.
function M.git(repo, words, call)
	local settings = repo.settings
	call = call or {}
	local net = call.net or {}
	local enters = ENTERING[words[1]] and not settings.trust
	if enters then within().check(repo, words, call) end
	local credential, scope = credential_of(settings, call)
	local _ <close> = turn(repo, words, call)
	local handle <close> = core.command({
		argv = arguments(settings, words), directory = repo.directory, git_dir = settings.git_dir or nil, trust = settings.trust,
		may_enter = enters or nil, config = settings.config, env = environment(settings, call), protocols = settings.protocols,
		ca_file = settings.ca_file, allow_http = settings.allow_http, credential = credential, scope = scope,
		remote = net.remote, push = net.push, input = call.input, accepted = mask_of(call.accepted),
		max_output = call.max_output or settings.max_output, timeout = call.timeout or settings.timeout,
		stall = call.stall or settings.stall, grace = call.grace or settings.grace,
	}, call.progress and true or false)
	local ok, result = pcall(M.wait, handle, call.progress)
	if not ok then error(with_files(repo, result), 0) end
	return result
end

-- Its standard output.
function M.output(repo, words, call) return M.git(repo, words, call).stdout end

-- The one line of its standard output; nil when it is empty.
function M.line(repo, words, call)
	local text = M.output(repo, words, call):gsub("\n$", "")
	return text ~= "" and text or nil
end

return M
