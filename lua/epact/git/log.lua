-- SPDX-License-Identifier: Apache-2.0
-- repo:log(), repo:commits(), and commits as tables.
local check = require "epact.git.check"
local errors = require "epact.error"
local fields = require "epact.git.fields"
local run = require "epact.git.run"

local M = {}

local FORMAT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x00"
local NAMES = { "id", "tree", "parents", "author_name", "author_email", "author_time", "committer_name", "committer_email",
	"committer_time", "message" }
local PLAIN = { "--no-color", "--no-show-signature", "--no-notes", "--no-mailmap", "--no-patch", "--encoding=UTF-8" }
local PAGE = 256

local function person(raw, kind)
	return { name = raw[kind .. "_name"] or "", email = raw[kind .. "_email"] or "", time = math.tointeger(raw[kind .. "_time"]) }
end

local function commit_of(raw)
	local message = (raw.message or ""):gsub("\n+$", "")
	local parents = {}
	for id in (raw.parents or ""):gmatch "%x+" do parents[#parents + 1] = id end
	return { id = raw.id, tree = raw.tree, parents = parents, author = person(raw, "author"), committer = person(raw, "committer"),
		message = message, subject = message:match "^%s*([^\n]*)" or "" }
end

local function parse(text)
	local list = fields.records(text, NAMES)
	for i, raw in ipairs(list) do list[i] = commit_of(raw) end
	return list
end

local spec = run.spec { from = { nil, "string" }, max = { 100, "integer", 1 }, skip = { 0, "integer", 0 },
	paths = { nil, "string|strings" }, author = { nil, "string" }, grep = { nil, "string" }, since = { nil, "string|number" },
	["until"] = { nil, "string|number" }, first_parent = { false, "boolean" }, merges = { nil, "boolean" },
	all = { false, "boolean" }, reverse = { false, "boolean" } }

local function time(value) return type(value) == "number" and "@" .. check.time("git.log: a time", value) or value end

-- The words of a log, without its number of commits.
local function log_words(o)
	local words = { "log", "--format=" .. FORMAT }
	table.move(PLAIN, 1, #PLAIN, #words + 1, words)
	local function add(flag, value)
		if value then words[#words + 1] = value == true and flag or flag .. value end
	end
	add("--skip=", o.skip > 0 and check.count(o.skip))
	add("--author=", o.author)
	add("--grep=", o.grep)
	add("--since=", time(o.since))
	add("--until=", time(o["until"]))
	add("--first-parent", o.first_parent)
	add("--all", o.all)
	add("--reverse", o.reverse)
	if o.merges ~= nil then words[#words + 1] = o.merges and "--merges" or "--no-merges" end
	if o.from then words[#words + 1] = check.revision("git.log: option 'from'", o.from) end
	return check.end_with_paths(words, "git.log", o.paths)
end

-- A branch without a commit has an empty history, unless one was named.
local function read_page(repo, o, max)
	local words = log_words(o)
	table.insert(words, 2, "--max-count=" .. check.count(max))
	o.literal = true
	local ok, result = pcall(run.output, repo, words, o)
	if ok then return parse(result) end
	if not o.from and errors.is(result, "branch_not_found") then return {} end
	error(result, 0)
end

--- Commits, the latest first.
-- @param options table?: `from` string: a revision or range such as "main..work" (HEAD); `max` integer (100), `skip`; `paths` string
--   or list: those that changed them; `author`, `grep`: patterns; `since`, `until`: text that git knows, or seconds since 1970;
--   `first_parent`, `all`, `reverse` boolean; `merges` boolean: only, or without; `timeout`
-- @return table: an array of `{ id, tree, parents, author = { name, email, time }, committer, message, subject }`; times are
--   seconds since 1970. Empty before the first commit
-- Example: `print(repo:log({ max = 1 })[1].subject)`
function M.log(repo, options)
	local o = run.read(options, spec, "log")
	return read_page(repo, o, o.max)
end

--- Iterates over commits, some hundreds of which are read at a time.
-- @param options table?: as of `log`; `max` is without limit, and `reverse` is not possible
-- @return iterator
-- Example: `for commit in repo:commits { paths = "src" } do print(commit.id, commit.subject) end`
function M.commits(repo, options)
	local o = run.read(options, spec, "commits")
	local left = options and options.max or math.huge
	if o.reverse then error("git.commits: option 'reverse' is one of git.log", 2) end
	local page, at, ended = {}, 0, false
	local function fetch()
		-- From a fixed commit on: a branch may move while somebody reads.
		if not o.from and not o.all then
			o.from = run.line(repo, { "rev-parse", "--verify", "--quiet", "HEAD" }, { accepted = { 1 } })
			if not o.from then return {} end
		end
		local size = math.min(PAGE, left)
		local list = read_page(repo, o, size)
		o.skip, left = o.skip + #list, left - #list
		ended = #list < size or left == 0
		return list
	end
	return function()
		at = at + 1
		if at > #page then
			if ended then return nil end
			page, at = fetch(), 1
		end
		return page[at]
	end
end

-- One commit; raises branch_not_found.
function M.commit_at(repo, revision, call)
	local words = { "log", "--max-count=1", "--format=" .. FORMAT }
	table.move(PLAIN, 1, #PLAIN, #words + 1, words)
	words[#words + 1] = revision
	words[#words + 1] = "--"
	return parse(run.output(repo, words, call))[1]
end

return M
