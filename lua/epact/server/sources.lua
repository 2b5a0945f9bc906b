-- SPDX-License-Identifier: Apache-2.0
-- Where a new repo comes from: nothing, files, another repo, or a remote one, which has to be allowed.

local fs = require "epact.fs"
local change = require "epact.server.change"
local errors = require "epact.server.errors"
local git = require "epact.server.git"
local loopback = require "epact.server.loopback"
local tree = require "epact.server.tree"

local sources = {}

local PLACE = { "body", "source", "url" }

local function unusable(text)
	errors.fail(422, text, {
		slug = "invalid_template",
		detail = { { loc = PLACE, msg = text, type = "value_error" } },
	})
end

-- The policy: false (none), "loopback", "any", or a list of hosts, each with or without a port.
local function is_allowed(policy, host, port)
	if policy == "any" then return true end
	if policy == "loopback" then return loopback.is_host(host) end
	if type(policy) ~= "table" then return false end
	for _, allowed in ipairs(policy) do
		allowed = allowed:lower()
		if allowed == host or allowed == host .. port then return true end
	end
	return false
end

--- Raises 422 unless `url` is an http or https one, without a credential in it, of a host that the policy allows.
function sources.check_url(url, policy)
	local scheme, place = url:match("^(%a+)://([^/?#]+)")
	scheme = scheme and scheme:lower()
	if scheme ~= "http" and scheme ~= "https" then unusable("git source: only http and https URLs are taken") end
	if url:find("[%c ]") then unusable("git source: the URL holds a blank or a control character") end
	if place:find("@", 1, true) then unusable("git source: the URL may not hold a credential") end
	local host, port = place:lower():match("^(%[[%x:.]+%])(:?%d*)$")
	if not host then host, port = place:lower():match("^([^:]+)(:?%d*)$") end
	if not host then unusable("git source: the URL has no host") end
	if not policy then unusable("git source: this server takes no git sources") end
	if not is_allowed(policy, host, port) then unusable("git source: this server does not take sources of that host") end
	return url
end

--- Raises 422 unless `name` can be a branch.
function sources.check_branch(app, name)
	if not app.git_store:is_branch(name) then errors.invalid({ "body", "source", "branch" }, "is not the name of a branch") end
	return name
end

-- Runs a git that talks to the remote; raises 422 when it fails.
local function remote_git(app, repo, arguments)
	local store = app.git_store
	local result = store.git:run(repo, arguments, {
		env = store.git:environment(git.network("http:https")),
		timeout = app.options.import_timeout,
		check = false,
	})
	if result.status ~= 0 then unusable("git source is not usable: " .. git.complaint(result)) end
	return result
end

--- Fetches `branch` (nil: the one the remote's HEAD names) of `url` into the ref `into` of the repo folder `path`.
--- Raises 422 when that is not possible.
function sources.fetch(app, path, url, branch, into)
	local from = branch and "refs/heads/" .. branch or "HEAD"
	local refspec = ("+%s:%s"):format(from, into)
	remote_git(app, path, { "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", url, refspec })
end

local create = {}

local function first_commit(app, path, files, message)
	local branch = app.options.default_branch
	app.git_store:init(path, branch)
	change.identify(files)
	local edit = tree.overwrite({}, files)
	return { branch = branch, head = app.git_store:commit(path, branch, nil, edit, message) }
end

function create.empty(app, path)
	return first_commit(app, path, {}, "Create empty repo")
end

function create.files(app, path, source)
	return first_commit(app, path, source.files, "Create from files")
end

-- Only links to the same objects, and copies of the refs: no bytes of the files are moved.
function create.relace(app, path, source)
	local lock <close> = change.lock(app, source.repo_id, app.options.lock_wait)
	local original = app.store:repo(source.repo_id)
	local store = app.git_store
	app.maintenance:stop(original.id)
	store.git:run(nil, { "clone", "--quiet", "--mirror", "--local", "--template=", "--", store:path(original.id), path }, {
		env = store.git:environment { GIT_ALLOW_PROTOCOL = "file" },
	})
	store:write_config(path, original.branch)
	return {
		branch = original.branch,
		head = store:head(path, original.branch),
		metadata = source.copy_metadata and original.metadata or nil,
		remote = source.copy_remote and original.remote or nil,
	}
end

local function remote_head(app, url)
	local listing = remote_git(app, nil, { "ls-remote", "--symref", "--", url, "HEAD" }).stdout
	local branch = listing:match("^ref: refs/heads/([^\t]+)\tHEAD\n")
	if not branch then unusable("git source has no default branch, or no commits") end
	return branch
end

-- What of a remote is fetched: one commit, one branch as it is now, or all that it has.
local function wanted_refs(source, branch)
	local ref = "refs/heads/" .. branch
	if not source.shallow or (source.hash and #source.hash < 40) then
		return { "--", source.url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*" }
	end
	return { "--no-tags", "--depth=1", "--", source.url, ("+%s:%s"):format(source.hash or ref, ref) }
end

local function fetch_import(app, path, source, branch)
	local arguments = { "fetch", "--quiet", "--no-write-fetch-head" }
	local wanted = wanted_refs(source, branch)
	remote_git(app, path, table.move(wanted, 1, #wanted, #arguments + 1, arguments))
end

function create.git(app, path, source)
	local store = app.git_store
	sources.check_url(source.url, app.options.git_sources)
	local branch = source.branch and sources.check_branch(app, source.branch) or remote_head(app, source.url)
	store:init(path, branch)
	fetch_import(app, path, source, branch)
	if source.hash then
		local commit = store:find_commit(path, source.hash)
		if not commit then unusable("git source has no commit " .. source.hash) end
		store.git:run(path, { "update-ref", "refs/heads/" .. branch, commit })
	end
	local head = store:head(path, branch)
	if not head then unusable("git source has no branch " .. branch) end
	return { branch = branch, head = head, remote = source.url }
end

--- Makes a bare repo at `path` from a checked source (nil: empty). Returns {branch, head, metadata, remote}; what it
--- raises leaves a part of the folder behind.
function sources.create(app, path, source)
	return create[source and source.type or "empty"](app, path, source)
end

return sources
