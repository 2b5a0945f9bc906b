-- SPDX-License-Identifier: Apache-2.0
-- The routes of repos: create, get, list, delete.

local crypto = require "epact.crypto"
local fs = require "epact.fs"
local json = require "epact.json"
local auth = require "epact.server.auth"
local change = require "epact.server.change"
local errors = require "epact.server.errors"
local list_query = require "epact.server.list_query"
local paths = require "epact.server.paths"
local sources = require "epact.server.sources"
local validate = require "epact.server.validate"

local repos = {}

--- The id in the path of a request that the caller may use, and its row. Raises 422, 403, 404 in that order.
function repos.find(app, request)
	local id = validate.uuid(request.parameter, { "path", "repo_id" })
	auth.check_repo(request.caller, id)
	local repo = app.store:repo(id)
	if not repo then errors.fail(404, "no such repo") end
	request.repo = repo
	return id, repo
end

local function described(repo)
	return {
		repo_id = repo.id,
		created_at = repo.created_at,
		updated_at = repo.updated_at or json.null,
		metadata = repo.metadata or json.null,
		auto_index = repo.auto_index,
	}
end

-- Explicit metadata wins over what a template brings.
local function merged(base, over)
	if not base then return over end
	local metadata = {}
	for name, value in pairs(base) do metadata[name] = value end
	for name, value in pairs(over or {}) do metadata[name] = value end
	return metadata
end

--- POST /repo
function repos.create(app, request)
	auth.check_owner(request.caller)
	local wanted = validate.create(request:json())
	local id = crypto.uuid()
	local path = app.git_store.tmp .. "/" .. id .. ".git"
	-- The folder is made aside and moved into place whole; until the row is there, the next start takes it away.
	local failed = true
	local clean <close> = setmetatable({}, { __close = function()
		if not failed then return end
		fs.remove(path, { recursive = true })
		fs.remove(app.git_store:path(id), { recursive = true })
	end })
	local made = sources.create(app, path, wanted.source)
	fs.rename(path, app.git_store:path(id))
	app.store:add_repo {
		id = id,
		metadata = merged(made.metadata, wanted.metadata),
		auto_index = wanted.auto_index,
		branch = made.branch,
		remote = made.remote,
	}
	failed = false
	return 201, { repo_id = id, repo_head = made.head }
end

--- GET /repo/{repo_id}
function repos.get(app, request)
	local _, repo = repos.find(app, request)
	return 200, described(repo)
end

--- GET /repo
function repos.list(app, request)
	auth.check_owner(request.caller)
	local query = list_query.read(paths.query(request.query))
	local rows, total = app.store:list_repos(query)
	local items = {}
	for index, row in ipairs(rows) do items[index] = described(row) end
	local next_page = query.start + #rows
	return 200, {
		items = json.array(items),
		total_items = total,
		next_page = #rows > 0 and next_page < total and next_page or nil,
	}
end

--- DELETE /repo/{repo_id}
function repos.delete(app, request)
	local id = repos.find(app, request)
	if app.options.token_delete == false then auth.check_owner(request.caller) end
	local lock <close> = change.lock(app, id, app.options.lock_wait)
	app.store:remove_repo(id)
	app:forget(id)
	-- Out of sight at once; a removal that is cut short is finished by the next start.
	local doomed = ("%s/%s.deleted"):format(app.git_store.tmp, id)
	fs.rename(app.git_store:path(id), doomed)
	app:later(function() fs.remove(doomed, { recursive = true }) end)
	return 204
end

return repos
