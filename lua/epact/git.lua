-- SPDX-License-Identifier: Apache-2.0
--- git: clones that run side by side, with a credential that appears in no argument, variable, file or trace.
--
-- git runs with an environment of its own: without the configuration of the system and the user, without hooks, prompts and
-- other transports than https (http for this machine). What it keeps of yours: PATH, HOME, TMPDIR, the variables of proxies
-- and of certificates.
local core = require "epact.core.git"
local limit = require "epact.git.limit"
local task = require "epact.task"

local M = {}

--- Says how many clones may run at once; the others wait for their turn, in the order in which they came. A clone that waits
-- can be cancelled; its `timeout` begins with its turn. `task.tree` shows who waits.
-- @param n integer?: 1 or more; nothing is changed without it. The default is 8 for each processor, at least 4, and no more
--   than one for each 128 MiB of memory
-- @return integer: the number before
-- Example: `git.limit(4)`
function M.limit(n) return limit.set(n) end

--- Clones a repository and waits for the end. A clone that fails or is cancelled leaves no process and no folder.
-- Raises `authentication`, `permission`, `not_found`, `branch_not_found`, `destination_exists`, `too_large`, `network`,
-- `timeout`, `tls`, `redirect`, `server`, `locked`, `rate_limit`, `no_space`, `corrupt`, `no_git`, else `exit_status`; with git's own words
-- as `detail`, the HTTP status as `status` where there is one, and whether it is `retryable`.
--
-- Options:
--
-- * `url` string: https without a credential in it; http only for this machine, or with `allow_http = true`
-- * `directory` string: must not exist, or be empty; folders above it are made
-- * `branch` string?: a branch or tag; the repository's own by default
-- * `depth` integer?: so many commits; 0 for all, as `full = true`; default 1
-- * `single_branch` boolean?: as git decides by default, which is yes with a depth
-- * `filter` string?: a partial clone, such as "blob:none"
-- * `sparse` list of strings?: only what is below these folders is checked out, and the files beside the way to them (git's
--   cone mode); with `{}` the files of the top alone
-- * `reference` string?: a repository on this machine; what it has is copied from there and not fetched
-- * `max_files` integer?: fails with `too_large` when it would check out more files; nothing of it stays. No limit by default
-- * `max_bytes` integer?: the same for all that it takes on the disk, git's own files included: what is received, how large
--   it becomes when it is checked out, and each single file while it is written
-- * `credential` string, secret or token?: the password of the user "token"; given to git only for exactly this URL
-- * `progress` function?: called with {phase, done, total, percent, bytes} as it goes on; it may wait; an error of it
--   ends the clone. phase is "enumerating", "counting", "compressing", "receiving", "resolving" or "checkout"; total and
--   percent are nil while unknown
-- * `timeout` seconds: of the whole, from its turn on (`git.limit`); none by default
-- * `stall` seconds without a byte from the server, after which it fails; default 60
-- * `ca_file` string?: certificates to trust in place of the system's
-- * `grace` seconds between SIGTERM and SIGKILL when it is stopped; default 2
-- * `quiet` boolean?: accepted for the sake of other clients; nothing is ever printed
-- @param options table: see above
-- @return table {directory, head, branch}: `head` is the commit, nil in an empty repository; `branch` is nil for a tag
-- Example: `git.clone {url = url, directory = dir, credential = token}`
function M.clone(options)
	local progress = type(options) == "table" and options.progress
	local _ <close> = limit.turn()
	if not progress then
		local handle <close> = core.clone(options)
		return handle:wait()
	end
	if type(progress) ~= "function" then error("git.clone: option 'progress' must be a function", 2) end
	local rest = {}
	for name, value in pairs(options) do
		if name ~= "progress" then rest[name] = value end
	end
	local handle <close> = core.clone(rest, true)
	return task.scope(function(scope)
		scope:spawn(function()
			for now in function() return handle:progress() end do progress(now) end
		end)
		return handle:wait()
	end)
end

--- Runs a git command in a repository, and waits for its end.
-- Raises as `clone` does, and `unsafe_config` when the repository's configuration could run a program.
-- @param directory string: the top folder of a work tree, or a bare repository; nil for a command that needs none
-- @param arguments list of strings: such as `{"log", "-1", "--format=%H"}`
-- @param options table?: `timeout`, `grace` seconds; `input` bytes for its standard input; `max_output` bytes (64 MiB);
--   `trust` boolean: the repository's configuration, hooks and filters count
-- @return table {status, stdout, stderr}
function M.run(directory, arguments, options)
	local call = {directory = directory, argv = table.move(arguments, 1, #arguments, 2, {"git"})}
	for name, value in pairs(options or {}) do call[name] = value end
	local handle <close> = core.command(call)
	return handle:wait()
end

return M
