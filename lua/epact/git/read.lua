-- SPDX-License-Identifier: Apache-2.0
-- What a repository holds: show, ls_files, rev_parse.
local check = require "epact.git.check"
local diff = require "epact.git.diff"
local errors = require "epact.error"
local fields = require "epact.git.fields"
local log = require "epact.git.log"
local run = require "epact.git.run"

local M = {}

local show_spec = run.spec { path = { nil, "string" }, max_output = { nil, "integer", 1 } }

--- A commit with the files that it changed, or with `path` the bytes of a file as it was there.
-- @param revision string?: HEAD by default; with a path also the id of a tree, or "" for the index
-- @param options table?: `path` string: from the top of the repository; `max_output` bytes; `timeout`
-- @return table as of `log`, with `files` as of `diff`; with a path a string
-- Raises `branch_not_found`, with a path `not_found`; `invalid_argument` for what is no commit, such as a tree.
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
	if not commit then -- git log shows nothing of trees and files
		error(errors.new("invalid_argument", ("git.show: '%s' is no commit; what a file holds is read with the option 'path'"):format(what)), 0)
	end
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

-- git has a status of its own for a revision that leads nowhere, such as "@{u}" and "v1@{u}". Of "HEAD@{99}" some say nothing at all.
local function leads_nowhere(err)
	return errors.is(err) and err.status == 128 and (err.code == "branch_not_found" or (err.detail or "") == "")
end

-- A full id counts for git whether there is such an object or not.
local function existing(revision)
	local is_id = not revision:find "%X" and (#revision == 40 or #revision == 64)
	return is_id and revision .. "^{object}" or revision
end

-- The id that a revision stands for, nil when there is none; `what` is for the message that refuses it.
function M.id(repo, what, revision, call)
	local words = { "rev-parse", "--verify", "--quiet" }
	if call.short then words[4] = "--short" end
	words[#words + 1] = existing(check.revision(what, revision))
	call.accepted = { 1 }
	local ok, result = pcall(run.git, repo, words, call)
	if not ok then
		if leads_nowhere(result) then return nil end
		error(result, 0)
	end
	local text = result.stdout:gsub("\n$", "")
	-- Of several git shows all, before it says that it wanted one; of one that is left out it shows that with a '^'.
	if text ~= "" and (result.status ~= 0 or text:find "^%^") then
		error(errors.new("invalid_argument", ("%s '%s' is a range, which has no id of its own"):format(what, revision)), 0)
	end
	return text ~= "" and text or nil
end

--- The id that a revision stands for.
-- @param revision string: such as "main", "HEAD~2", "v1^{commit}", "main:README.md"
-- @param options table?: `short` boolean: as short as is unique; `timeout`
-- @return string, or nil when there is none
-- Raises `invalid_argument` for a range such as "main..fix", which stands for several.
function M.rev_parse(repo, revision, options)
	return M.id(repo, "git.rev_parse: the revision", revision, run.read(options, parse_spec, "rev_parse"))
end

-- The branch that is checked out, also before its first commit; nil when none is. Its short name would be another one where a tag
-- has it too.
function M.current_branch(repo, call)
	call = call or {}
	local ref = run.line(repo, { "symbolic-ref", "--quiet", "HEAD" }, { accepted = { 1 }, timeout = call.timeout, grace = call.grace })
	return ref and ref:match "^refs/heads/(.+)$"
end

return M
