-- SPDX-License-Identifier: Apache-2.0
--- git: repositories as objects, clones that run side by side, credentials that appear in no argument, variable, file or trace.
--
--     local repo = git.open("./work", { url = url, credential = token })
--     repo:pull { branch = "main" }
--     repo:add():commit { message = "Change" }
--     repo:push()
--
-- git runs with an environment of its own: without the configuration of the system and the user, without hooks, filters,
-- prompts and other transports than https (http for this machine). A repository whose configuration could run a program is
-- refused. What it keeps of yours: PATH, TMPDIR, proxies and certificates, those of your git configuration too.
-- Values come back as tables; names of files are bytes, and none is a pattern. docs/guide/git.md has more.
local core = require "epact.core.git"
local draw = require "epact.git.draw"
local limit = require "epact.git.limit"
local repository = require "epact.git.repository"
local run = require "epact.git.run"

-- Loaded when it is first needed: most scripts have no mirror.
local function mirrors() return require "epact.git.mirror" end

local M = {}

--- Says how many clones may run at once; the others wait for their turn, in the order in which they came. A clone that waits
-- can be cancelled; its `timeout` begins with its turn. `task.tree` shows who waits.
-- @param n integer?: 1 or more; nothing is changed without it. The default is 8 for each processor, at least 4, and no more
--   than one for each 128 MiB of memory
-- @return integer: the number before
-- Example: `git.limit(4)`
function M.limit(n) return limit.set(n) end

--- Opens a folder of mirrors: repeated clones of one repository share objects by it, also those of other processes at the same
-- time. `mirror:clone(options)`, or the option `mirror` of `clone`: the first clone of a URL fetches all its branches and tags
-- to here; further ones ask the server, with their own credential, and fetch what is not here. A clone stands alone: objects
-- are copied. A mirror that is damaged is made anew. `mirror:size()` -> bytes, count; `mirror:trim(bytes)` removes those that
-- were not used for the longest time, but none in use. No credential is kept. The folder must be out of reach of what the
-- scripts in the clones can write to.
-- @param path string: made, with those above it, when it is missing; nobody else may write to it
-- @param options table?: `max_bytes` integer: `trim` to it after each clone; no limit by default
-- @return mirror
-- Raises `permission` when others may write to the folder.
-- Example: `local m = git.mirror("/var/cache/me"); git.clone { url = url, directory = dir, credential = token, mirror = m }`
function M.mirror(path, options) return mirrors().open(path, options, M.clone) end

-- Before anything is waited for. An error names the line that called clone.
local function check_options(options)
	local ok, err = pcall(core.check, options)
	if not ok then error(err, type(err) == "string" and 3 or 0) end
	local progress = options.progress
	if progress ~= nil and type(progress) ~= "function" and type(progress) ~= "boolean" then
		error("git.clone: option 'progress' must be a function or a boolean", 3)
	end
	if options.recurse_submodules ~= nil and type(options.recurse_submodules) ~= "boolean" then
		error("git.clone: option 'recurse_submodules' must be a boolean", 3)
	end
