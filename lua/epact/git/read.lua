-- SPDX-License-Identifier: Apache-2.0
-- What a repository holds: show, ls_files, rev_parse.
local check = require "epact.git.check"
local diff = require "epact.git.diff"
local fields = require "epact.git.fields"
local log = require "epact.git.log"
local run = require "epact.git.run"

local M = {}

local show_spec = run.spec { path = { nil, "string" }, max_output = { nil, "integer", 1 } }

--- A commit with the files that it changed, or with `path` the bytes of a file as it was there.
-- @param revision string?: HEAD by default; with a path also the id of a tree, or "" for the index
-- @param options table?: `path` string: from the top of the repository; `max_output` bytes; `timeout`
-- @return table as of `log`, with `files` as of `diff`; with a path a string
-- Example: `local text = repo:show("main", { path = "README.md" })`
function M.show(repo, revision, options)
	local o = run.read(options, show_spec, "show")
	local what = revision == "" and "" or check.revision("git.show: the revision", revision or "HEAD")
	if o.path then
		check.paths("git.show: option 'path'", o.path)
		if what:find(":", 1, true) then error("git.show: give a revision and the option 'path'", 2) end
		return run.output(repo, { "cat-file", "blob", what .. ":" .. o.path }, o)
	end
	local commit = log.commit_at(repo, what, o)
	commit.files = diff.of_commit(repo, commit.id, o)
	return commit
end

local ls_spec = run.spec { paths = { nil, "string|strings" }, untracked = { false, "boolean" }, ignored = { false, "boolean" } }

--- The files of the index, or those that are not in it.
-- @param options table?: `paths` string or list: these, and what is below them; `untracked` boolean: in place of the index what is
--   neither in it nor ignored; `ignored` boolean: in place of it what is ignored; `timeout`
-- @return table: an array of `{ path, mode, id, stage }`; stage is 0 but in a conflict; of what is not in the index the path alone
function M.ls_files(repo, options)
	local o = run.read(options, ls_spec, "ls_files")
	local words = { "ls-files", "-z" }
	if o.untracked or o.ignored then
		words[3], words[4] = "--others", "--exclude-standard"
		if o.ignored then words[5] = "--ignored" end
	else
		words[3] = "--stage"
	end
	check.end_with_paths(words, "git.ls_files", o.paths)
	o.literal = true
	local list = {}
	for field in fields.reader(run.output(repo, words, o)) do
		local mode, id, stage, path = field:match "^(%d+) (%x+) (%d)\t(.*)$"
		list[#list + 1] = mode and { path = path, mode = mode, id = id, stage = math.tointeger(stage) } or { path = field }
	end
	return list
end

local parse_spec = run.spec { short = { false, "boolean" } }

--- The id that a revision stands for.
-- @param revision string: such as "main", "HEAD~2", "v1^{commit}", "main:README.md"
-- @param options table?: `short` boolean: as short as is unique; `timeout`
-- @return string, or nil when there is none
function M.rev_parse(repo, revision, options)
	local o = run.read(options, parse_spec, "rev_parse")
	o.accepted = { 1 }
	local words = { "rev-parse", "--verify", "--quiet" }
	if o.short then words[4] = "--short" end
	words[#words + 1] = check.revision("git.rev_parse: the revision", revision)
	return run.line(repo, words, o)
end

-- The branch that is checked out, also before its first commit; nil when none is.
function M.current_branch(repo, call)
	call = call or {}
	return run.line(repo, { "symbolic-ref", "--quiet", "--short", "HEAD" },
		{ accepted = { 1 }, timeout = call.timeout, grace = call.grace })
end

return M
