-- SPDX-License-Identifier: Apache-2.0
-- Names of commits: checkout, branch, tag.
local change = require "epact.git.change"
local check = require "epact.git.check"
local choice = require "epact.git.choice"
local errors = require "epact.error"
local fields = require "epact.git.fields"
local read = require "epact.git.read"
local run = require "epact.git.run"

local M = {}

local checkout_spec = run.spec { branch = { nil, "string" }, new = { false, "boolean" }, from = { nil, "string" },
	detach = { nil, "string" }, paths = { nil, "string|strings" }, force = { false, "boolean" }, track = { nil, "boolean" } }

local function switch_words(o)
	local words = { "switch", "--quiet", "--no-recurse-submodules" }
	if o.force then words[#words + 1] = "--discard-changes" end
	if o.track ~= nil then words[#words + 1] = o.track and "--track" or "--no-track" end
	if o.detach then
		words[#words + 1] = "--detach"
		words[#words + 1] = check.revision("git.checkout: option 'detach'", o.detach)
	elseif o.new then
		words[#words + 1] = "--create"
		words[#words + 1] = check.ref("git.checkout: option 'branch'", o.branch)
		if o.from then words[#words + 1] = check.revision("git.checkout: option 'from'", o.from) end
	else
		words[#words + 1] = "--guess"
		words[#words + 1] = check.ref("git.checkout: option 'branch'", o.branch)
	end
	return words
end

-- git makes a branch of that of a remote only if it follows it, which a clone of one branch does not.
local function switch(repo, o)
	local ok, err = pcall(run.git, repo, switch_words(o), o)
	if ok then return end
	local from = errors.is(err, "branch_not_found") and o.branch and not o.new and "refs/remotes/origin/" .. o.branch
	if not from or not read.rev_parse(repo, from) then error(err, 0) end
	local new = { branch = o.branch, new = true, from = from, track = false }
	run.git(repo, switch_words(setmetatable(new, { __index = o })), o)
end

-- The id of what files are taken from: git takes a word that is no revision, with paths behind it, for a path.
local function source(repo, o)
	local id = read.id(repo, "git.checkout: option 'from'", o.from, { timeout = o.timeout, grace = o.grace })
	if id then return id end
	error(errors.new("branch_not_found", ("git checkout: there is no branch, tag or commit '%s'"):format(o.from)), 0)
end

--- Checks out a branch or a commit, or with `paths` files of a commit.
-- @param options table: `branch` string: one that is here, or else one that a remote has and that is then made here; with
--   `new = true` a new one, `from` a revision (HEAD), `track` boolean; `detach` string: the revision alone, without a branch;
--   `paths` string or list: these files as they are in the index, or in the revision `from`; `force` boolean: changes are
--   lost; `timeout`
-- @return repository: itself
-- Raises `local_changes` rather than lose a change, `branch_not_found`, `exists`.
-- Example: `repo:checkout { branch = "fix", new = true }`
function M.checkout(repo, options)
	local o = run.read(options, checkout_spec, "checkout")
	local given = (o.branch and 1 or 0) + (o.detach and 1 or 0) + (o.paths and 1 or 0)
	if given ~= 1 then error("git.checkout: give one of the options 'branch', 'detach' and 'paths'", 2) end
	choice.needs("git.checkout", options, { { "new", "branch" }, { "from", "new", "paths" } })
	if not o.paths then
		switch(repo, o)
		return repo
	end
	local words = { "checkout", "--quiet", "--no-recurse-submodules", "--pathspec-from-file=-", "--pathspec-file-nul" }
	if o.from then words[#words + 1] = source(repo, o) end
	o.input = table.concat(check.paths("git.checkout", o.paths), "\0") .. "\0"
	o.literal = true
	run.git(repo, words, o)
	return repo
end

-- --- branches ---

local branch_spec = run.spec { create = { nil, "string" }, from = { nil, "string" }, delete = { nil, "string" },
	rename = { nil, "string" }, to = { nil, "string" }, force = { false, "boolean" }, remote = { false, "boolean" } }

local FIELDS = { "%(refname)", "%(objectname)", "%(HEAD)", "%(upstream)", "%(upstream:track,nobracket)", "%(symref)" }
local NAMES = { "ref", "id", "head", "upstream", "track", "symref" }

local function read_branch(raw)
	local kind, name = raw.ref:match "^refs/(%a+)/(.*)$"
	local track = raw.track or ""
	local branch = { name = name, id = raw.id, current = raw.head == "*", remote = kind == "remotes" }
	if raw.upstream then
		branch.upstream = raw.upstream:gsub("^refs/%a+/", "")
		branch.gone = track == "gone" or nil
		branch.ahead = not branch.gone and (math.tointeger(track:match "ahead (%d+)") or 0) or nil
		branch.behind = not branch.gone and (math.tointeger(track:match "behind (%d+)") or 0) or nil
	end
	return branch
end

local function branches(repo, o)
	local words = { "for-each-ref", "--format=" .. table.concat(FIELDS, "%00") .. "%00", "refs/heads" }
	if o.remote then words[3] = "refs/remotes" end
	local list = {}
	for _, raw in ipairs(fields.records(run.output(repo, words, o), NAMES)) do
		if not raw.symref then list[#list + 1] = read_branch(raw) end
	end
	return list
end

--- Makes, deletes, renames a branch. Without options: the branches.
-- @param options table?: `create` string, with `from` a revision (HEAD); or `delete` string; or `rename` string, with `to`
--   string; `force` boolean: one that is there is replaced, one that is not merged is deleted; or `remote = true`: the
--   branches of remotes, as they were at the last fetch; `timeout`
-- @return table: without create, delete and rename an array of `{ name, id, current, remote, upstream, ahead, behind, gone }`, else
--   the repository
-- Raises `exists`, `branch_not_found`, `busy` (it is checked out), `conflict` (it is not merged).
-- Example: `for _, branch in ipairs(repo:branch()) do print(branch.name, branch.ahead) end`
function M.branch(repo, options)
	local o = run.read(options, branch_spec, "branch")
	choice.one("git.branch", options, { "create", "delete", "rename", "remote" })
	choice.needs("git.branch", options,
		{ { "from", "create" }, { "to", "rename" }, { "force", "create", "delete", "rename" } })
	local words = { "branch", "--quiet" }
	if o.create then
		words[3] = o.force and "--force" or "--no-track"
		words[4] = check.ref("git.branch: option 'create'", o.create)
		-- git alone takes the name of the current branch, which a tag may have too.
		words[5] = check.revision("git.branch: option 'from'", o.from or "HEAD")
	elseif o.delete then
		words[3] = o.force and "-D" or "-d"
		words[4] = check.ref("git.branch: option 'delete'", o.delete)
	elseif o.rename then
		if not o.to then error("git.branch: option 'rename' needs 'to'", 2) end
		words[3] = o.force and "-M" or "-m"
		words[4] = check.ref("git.branch: option 'rename'", o.rename)
		words[5] = check.ref("git.branch: option 'to'", o.to)
	else
		return branches(repo, o)
	end
	run.git(repo, words, o)
	return repo
end

--- The branch that is checked out.
-- @return string, or nil when none is
function M.current_branch(repo) return read.current_branch(repo) end

-- --- tags ---

local tag_spec = run.spec { create = { nil, "string" }, at = { nil, "string" }, message = { nil, "string" }, delete = { nil, "string" },
	force = { false, "boolean" }, author = { nil, "string|table" } }

local TAG_FIELDS = "--format=%(refname)%00%(objectname)%00%(*objectname)%00%(objecttype)%00%(contents)%00"

local function tags(repo, o)
	local list = fields.records(run.output(repo, { "for-each-ref", TAG_FIELDS, "refs/tags" }, o),
		{ "ref", "id", "target", "type", "contents" })
	for i, raw in ipairs(list) do
		local annotated = raw.type == "tag"
		list[i] = { name = raw.ref:match "^refs/tags/(.*)$", id = raw.id, target = raw.target or raw.id,
			message = annotated and (raw.contents or ""):gsub("\n+$", "") or nil }
	end
	return list
end

--- Makes or deletes a tag. Without options: the tags.
-- @param options table?: `create` string, `at` a revision (HEAD), `message` string: then it is a tag of its own with an `author`;
--   or `delete` string; `force` boolean: one that is there is replaced; `timeout`
-- @return table: without create and delete an array of `{ name, id, target, message }`, else the repository
function M.tag(repo, options)
	local o = run.read(options, tag_spec, "tag")
	choice.one("git.tag", options, { "create", "delete" })
	choice.needs("git.tag", options,
		{ { "at", "create" }, { "message", "create" }, { "author", "create" }, { "force", "create" } })
	local words = { "tag" }
	if o.create then
		if o.force then words[#words + 1] = "--force" end
		if o.message then
			words[#words + 1] = "--file=-"
			words[#words + 1] = "--cleanup=whitespace"
			words[#words + 1] = "--annotate"
			o.input, o.env = o.message, change.people(o, repo.settings)
		end
		words[#words + 1] = check.new_tag("git.tag: option 'create'", o.create)
		if o.at then words[#words + 1] = check.revision("git.tag: option 'at'", o.at) end
	elseif o.delete then
		words[2], words[3] = "--delete", check.ref("git.tag: option 'delete'", o.delete)
	else
		return tags(repo, o)
	end
	run.git(repo, words, o)
	return repo
end

return M