end

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
-- * `single_branch` boolean?: as git decides by default, which is yes with a depth; of an empty repository all are followed
-- * `filter` string?: a partial clone, such as "blob:none"
-- * `sparse` list of strings?: only what is below these folders is checked out, and the files beside the way to them (git's
--   cone mode); with `{}` the files of the top alone
-- * `reference` string?: a repository on this machine; what it has is copied from there and not fetched
-- * `recurse_submodules` boolean?: with all submodules, and theirs, each a clone of its own by the same rules: https, or http of this
--   machine when the repository itself comes from there; those of the same host with the same credential, others without.
--   `max_files` and `max_bytes` are of all together, `timeout` of each, and again of the fetch where its commit is no HEAD; `submodules`
--   of the result is the list of their paths
-- * `mirror` mirror?: of `git.mirror`; not with `filter` or `reference`
-- * `max_files` integer?: fails with `too_large` when it would check out more files; nothing of it stays. No limit by default
-- * `max_bytes` integer?: the same for all that it takes on the disk, git's own files included: what is received, how large
--   it becomes when it is checked out, and each single file while it is written
-- * `credential` string, secret or token?: the password of the user "token"; given to git only for exactly this URL
-- * `progress` function or boolean?: called with {phase, done, total, percent, bytes, rate, objects} as it goes on; it may wait; an
--   error of it ends the clone. phase is "enumerating", "counting", "compressing", "receiving", "writing", "resolving" or
--   "checkout"; total and percent are nil while unknown; objects is `done` but for files; rate is bytes a second. true: a line
--   on the standard error, when that is a terminal; `epact run` does so unless it is false or `quiet` is true
-- * `timeout` seconds: of the whole, from its turn on (`git.limit`); none by default
-- * `stall` seconds without a byte from the server, after which it fails; default 60
-- * `ca_file` string?: certificates to trust in place of the system's
-- * `grace` seconds between SIGTERM and SIGKILL when it is stopped; default 2
-- * `quiet` boolean?: nothing is drawn either
-- @param options table: see above
-- @return table {directory, head, branch}: `head` is the commit, nil in an empty repository; `branch` is nil for a tag
-- Example: `git.clone {url = url, directory = dir, credential = token}`
function M.clone(options)
	check_options(options)
	local progress = options.progress
	if progress == nil and options.quiet then progress = false end
	if options.recurse_submodules then return require("epact.git.submodules").clone(options, M.clone) end
	if options.mirror ~= nil then return mirrors().check(options.mirror):clone(options) end
	local _ <close> = limit.turn()
	progress = draw.choose(progress, "cloning " .. options.url)
	local handle <close> = core.clone(options, progress and true or false)
	return run.wait(handle, progress)
end

--- A repository that is there. Nothing is read before the first call.
-- @param directory string: the top folder of a work tree, or a bare repository; no folder above it is looked at
-- @param options table?:
--   `credential` string, secret, token, or a function that returns one, and `url` string: the address that it is for, or a start of it
--   up to a slash. It is given to git when the remote is there, and kept nowhere;
--   `author` "Name <mail address>" or `{ name, email }` of commits;
--   `git_dir` string: the git directory, when it is not in the folder: out of the reach of what writes to the work tree;
--   `trust` boolean: the configuration of the repository counts, with its hooks, filters and programs;
--   `config` table: settings of your own, such as `["filter.lfs.process"] = "git-lfs filter-process"`;
--   `protocols` list: other transports that remotes may use: "file", "ssh", "git";
--   `ca_file`, `allow_http`, `timeout`, `stall`, `grace`, `max_output`: as of `clone` and of every call
-- @return repository: with the methods `clone`, `fetch`, `pull`, `push`, `remote`, `add`, `commit`, `reset`, `stash`, `checkout`,
--   `branch`, `current_branch`, `tag`, `merge`, `status`, `diff`, `log`, `commits`, `show`, `ls_files`, `rev_parse`, `worktree`, `command`
-- Raises at each call `not_found` where there is no repository, `unsafe_config`, `locked`, and what the method says.
-- Example: `print(git.open("."):status().branch)`
function M.open(directory, options)
	if type(directory) ~= "string" then error("git.open: the folder must be a string, got " .. type(directory), 2) end
	if directory:find("\0", 1, true) then error("git.open: the folder holds a NUL byte", 2) end
	return repository.new(directory, repository.settings(options, "git.open", 3))
end

--- The version of the git that is found.
-- @return string: such as "2.39.5"
-- Raises `no_git`.
function M.version()
	local handle <close> = core.command({ argv = { "git", "version" } })
	return handle:wait().stdout:match "%d[%d.]*"
end

repository.set_clone(M.clone)

return M
