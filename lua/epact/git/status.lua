-- SPDX-License-Identifier: Apache-2.0
-- repo:status(): git status --porcelain=v2 -z, read.
local check = require "epact.git.check"
local fields = require "epact.git.fields"
local run = require "epact.git.run"

local M = {}

local LETTERS = { M = "modified", T = "type_changed", A = "added", D = "deleted", R = "renamed", C = "copied",
	U = "unmerged" }

local CONFLICTS = { DD = "both_deleted", AU = "added_by_us", UD = "deleted_by_them", UA = "added_by_them", DU = "deleted_by_us",
	AA = "both_added", UU = "both_modified" }

local function header(status, line)
	local name, value = line:match "^# (%S+) (.*)$"
	if name == "branch.oid" then
		if value ~= "(initial)" then status.head = value end
	elseif name == "branch.head" then
		if value == "(detached)" then status.detached = true else status.branch = value end
	elseif name == "branch.upstream" then
		status.upstream = value
	elseif name == "branch.ab" then
		local ahead, behind = value:match "^%+(%d+) %-(%d+)$"
		status.ahead, status.behind = math.tointeger(ahead), math.tointeger(behind)
	elseif name == "stash" then
		status.stashes = math.tointeger(value)
	end
end

local function changed(line, read)
	local kind, x, y, sub = line:match "^([12]) (.)(.) (%S+)"
	local entry = { kind = "changed", index = LETTERS[x], work = LETTERS[y] }
	if sub ~= "N..." then entry.submodule = true end
	if kind == "1" then
		entry.path = line:match("^1 .. %S+ %S+ %S+ %S+ %S+ %S+ (.*)$")
	else
		local score
		score, entry.path = line:match("^2 .. %S+ %S+ %S+ %S+ %S+ %S+ [RC](%d+) (.*)$")
		entry.similarity = math.tointeger(score)
		entry.kind = (x == "C" or y == "C") and "copied" or "renamed"
		entry.old_path = read()
	end
	return entry
end

local readers = {
	["1"] = changed,
	["2"] = changed,
	u = function(line)
		local how, path = line:match "^u (..) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (.*)$"
		return { kind = "conflict", conflict = CONFLICTS[how], path = path }
	end,
	["?"] = function(line) return { kind = "untracked", path = line:sub(3) } end,
	["!"] = function(line) return { kind = "ignored", path = line:sub(3) } end,
}

local function parse(text)
	local status = { entries = {}, detached = false, stashes = 0 }
	local read = fields.reader(text)
	for line in read do
		local first = line:sub(1, 1)
		if first == "#" then
			header(status, line)
		else
			table.insert(status.entries, readers[first](line, read))
		end
	end
	status.clean = #status.entries == 0
	return status
end

local spec = run.spec { untracked = { "all", "string|boolean" }, ignored = { false, "boolean" }, paths = { nil, "string|strings" } }

--- What differs between the last commit, the index and the work tree.
-- @param options table?: `untracked` boolean or string: true or "all" (default): each file, "normal": whole folders, false: none;
--   `ignored` boolean: ignored files too; `paths` string or list: these alone; `timeout`
-- @return table: `branch` (nil when detached), `head` (nil before the first commit), `upstream`, `ahead`, `behind`, `detached`,
--   `stashes`, `clean` (no entry), `entries`: an array of `{ path, kind, ... }`. kind is "changed", "renamed", "copied"
--   (`index` and `work` say what is in the index and the work tree: "modified", "added", "deleted", "renamed", "copied",
--   "type_changed", or nil; `old_path`, `similarity`), "conflict" (`conflict`: "both_modified" and so on), "untracked", "ignored".
--   `submodule` is true for a repository within it
-- Example: `for _, entry in ipairs(repo:status().entries) do print(entry.kind, entry.path) end`
function M.status(repo, options)
	local o = run.read(options, spec, "status")
	local untracked = o.untracked == true and "all" or o.untracked or "no"
	if untracked ~= "all" and untracked ~= "normal" and untracked ~= "no" then
		error("git.status: option 'untracked' must be true, false, \"all\" or \"normal\"", 2)
	end
	local words = { "status", "--porcelain=v2", "-z", "--branch", "--show-stash", "--renames", "--ahead-behind",
		"--untracked-files=" .. untracked }
	if o.ignored then words[#words + 1] = "--ignored" end
	check.end_with_paths(words, "git.status", o.paths)
	o.literal = true
	return parse(run.output(repo, words, o))
end

-- The paths of the files that conflict, sorted by git.
function M.conflicts(repo)
	local list = {}
	for field in fields.reader(run.output(repo, { "ls-files", "--unmerged", "-z" })) do
		local path = field:match "\t(.*)$" -- each has up to three entries, one after another
		if path ~= list[#list] then list[#list + 1] = path end
	end
	return list
end

return M
