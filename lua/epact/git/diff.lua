-- SPDX-License-Identifier: Apache-2.0
-- repo:diff(): which files changed, and the text of the changes.
local check = require "epact.git.check"
local errors = require "epact.error"
local fields = require "epact.git.fields"
local run = require "epact.git.run"

local M = {}

local STATUS = { M = "modified", T = "type_changed", A = "added", D = "deleted", R = "renamed", C = "copied", U = "unmerged" }

-- Whatever the repository prefers: no programs, and a patch as `git apply` takes it.
local PLAIN = { "--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--no-relative" }

local function id_of(text) return not text:find "^0+$" and text or nil end

local function raw_entry(line, read)
	local old_mode, new_mode, old_id, new_id, letter, score = line:match "^:(%d+) (%d+) (%x+) (%x+) (%u)(%d*)$"
	local entry = { status = STATUS[letter], old_mode = old_mode, mode = new_mode, old_id = id_of(old_id), id = id_of(new_id),
		similarity = math.tointeger(score) }
	entry.path = read()
	if letter == "R" or letter == "C" then entry.old_path, entry.path = entry.path, read() end
	return entry
end

-- "ADDED\tREMOVED\tPATH", or with an empty path, followed by the old and the new one.
local function numbers(line, read)
	local added, removed, path = line:match "^(%S+)\t(%S+)\t(.*)$"
	if path == "" then
		read()
		path = read()
	end
	return path, math.tointeger(added), math.tointeger(removed)
end

-- git lists a file that conflicts first as unmerged, without contents, then as what changed between our side and the work tree.
local function add_entry(list, by_path, entry)
	local unmerged = by_path[entry.path]
	if not unmerged or unmerged.status ~= "unmerged" then
		list[#list + 1], by_path[entry.path] = entry, entry
		return
	end
	for name, value in pairs(entry) do
		if name ~= "status" then unmerged[name] = value end
	end
end

-- --raw --numstat -z: first all of the one, then all of the other.
function M.parse(text)
	local list, by_path = {}, {}
	local read = fields.reader(text)
	for line in read do
		if line:sub(1, 1) == ":" then
			add_entry(list, by_path, raw_entry(line, read))
		elseif line ~= "" then
			local path, added, removed = numbers(line, read)
			local entry = by_path[path]
			if entry then entry.added, entry.removed, entry.binary = added, removed, added == nil end
		end
	end
	return list
end

local spec = run.spec { from = { nil, "string" }, to = { nil, "string" }, staged = { false, "boolean" }, text = { false, "boolean" },
	paths = { nil, "string|strings" }, context = { nil, "integer", 0 }, renames = { true, "boolean" }, numbers = { true, "boolean" },
	merge_base = { false, "boolean" }, max_output = { nil, "integer", 1 } }

-- More lines than a file has that somebody reads; git counts them in 32 bits, and its patches are broken beyond.
local MOST_CONTEXT = 1000000

local function refuse(format, ...) error(errors.new("invalid_argument", "git.diff: " .. format:format(...)), 0) end

-- Two commits in one word: "a..b", "a...b", "a^!". A path behind ":" and a text in "{}" may hold any of it.
local function is_range(revision)
	local name = revision:gsub("%b{}", ""):match "^[^:]*"
	return name:find("..", 1, true) or name:find "^%^" or name:find "%^[@!]$" or name:find "%^%-%d*$"
end

-- What git would answer with its usage.
local function check_sides(o)
	if o.to and not o.from then refuse "option 'to' needs 'from'" end
	if o.merge_base and not o.from then refuse "option 'merge_base' needs 'from'" end
	if o.staged and o.to then refuse "options 'staged' and 'to' exclude each other: one side is the index" end
	if o.to and is_range(o.to) then refuse("option 'to' must be one commit, got the range '%s'", o.to) end
	if not (o.from and is_range(o.from)) then return end
	for _, name in ipairs { "to", "staged", "merge_base" } do
		if o[name] then refuse("option '%s' needs one commit in 'from', got the range '%s'", name, o.from) end
	end
end

local function diff_words(o)
	local words = { "diff", o.renames and "--find-renames" or "--no-renames" }
	table.move(PLAIN, 1, #PLAIN, #words + 1, words)
	if o.staged then words[#words + 1] = "--cached" end
	if o.merge_base then words[#words + 1] = "--merge-base" end
	if o.from then words[#words + 1] = check.revision("git.diff: option 'from'", o.from) end
	if o.to then words[#words + 1] = check.revision("git.diff: option 'to'", o.to) end
	return check.end_with_paths(words, "git.diff", o.paths)
end

--- What changed: between index and work tree, or with `staged` between a commit (HEAD) and the index, or from a commit to the work
-- tree or to another commit.
-- @param options table?: `from`, `to` string: revisions; `from` alone may be a range such as "main..fix"; `staged` boolean;
--   `merge_base` boolean: from where `from` and the other side parted; `paths` string or list; `renames` boolean (true); `numbers`
--   boolean (true): the numbers of lines, for which all files are read; `text` boolean: with the patch, `context` lines around each
--   change (3, at most a million); `max_output` bytes of it (64 MiB), more is the error `too_large`; `timeout`
-- @return table: an array of `{ path, status, old_path, similarity, added, removed, binary, mode, old_mode, id, old_id }`; status is
--   "modified", "added", "deleted", "renamed", "type_changed" or "unmerged", which is of a file that conflicts, with what our side
--   and the work tree have; added and removed are lines, nil in a binary file; ids and modes are of either side, an id is nil where
--   there is no file. With `text` the patch is its field `text`: bytes, as `git apply` takes them
-- Example: `for _, file in ipairs(repo:diff { from = "main" }) do print(file.status, file.path) end`
function M.diff(repo, options)
	local o = run.read(options, spec, "diff")
	check_sides(o)
	if o.context and o.context > MOST_CONTEXT then refuse("option 'context' must be %d or less, got %d", MOST_CONTEXT, o.context) end
	o.literal = true
	local words = diff_words(o)
	local list = M.parse(run.output(repo, table.move({ "--raw", o.numbers and "--numstat" or "--raw", "-z", "--no-abbrev" }, 1, 4, 2,
		table.move(words, 2, #words, 6, { words[1] })), o))
	if o.text then
		local patch = table.move({ "--patch", "--binary", "--full-index", o.context and "--unified=" .. o.context or "--unified=3" },
			1, 4, 2, table.move(words, 2, #words, 6, { words[1] }))
		list.text = run.output(repo, patch, o)
	end
	return list
end

-- The files that a commit changed against its first parent.
function M.of_commit(repo, id, call)
	return M.parse(run.output(repo, { "diff-tree", "--root", "-r", "--diff-merges=first-parent", "--no-commit-id", "--find-renames", "--raw",
		"--numstat", "-z", "--no-abbrev", "--no-ext-diff", "--no-textconv", id, "--" }, call))
end

return M
