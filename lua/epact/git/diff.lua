-- SPDX-License-Identifier: Apache-2.0
-- repo:diff(): which files changed, and the text of the changes.
local check = require "epact.git.check"
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

-- --raw --numstat -z: first all of the one, then all of the other.
function M.parse(text)
	local list, by_path = {}, {}
	local read = fields.reader(text)
	for line in read do
		if line:sub(1, 1) == ":" then
			local entry = raw_entry(line, read)
			list[#list + 1] = entry
			by_path[entry.path] = entry
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
-- @param options table?: `from`, `to` string: revisions; `staged` boolean; `merge_base` boolean: from where `from` and the other
--   side parted; `paths` string or list; `renames` boolean (true); `numbers`
--   boolean (true): the numbers of lines, for which all files are read; `text` boolean: with the patch, `context` lines around each
--   change; `max_output` bytes of it (64 MiB), more is the error `too_large`; `timeout`
-- @return table: an array of `{ path, status, old_path, similarity, added, removed, binary, mode, old_mode, id, old_id }`; status is
--   "modified", "added", "deleted", "renamed", "copied", "type_changed" or "unmerged"; added and removed are lines, nil in a
--   binary file; ids and modes are of either side, an id is nil where there is no file. With `text` the patch is its field `text`: bytes, as `git apply` takes them
-- Example: `for _, file in ipairs(repo:diff { from = "main" }) do print(file.status, file.path) end`
function M.diff(repo, options)
	local o = run.read(options, spec, "diff")
	if o.to and not o.from then error("git.diff: option 'to' needs 'from'", 2) end
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
