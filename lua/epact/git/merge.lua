-- SPDX-License-Identifier: Apache-2.0
-- repo:merge() and repo:pull().
local change = require "epact.git.change"
local check = require "epact.git.check"
local choice = require "epact.git.choice"
local errors = require "epact.error"
local fields = require "epact.git.fields"
local fs = require "epact.fs"
local read = require "epact.git.read"
local remote = require "epact.git.remote"
local run = require "epact.git.run"
local task = require "epact.task"

local M = {}

local UNDO_GRACE = 30

local function outcome(repo, before, target)
	local head = read.rev_parse(repo, "HEAD")
	local kind = head == before and "up_to_date" or head == target and "fast_forward" or "merged"
	return { head = head, kind = kind }
end

-- What git keeps in its folder while something is under way.
local function git_dir(repo, o)
	return run.line(repo, { "rev-parse", "--absolute-git-dir" }, { timeout = o.timeout, grace = o.grace })
end

local function stands(dir, name) return fs.stat(dir .. "/" .. name) ~= nil end

local merge_spec = run.spec { branch = { nil, "string" }, ff = { true, "boolean|string" }, message = { nil, "string" },
	squash = { false, "boolean" }, no_commit = { false, "boolean" }, abort = { false, "boolean" }, continue = { false, "boolean" },
	favor = { nil, "string" }, author = { nil, "string|table" }, unrelated = { false, "boolean" } }

-- As long as it may be: an argument has a limit, what is read has none.
local MESSAGE = "--file=/proc/self/fd/0"

