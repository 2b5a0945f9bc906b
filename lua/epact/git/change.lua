-- SPDX-License-Identifier: Apache-2.0
-- What changes index, work tree and history: add, commit, reset, stash.
local check = require "epact.git.check"
local choice = require "epact.git.choice"
local errors = require "epact.error"
local log = require "epact.git.log"
local fields = require "epact.git.fields"
local read = require "epact.git.read"
local run = require "epact.git.run"
local status = require "epact.git.status"

local M = {}

-- Paths go through standard input: any number, any bytes.
local function with_paths(words, o, what, paths)
	if not paths then return words end
	words[#words + 1] = "--pathspec-from-file=-"
	words[#words + 1] = "--pathspec-file-nul"
	o.input = table.concat(check.paths(what, paths), "\0") .. "\0"
	o.literal = true
	return words
end

local add_spec = run.spec { files = { nil, "string|strings" }, all = { false, "boolean" }, force = { false, "boolean" } }

-- Without entering the repositories within: git add would ask each for its status.
local function add_one_by_one(repo, o)
	local paths = {}
	for _, entry in ipairs(status.status(repo, { timeout = o.timeout, grace = o.grace }).entries) do
		paths[#paths + 1] = entry.path
		paths[#paths + 1] = entry.old_path
	end
	if #paths == 0 then return end
	run.git(repo, { "update-index", "--add", "--remove", "-z", "--stdin" },
		{ input = table.concat(paths, "\0") .. "\0", timeout = o.timeout, grace = o.grace })
end

--- Takes changes of the work tree into the index: new, changed and removed files.
-- @param options table?: `files` string or list: these, and what is below them; everything by default, or with `all = true`;
--   `force` boolean: also ignored ones that are named, and those outside of the folders of a sparse clone; `timeout`
-- Names are taken as they are: no wildcards, no `:(...)`.
-- @return repository: itself
-- Example: `repo:add { files = { "src", "a file" } }:commit { message = "Change" }`
function M.add(repo, options)
	local o = run.read(options, add_spec, "add")
	local words = { "add", "--all" }
	if o.force then words[3], words[4] = "--force", "--sparse" end
	local files = not o.all and o.files or nil
	if files == "." then files = nil end
	local ok, err = pcall(run.git, repo, with_paths(words, o, "git.add", files), o)
	if ok then return repo end
	if files or not errors.is(err, "unsafe_config") or not err.status then error(err, 0) end
	add_one_by_one(repo, o)
	return repo
end

local commit_spec = run.spec { message = { nil, "string" }, author = { nil, "string|table" }, committer = { nil, "string|table" },
	date = { nil, "number" }, all = { false, "boolean" }, allow_empty = { false, "boolean" }, amend = { false, "boolean" },
	files = { nil, "string|strings" } }

local function people(o, settings)
	local env = {}
	local author = o.author or settings.author
	check.person(env, "AUTHOR", "option 'author'", author)
	check.person(env, "COMMITTER", "option 'committer'", o.committer or author)
	if o.date then
		local date = check.time("git.commit: option 'date'", o.date)
		for _, kind in ipairs { "AUTHOR", "COMMITTER" } do env[#env + 1] = ("GIT_%s_DATE=@%s +0000"):format(kind, date) end
	end
	return env
end

M.people = people

-- git commit that finds nothing to commit asks all repositories within for their status, by their own configuration. That there
-- is something is found out by commands that do not; a merge is committed without a change, too.
local function check_not_empty(repo, o)
	local call = { timeout = o.timeout, grace = o.grace, accepted = { 1 }, literal = true }
	local words = { "diff", "--quiet", "HEAD" }
	if not o.all and not o.files then words[3] = "--cached" end
	check.end_with_paths(words, "git.commit", o.files)
	if not read.rev_parse(repo, "HEAD") then
		if run.output(repo, { "ls-files", "-z", "--cached" }, call) ~= "" then return end
	elseif run.git(repo, words, call).status == 1 or read.rev_parse(repo, "MERGE_HEAD") then
		return
	end
	if o.files then -- is there one that git does not know?
		call.accepted = nil
		run.git(repo, check.end_with_paths({ "ls-files", "--error-unmatch" }, "git.commit", o.files), call)
	end
	local err = errors.new("nothing_to_commit", ("git commit in '%s': there is nothing to commit%s"):format(repo.directory,
		o.files and " in these files" or o.all and "" or " in the index"))
	err.operation = "git commit"
	error(err, 0)
end

-- Whether a message has more than blanks and sign-offs, which alone are nothing for git.
local function says_something(message)
	for line in message:gmatch "[^\n]+" do
		if line:find "%S" and not line:find "^Signed%-off%-by: " then return true end
	end
	return false
end

--- Commits what is in the index.
-- @param options table: `message` string, in UTF-8; `author` "Name <mail address>" or `{ name, email }`: that of `git.open`, else of the
--   repository's configuration, else Relace <noreply@relace.ai>; `committer` (the author); `date` seconds since 1970;
--   `all` boolean: with the changes of all files that are in the index; `files` string or list: these alone, as they are in the
--   work tree; `allow_empty` boolean: a commit without a change; `amend` boolean: in place of the last one, whose message stays
--   when none is given; `timeout`
-- @return table: the commit, as of `log`
-- Raises `nothing_to_commit`, `conflict`, `not_found` for a file that git does not know (add it first). Hooks do not run.
-- Example: `repo:commit { message = "Fix the parser", all = true }`
function M.commit(repo, options)
	local o = run.read(options, commit_spec, "commit")
	if not o.message and not o.amend then error("git.commit: option 'message' is missing", 2) end
	if o.message and not says_something(o.message) then error("git.commit: option 'message' is empty", 2) end
	choice.one("git.commit", options, { "all", "files" })
	local words = { "commit", "--no-edit", "--cleanup=whitespace" }
	if o.message then words = { "commit", "--file=-", "--cleanup=whitespace" } end
	if o.all then words[#words + 1] = "--all" end
	if o.allow_empty then words[#words + 1] = "--allow-empty" end
	if o.amend then words[#words + 1] = "--amend" end
	if o.amend and o.author then words[#words + 1] = "--reset-author" end
	if o.amend and o.date then words[#words + 1] = ("--date=@%s +0000"):format(check.time("git.commit: option 'date'", o.date)) end
	o.env, o.input = people(o, repo.settings), o.message
	if o.files then
		words[#words + 1] = "--only"
		check.end_with_paths(words, "git.commit", o.files)
		o.literal = true
	end
	if not o.amend and not o.allow_empty and not repo.settings.trust then check_not_empty(repo, o) end
	run.git(repo, words, o)
	return log.commit_at(repo, "HEAD", { timeout = o.timeout, grace = o.grace })
end

local MODES = { soft = true, mixed = true, hard = true, keep = true, merge = true }

local reset_spec = run.spec { to = { nil, "string" }, mode = { "mixed", "string" }, paths = { nil, "string|strings" } }

--- Moves the branch to a commit, or with `paths` puts files of a commit into the index.
-- @param options table?: `to` string: a revision (HEAD); `mode` "mixed" (default: the index too), "soft" (the branch alone), "hard"
--   (the work tree too: changes are lost), "keep", "merge"; `paths` string or list; `timeout`
-- @return repository: itself
function M.reset(repo, options)
	local o = run.read(options, reset_spec, "reset")
	choice.one("git.reset", options, { "mode", "paths" })
	if not MODES[o.mode] then error(("git.reset: option 'mode' must be \"mixed\", \"soft\", \"hard\", \"keep\" or \"merge\", got '%s'")
		:format(o.mode), 2) end
	local words = { "reset", "--quiet" }
	if not o.paths then words[#words + 1] = "--" .. o.mode end
	with_paths(words, o, "git.reset", o.paths)
	if o.to then words[#words + 1] = check.revision("git.reset: option 'to'", o.to) end
	words[#words + 1] = "--" -- the revision may have the name of a file
	run.git(repo, words, o)
	return repo
end

-- --- stash ---

local stash_spec = run.spec { push = { nil, "boolean|string" }, pop = { nil, "boolean|integer" }, apply = { nil, "boolean|integer" },
	drop = { nil, "boolean|integer" }, untracked = { false, "boolean" }, keep_index = { false, "boolean" },
	paths = { nil, "string|strings" } }

local stash = {}

local SILENT = { [""] = true, ["The stash entry is kept in case you need it again.\n"] = true }

-- git stash does not say that it cannot write the index; another command does, if it still is so.
local function run_stash(repo, words, o)
	local ok, err = pcall(run.git, repo, words, o)
	if ok then return end
	if not errors.is(err, "exit_status") or not SILENT[err.detail or ""] then error(err, 0) end
	run.git(repo, { "update-index", "--force-write-index" }, { timeout = o.timeout, grace = o.grace })
	error(errors.new("locked", "git stash: another git held the lock of the index",
		{ operation = err.operation, status = err.status, retryable = true }), 0)
end

-- Without --quiet, which keeps the reasons back.
function stash.push(repo, o)
	local before = read.rev_parse(repo, "refs/stash")
	local words = { "stash", "push" }
	if o.untracked then words[#words + 1] = "--include-untracked" end
	if o.keep_index then words[#words + 1] = "--keep-index" end
	if type(o.push) == "string" then words[#words + 1] = "--message=" .. o.push end
	o.env = people({}, repo.settings)
	run_stash(repo, with_paths(words, o, "git.stash", o.paths), o)
	local id = read.rev_parse(repo, "refs/stash")
	return id ~= before and id or nil
end

local function take(verb)
	return function(repo, o)
		run_stash(repo, { "stash", verb, "--quiet", check.stash(o[verb]) }, o)
		return true
	end
end

stash.pop, stash.apply, stash.drop = take "pop", take "apply", take "drop"

local function stashes(repo, o)
	local list = fields.records(run.output(repo, { "stash", "list", "--format=%H%x00%ct%x00%gs%x00" }, o), { "id", "time", "message" })
	for i, entry in ipairs(list) do entry.number, entry.time = i - 1, math.tointeger(entry.time) end
	return list
end

--- Puts changes aside, and takes them back. Without options: what is put aside.
-- @param options table?: one of `push` true or a message, with `untracked`, `keep_index` booleans, `paths` string or list; `pop`,
--   `apply`, `drop`: true or a number, 0 for the latest; `timeout`
-- @return of push the id, nil when there was nothing to put aside; of the others true; without options an array of
--   `{ number, id, time, message }`, the latest first; message is git's: "On main: before the merge"
-- Raises `conflict` with `files` when they cannot be taken back as they were; a stash that is popped stays then.
-- Example: `repo:stash { push = "before the merge", untracked = true }`
function M.stash(repo, options)
	local o = run.read(options, stash_spec, "stash")
	local verb = choice.one("git.stash", options, { "push", "pop", "apply", "drop" })
	choice.needs("git.stash", options, { { "untracked", "push" }, { "keep_index", "push" }, { "paths", "push" } })
	if verb then return stash[verb](repo, o) end
	return stashes(repo, o)
end

return M
