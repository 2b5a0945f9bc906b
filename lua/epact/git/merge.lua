-- SPDX-License-Identifier: Apache-2.0
-- repo:merge() and repo:pull().
local change = require "epact.git.change"
local check = require "epact.git.check"
local errors = require "epact.error"
local read = require "epact.git.read"
local remote = require "epact.git.remote"
local run = require "epact.git.run"
local status = require "epact.git.status"

local M = {}

-- Runs what may conflict; the error then has the files, and the repository is left in the middle of it, as git does.
local function run_or_conflict(repo, words, o)
	local ok, err = pcall(run.git, repo, words, o)
	if ok then return end
	if errors.is(err, "conflict") then err.files = status.conflicts(repo) end
	error(err, 0)
end

local function outcome(repo, before, target)
	local head = read.rev_parse(repo, "HEAD")
	local kind = head == before and "up_to_date" or head == target and "fast_forward" or "merged"
	return { head = head, kind = kind }
end

local merge_spec = run.spec { branch = { nil, "string" }, ff = { true, "boolean|string" }, message = { nil, "string" },
	squash = { false, "boolean" }, no_commit = { false, "boolean" }, abort = { false, "boolean" }, continue = { false, "boolean" },
	favor = { nil, "string" }, author = { nil, "string|table" }, unrelated = { false, "boolean" } }

local function merge_words(o, target)
	local words = { "merge", "--no-edit", "--no-stat" }
	local function add(word) words[#words + 1] = word end
	if o.ff == "only" then add "--ff-only" elseif not o.ff then add "--no-ff" else add "--ff" end
	if o.squash then add "--squash" end
	if o.no_commit then add "--no-commit" end
	if o.unrelated then add "--allow-unrelated-histories" end
	if o.favor then
		if o.favor ~= "ours" and o.favor ~= "theirs" then
			error("git.merge: option 'favor' must be \"ours\" or \"theirs\"", 3)
		end
		add("--strategy-option=" .. o.favor)
	end
	if o.message then
		add "-m"
		add(o.message)
	end
	add(target)
	return words
end

--- Merges a branch into the one that is checked out.
-- @param options table: `branch` string: a branch or another revision; `ff` true (default: without a commit where none is
--   needed), false (always a commit), "only" (else the error `non_fast_forward`); `message` string; `squash`, `no_commit`
--   boolean; `favor` "ours" or "theirs": whose side is taken where both changed a line; `unrelated` boolean: the histories need no
--   common commit; `author` as of `commit`; `timeout`. Or `abort = true`: back to before a merge that conflicts;
--   `continue = true`: commits it, once its files are resolved and added
-- @return table: `kind` "up_to_date", "fast_forward" or "merged", and `head`; with `abort` the repository
-- Raises `conflict` with `files`, the paths that conflict, and is in the middle of the merge then; `local_changes`.
-- Example: `local ok, err = pcall(repo.merge, repo, { branch = "fix" })`
function M.merge(repo, options)
	local o = run.read(options, merge_spec, "merge")
	o.env = change.people(o, repo.settings)
	if o.abort then
		run.git(repo, { "merge", "--abort" }, o)
		return repo
	end
	local before = read.rev_parse(repo, "HEAD")
	if o.continue then
		run_or_conflict(repo, { "commit", "--no-edit", "--cleanup=whitespace" }, o)
		return outcome(repo, before)
	end
	local target = check.revision("git.merge: option 'branch'", o.branch)
	if o.message and o.message:find("\0", 1, true) then error("git.merge: option 'message' holds a NUL byte", 2) end
	run_or_conflict(repo, merge_words(o, target), o)
	return outcome(repo, before, read.rev_parse(repo, target .. "^{commit}"))
end

local pull_spec = run.network_spec { remote = { nil, "string" }, branch = { nil, "string" }, mode = { "ff", "string" },
	author = { nil, "string|table" } }

-- The branch of the remote that the current one follows.
local function upstream(repo, o)
	local current = read.current_branch(repo, o)
	if not current then
		error(errors.new("detached_head", "git pull: no branch is checked out; say which with the option 'branch'"), 0)
	end
	local text = run.line(repo, { "for-each-ref", "--format=%(upstream:remotename)%00%(upstream:remoteref)", "refs/heads/" .. current }, o)
	local name, ref = (text or ""):match "^([^\0]+)\0refs/heads/(.+)$"
	return name or "origin", ref or current
end

--- Fetches a branch and brings the current one up to it. The credential is as of `fetch`.
-- @param options table?: `branch` string: of the remote; by default that which the current one follows, else the one of its name;
--   `remote` string; `mode` "ff" (default: the current branch must have no commit of its own, else the error
--   `non_fast_forward`), "merge" or "rebase"; `author` as of `commit`; `credential`, `url`, `progress`, `stall`, `timeout` as of
--   `fetch`
-- @return table: `kind` "up_to_date", "fast_forward", "merged" or "rebased", and `head`
-- Raises `conflict` with `files`; a rebase that conflicts is undone.
function M.pull(repo, options)
	local o = run.read(options, pull_spec, "pull")
	if o.mode ~= "ff" and o.mode ~= "merge" and o.mode ~= "rebase" then
		error("git.pull: option 'mode' must be \"ff\", \"merge\" or \"rebase\"", 2)
	end
	local name, branch = o.remote, check.opt_ref("git.pull: option 'branch'", o.branch)
	if not branch then
		local followed
		followed, branch = upstream(repo, { timeout = o.timeout, grace = o.grace })
		name = name or followed
	end
	local target = remote.fetch_branch(repo, name or "origin", branch, o)
	local before = read.rev_parse(repo, "HEAD")
	-- The credential once more: a partial clone fetches what is checked out.
	local call = { timeout = o.timeout, grace = o.grace, credential = o.credential, url = o.url,
		env = change.people(o, repo.settings) }
	if o.mode == "rebase" and before then
		local ok, err = pcall(run_or_conflict, repo, { "rebase", "--quiet", "--no-autosquash", "--no-autostash", target }, call)
		if not ok then
			if errors.is(err, "conflict") then run.git(repo, { "rebase", "--abort" }, { grace = o.grace }) end
			error(err, 0)
		end
		local result = outcome(repo, before, target)
		if result.kind == "merged" then result.kind = "rebased" end
		return result
	end
	run_or_conflict(repo, merge_words({ ff = o.mode == "merge" or "only" }, target), call)
	return outcome(repo, before, target)
end

return M