local function merge_words(o, target)
	local words = { "merge", "--no-edit", "--no-stat" }
	local function add(word) words[#words + 1] = word end
	if o.ff == "only" then add "--ff-only" elseif not o.ff then add "--no-ff" else add "--ff" end
	if o.squash then add "--squash" end
	if o.no_commit then add "--no-commit" end
	if o.unrelated then add "--allow-unrelated-histories" end
	if o.favor then add("--strategy-option=" .. o.favor) end
	if o.message then add(MESSAGE) end
	add(target)
	return words
end

-- Each of the values that are one of several; the caller's caller made the mistake.
local function check_values(o)
	if o.favor and o.favor ~= "ours" and o.favor ~= "theirs" then
		error("git.merge: option 'favor' must be \"ours\" or \"theirs\"", 3)
	end
	if type(o.ff) == "string" and o.ff ~= "only" then error("git.merge: option 'ff' must be true, false or \"only\"", 3) end
	if o.squash and not o.ff then error("git.merge: option 'squash' makes no commit, and 'ff' = false always one", 3) end
	if o.message and not o.message:find "%S" then error("git.merge: option 'message' is empty", 3) end
end

local function continue(repo, o, before)
	if not stands(git_dir(repo, o), "MERGE_HEAD") then
		error(errors.new("not_found", "git merge: no merge is under way"), 0)
	end
	run.git(repo, { "commit", o.message and "--file=-" or "--no-edit", "--cleanup=whitespace" }, o)
	return outcome(repo, before)
end

-- Where HEAD stays although there was something to take, it is in the index now.
local function not_moved(repo, o, target)
	local all_here = run.git(repo, { "merge-base", "--is-ancestor", target, "HEAD" },
		{ accepted = { 1 }, timeout = o.timeout, grace = o.grace }).status == 0
	return all_here and "up_to_date" or o.squash and "squashed" or "not_committed"
end

-- Where a tag has the name of a branch too, git would take the tag.
local function branch_first(repo, name, o)
	local refs = { "refs/heads/" .. name, "refs/tags/" .. name }
	local text = run.output(repo, { "for-each-ref", "--format=%(refname)", refs[1], refs[2] }, { timeout = o.timeout, grace = o.grace })
	return text == table.concat(refs, "\n") .. "\n" and refs[1] or name
end

--- Merges a branch into the one that is checked out.
-- @param options table: `branch` string: a branch or another revision; `ff` true (default: without a commit where none is
--   needed), false (always a commit), "only" (else the error `non_fast_forward`); `message` string; `squash` boolean: its changes
--   go to index and work tree, for a commit with one parent; `no_commit` boolean: the same before the commit of the merge, which
--   `continue` makes; `favor` "ours" or "theirs": whose side is taken where both changed a line; `unrelated` boolean: the histories
--   need no common commit; `author` as of `commit`; `timeout`. Or `abort = true`: back to before a merge that is under way;
--   `continue = true`: commits it, once its files are resolved and added, with `message` in place of the one it was begun with
-- @return table: `kind` "up_to_date", "fast_forward", "merged", "squashed" or "not_committed", and `head`; with `abort` the
--   repository
-- Raises `conflict` with `files`, the paths that conflict, and is in the middle of the merge then; `local_changes`; with `abort` and
-- `continue` `not_found` where no merge is under way.
-- Example: `local ok, err = pcall(repo.merge, repo, { branch = "fix" })`
function M.merge(repo, options)
	local o = run.read(options, merge_spec, "merge")
	choice.one("git.merge", options, { "branch", "abort", "continue" })
	choice.one("git.merge", options, { "squash", "message" }) -- git would drop the message
	choice.needs("git.merge", options, { { "ff", "branch" }, { "squash", "branch" }, { "no_commit", "branch" }, { "favor", "branch" },
		{ "unrelated", "branch" }, { "message", "branch", "continue" } })
	check_values(o)
	o.env, o.input = change.people(o, repo.settings), o.message
	if o.abort then
		run.git(repo, { "merge", "--abort" }, o)
		return repo
	end
	local before = read.rev_parse(repo, "HEAD")
	if o.continue then return continue(repo, o, before) end
	local target = branch_first(repo, check.revision("git.merge: option 'branch'", o.branch), o)
	run.git(repo, merge_words(o, target), o)
	local result = outcome(repo, before, read.rev_parse(repo, target .. "^{commit}"))
	if result.kind == "up_to_date" and (o.squash or o.no_commit) then result.kind = not_moved(repo, o, target) end
	return result
end

-- --- pull ---

local pull_spec = run.network_spec { remote = { nil, "string" }, branch = { nil, "string" }, mode = { "ff", "string" },
	author = { nil, "string|table" } }

local function is_rebasing(dir) return stands(dir, "rebase-merge") or stands(dir, "rebase-apply") end

-- One that somebody else began is theirs to end.
local function refuse_while_rebasing(dir)
	if not is_rebasing(dir) then return end
	error(errors.new("busy", "git pull: a rebase is under way in the repository; end it first, with "
		.. 'command { "rebase", "--continue" } or command { "rebase", "--abort" }'), 0)
end

-- Whether a file is in the work tree itself, and not behind a link that leads out of it.
local function is_within(root, path)
	local folder = path:match "^(.*)/"
	return not folder or fs.realpath(root .. "/" .. folder) == root .. "/" .. folder
end

-- A git that was ended while it wrote files had not yet noted them in the index: they stay, and the next pull would not write over
-- them. Those are of the commit that was pulled, and no older than the rebase.
local function remove_written(repo, began, before, target, call)
	local root = fs.realpath(repo.directory)
	local words = { "diff", "--name-only", "--no-renames", "--diff-filter=A", "-z", "--no-ext-diff", before, target, "--" }
	for path in fields.reader(run.output(repo, words, call)) do
		local there = fs.stat(root .. "/" .. path, { follow = false })
		if there and there.type ~= "directory" and there.mtime >= began and is_within(root, path) then
			fs.remove(root .. "/" .. path)
		end
	end
end

-- before: the commit that the branch was at. Such files stand in the way of --abort too, but not of a reset.
local function undo_rebase(repo, dir, before, target, grace)
	if not is_rebasing(dir) then return end
	local call = { timeout = UNDO_GRACE, grace = grace }
	local function git(...) return (pcall(run.git, repo, { ... }, call)) end
	local note = fs.stat(dir .. "/rebase-merge/orig-head") or fs.stat(dir .. "/rebase-apply/orig-head")
	if not git("rebase", "--abort") then
		if note then git("reset", "--quiet", "--hard", before, "--") end
		-- Ended before it had noted all that --abort reads, it has touched nothing.
		if not git("rebase", "--abort") then git("rebase", "--quit") end
	end
	if note then remove_written(repo, note.mtime, before, target, call) end
end

-- Whatever ends it halfway, be it a conflict, a time limit or a cancel, the branch is as it was before. The error that is raised is
-- that of the rebase, also when it could not be undone.
local function rebase(repo, dir, before, target, call)
	refuse_while_rebasing(dir)
	local done = false
	local _ <close> = setmetatable({}, { __close = function()
		if not done then pcall(task.shield, UNDO_GRACE, undo_rebase, repo, dir, before, target, call.grace) end
	end })
	run.git(repo, { "rebase", "--quiet", "--no-autosquash", "--no-autostash", target }, call)
	done = true
end

-- The message that git itself gives the commit of a pull.
local function pull_message(repo, name, branch, o)
	local url = errors.mask(run.line(repo, { "remote", "get-url", "--", name }, o) or name)
	return ("Merge branch '%s' of %s"):format(branch, (url:gsub("/+$", ""):gsub("%.git$", "")))
end

-- The branch of the remote that the current one follows.
local function upstream(repo, o)
	local current = read.current_branch(repo, o)
	if not current then
		refuse_while_rebasing(git_dir(repo, o))
		error(errors.new("detached_head", "git pull: no branch is checked out; say which with the option 'branch'"), 0)
	end
	local text = run.line(repo, { "for-each-ref", "--format=%(upstream:remotename)%00%(upstream:remoteref)", "refs/heads/" .. current }, o)
	local name, ref = (text or ""):match "^([^\0]+)\0refs/heads/(.+)$"
	return name or "origin", ref or current
end

--- Fetches a branch and brings the current one up to it. The credential is as of `fetch`.
-- @param options table?: `branch` string: of the remote; by default that which the current one follows, else the one of its name;
--   `remote` string; `mode` "ff" (default: the current branch must have no commit of its own, else the error
--   `non_fast_forward`), "merge" or "rebase"; `author` as of `commit`; `credential`, `url`, `progress`, `stall` as of `fetch`;
--   `timeout`: of each step, the fetch and what follows it
-- @return table: `kind` "up_to_date", "fast_forward", "merged" or "rebased", and `head`
-- Raises `conflict` with `files`, and is in the middle of the merge then; a rebase that conflicts, fails or is cancelled is undone.
-- `busy` while a rebase is under way that somebody else began: it is left alone.
function M.pull(repo, options)
	local o = run.read(options, pull_spec, "pull")
	if o.mode ~= "ff" and o.mode ~= "merge" and o.mode ~= "rebase" then
		error("git.pull: option 'mode' must be \"ff\", \"merge\" or \"rebase\"", 2)
	end
	local quick = { timeout = o.timeout, grace = o.grace }
	local name, branch = o.remote, check.opt_ref("git.pull: option 'branch'", o.branch)
	local dir = o.mode == "rebase" and git_dir(repo, quick)
	if dir then refuse_while_rebasing(dir) end
	if not branch then
		local followed
		followed, branch = upstream(repo, quick)
		name = name or followed
	end
	name = name or "origin"
	local target = remote.fetch_branch(repo, name, branch, o)
	local before = read.rev_parse(repo, "HEAD")
	-- The credential once more: a partial clone fetches what is checked out.
	local call = { timeout = o.timeout, grace = o.grace, credential = o.credential, url = o.url,
		env = change.people(o, repo.settings) }
	if dir and before then
		rebase(repo, dir, before, target, call)
		local result = outcome(repo, before, target)
		if result.kind == "merged" then result.kind = "rebased" end
		return result
	end
	local how = { ff = "only" }
	if o.mode == "merge" then how = { ff = true, message = pull_message(repo, name, branch, quick) } end
	call.input = how.message
	run.git(repo, merge_words(how, target), call)
	return outcome(repo, before, target)
end

return M
