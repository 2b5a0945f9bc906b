-- SPDX-License-Identifier: Apache-2.0
-- What talks to other repositories: fetch, push, remote.
local check = require "epact.git.check"
local choice = require "epact.git.choice"
local core = require "epact.core.git"
local errors = require "epact.error"
local fields = require "epact.git.fields"
local draw = require "epact.git.draw"
local read = require "epact.git.read"
local run = require "epact.git.run"

local M = {}

-- Not --quiet: git would keep to itself why it refuses, and what --porcelain says.
local function progress_words(words, o, label)
	o.progress = draw.choose(o.progress, label)
	words[#words + 1] = o.progress and "--progress" or "--no-progress"
	return words
end

-- git refuses to unshallow what is whole.
local function is_shallow(repo, o)
	return run.line(repo, { "rev-parse", "--is-shallow-repository" }, { timeout = o.timeout, grace = o.grace }) == "true"
end

local fetch_spec = run.network_spec { remote = { "origin", "string" }, branch = { nil, "string" }, depth = { nil, "integer", 1 },
	unshallow = { false, "boolean" }, prune = { false, "boolean" }, tags = { nil, "boolean" } }

--- Fetches from a remote: all its branches that are followed here, or with `branch` one of them, which is followed from then on
-- only if it was cloned so.
-- @param options table?: `remote` string ("origin"); `branch` string; `depth` integer: so many commits; `unshallow` boolean: all
--   that a clone left out; `prune` boolean: forget branches that the remote has no more; `tags` boolean: all, or none;
--   `progress` function or true: as of `epact.git.clone`; `credential`: a fresh one for this call, with `url` when the object knows
--   none: the address that it is for, or a start of it; `stall`, `timeout`
-- @return repository: itself; with `branch` and the id of its commit
-- Raises `authentication`, `branch_not_found`, `not_found`, `network` and so on, as `epact.git.clone`.
function M.fetch(repo, options)
	local o = run.read(options, fetch_spec, "fetch")
	o.remote = check.remote(o.remote)
	if o.unshallow and o.depth then error("git.fetch: options 'unshallow' and 'depth' exclude each other", 2) end
	o.unshallow = o.unshallow and is_shallow(repo, o)
	if o.branch then return repo, M.fetch_branch(repo, o.remote, check.ref("git.fetch: option 'branch'", o.branch), o) end
	o.net = { remote = o.remote }
	run.git(repo, M.fetch_words(o), o)
	return repo
end

function M.fetch_words(o)
	local words = progress_words({ "fetch", "--no-write-fetch-head", "--no-auto-maintenance" }, o, "fetching " .. o.remote)
	if o.depth then words[#words + 1] = "--depth=" .. check.count(o.depth) end
	if o.unshallow then words[#words + 1] = "--unshallow" end
	if o.prune then words[#words + 1] = "--prune" end
	if o.tags ~= nil then words[#words + 1] = o.tags and "--tags" or "--no-tags" end
	words[#words + 1] = "--"
	words[#words + 1] = o.remote
	return words
end

-- Fetches one branch to where it is followed, also in a clone of another one alone. Returns the id of its commit.
function M.fetch_branch(repo, name, branch, o)
	o.remote = check.remote(name)
	o.net = { remote = name }
	local words = M.fetch_words(o)
	words[#words + 1] = ("+refs/heads/%s:refs/remotes/%s/%s"):format(branch, name, branch)
	run.git(repo, words, o)
	return read.rev_parse(repo, ("refs/remotes/%s/%s"):format(name, branch))
end

-- --- push ---

local push_spec = run.network_spec { remote = { "origin", "string" }, branch = { nil, "string" }, to = { nil, "string" },
	tag = { nil, "string" }, delete = { nil, "string" }, set_upstream = { true, "boolean" }, force = { false, "boolean" },
	force_with_lease = { nil, "boolean|string" } }

local KINDS = { [" "] = "fast_forward", ["+"] = "forced", ["*"] = "new", ["="] = "up_to_date", ["-"] = "deleted" }

local function current(repo, o)
	local branch = read.current_branch(repo, o)
	if branch then return branch end
	error(errors.new("detached_head", "git push: no branch is checked out; say what is pushed, and to where: "
		.. "push { branch = NAME }"), 0)
end

-- What is pushed, and as what: the name, and the ref of it there.
local function refspec(repo, o)
	if o.delete then
		local ref = "refs/heads/" .. check.ref("git.push: option 'delete'", o.delete)
		return ":" .. ref, o.delete, ref
	end
	if o.tag then
		local ref = "refs/tags/" .. check.ref("git.push: option 'tag'", o.tag)
		return ref .. ":" .. ref, o.tag, ref
	end
	local branch = check.opt_ref("git.push: option 'branch'", o.branch) or current(repo, o)
	local to = check.opt_ref("git.push: option 'to'", o.to) or branch
	return ("refs/heads/%s:refs/heads/%s"):format(branch, to), to, "refs/heads/" .. to
end

local function tracking(o, name) return ("refs/remotes/%s/%s"):format(o.remote, name) end

-- The lease is of the branch as it was at the last fetch or push, or at the commit that was named. It is said in full: git
-- alone does not know it in a clone that follows another branch only. Without an id: it must not be there.
local function lease(repo, o, name, ref)
	local id = o.force_with_lease
	if id == true then id = read.rev_parse(repo, tracking(o, name)) or "" end
	if id ~= "" then check.revision("git.push: option 'force_with_lease'", id) end
	return ("--force-with-lease=%s:%s"):format(ref, id)
end

-- For the same reason git does not always note what the remote has now. That it cannot be noted, as a branch that the remote had
-- is in the way, does not undo the push.
local function note(repo, o, spec, name)
	local id = read.rev_parse(repo, spec:match "^(.-):")
	if id then run.git(repo, { "update-ref", tracking(o, name), id }, { timeout = o.timeout, grace = o.grace }) end
end

local function result_of(text, name)
	for line in text:gmatch "[^\n]+" do
		local flag, summary = line:match "^(.)\t[^\t]*\t(.*)$"
		if KINDS[flag] then
			local old, new = summary:match "^(%x+)%.%.%.?(%x+)"
			return { name = name, kind = KINDS[flag], old = old, new = new }
		end
	end
	return { name = name, kind = "up_to_date" }
end

-- To delete what is not there is a success for git; its server says so in words alone.
local function check_deleted(answer, name)
	if not answer.stderr:find("deleting a non-existent ref", 1, true) then return end
	error(errors.new("branch_not_found", ("git push: the remote has no branch '%s'"):format(name), { detail = errors.mask(answer.stderr) }), 0)
end

--- Pushes a branch to a remote, from where `pull` takes it from then on. In a clone of another branch alone `status` and `branch` do
-- not say how far it is from there: such a clone follows that one.
-- @param options table?: `branch` string: the current one by default; `to` string: its name there (the same); or `tag` string; or
--   `delete` string: a branch of the remote; `remote` string ("origin"); `set_upstream` boolean (true); `force_with_lease` true: the
--   remote's branch is replaced if it is where it was at the last fetch, or a string: if it is at this commit, also a tag; or `force`
--   boolean: it is replaced; `progress`, `credential`, `url`, `stall`, `timeout` as of `fetch`
-- @return table: `name`, `kind` "new", "fast_forward", "forced", "up_to_date" or "deleted", and where they are known `old` and `new`,
--   short ids
-- Raises `non_fast_forward`, `detached_head`, `branch_not_found`, `authentication`, `permission` and so on.
-- Example: `repo:push { branch = "fix", credential = token }`
function M.push(repo, options)
	local o = run.read(options, push_spec, "push")
	choice.one("git.push", options, { "branch", "tag", "delete" })
	choice.one("git.push", options, { "to", "tag", "delete" })
	choice.one("git.push", options, { "force", "force_with_lease" }) -- git would forget the lease
	if o.tag and o.force_with_lease == true then
		error("git.push: option 'force_with_lease' must be the id of what the tag was: where it is there is kept nowhere", 2)
	end
	local quick = { timeout = o.timeout, grace = o.grace }
	o.remote = check.remote(o.remote)
	local spec, name, ref = refspec(repo, setmetatable(quick, { __index = o }))
	local words = progress_words({ "push", "--porcelain", "--no-verify" }, o, "pushing " .. name)
	if o.set_upstream and not o.delete and not o.tag then words[#words + 1] = "--set-upstream" end
	if o.force_with_lease then words[#words + 1] = lease(repo, o, name, ref) end
	if o.force then words[#words + 1] = "--force" end
	words[#words + 1] = "--"
	words[#words + 1] = o.remote
	words[#words + 1] = spec
	o.net = { remote = o.remote, push = true }
	local answer = run.git(repo, words, o)
	if o.delete then check_deleted(answer, name) end
	local result = result_of(answer.stdout, name)
	if not o.delete and not o.tag then pcall(note, repo, o, spec, name) end
	return result
end

-- --- remotes ---

local remote_spec = run.spec { add = { nil, "string" }, set = { nil, "string" }, remove = { nil, "string" }, url = { nil, "string" } }

local function check_url(repo, o)
	if not o.url then error("git.remote: option 'url' is missing", 3) end
	core.check_url(o.url, repo.settings.protocols, repo.settings.allow_http or false)
	return o.url
end

-- Of several the first is fetched from.
local function add_url(entry, key, url)
	if key == "url" then entry.urls[#entry.urls + 1] = url end
	local field = key == "url" and "url" or "push_url"
	entry[field] = entry[field] or url
end

local function remotes(repo, o)
	local list, by_name = {}, {}
	o.accepted = { 1 }
	local text = run.output(repo, { "config", "--local", "-z", "--get-regexp", [[^remote\..*\.(url|pushurl)$]] }, o)
	for field in fields.reader(text) do
		local name, key, url = field:match "^remote%.(.*)%.(%l+)\n(.*)$"
		local entry = by_name[name]
		if name and not entry then
			entry = { name = name, urls = {} }
			list[#list + 1], by_name[name] = entry, entry
		end
		if name then add_url(entry, key, errors.mask(url)) end
	end
	return list
end

--- Adds, changes or removes a remote. Without options: the remotes.
-- @param options table?: `add` string with `url` string; or `set` string with `url`; or `remove` string; `timeout`. A URL has no
--   credential in it
-- @return table: without add, set and remove an array of `{ name, url, urls, push_url }`, else the repository. `urls` are all of
--   those that it may have; the first, which is `url`, is fetched from
function M.remote(repo, options)
	local o = run.read(options, remote_spec, "remote")
	choice.one("git.remote", options, { "add", "set", "remove" })
	choice.needs("git.remote", options, { { "url", "add", "set" } })
	local words
	if o.add then
		words = { "remote", "add", "--", check.remote(o.add), check_url(repo, o) }
	elseif o.set then
		words = { "remote", "set-url", "--", check.remote(o.set), check_url(repo, o) }
	elseif o.remove then
		words = { "remote", "remove", check.remote(o.remove) }
	else
		return remotes(repo, o)
	end
	o.url = nil
	run.git(repo, words, o)
	return repo
end

return M
