-- SPDX-License-Identifier: Apache-2.0
-- POST /repo/{repo_id}/update: overwrite, diff, sync from a remote, metadata.

local change = require "epact.server.change"
local merge = require "epact.server.merge"
local repos = require "epact.server.repos"
local tree = require "epact.server.tree"
local validate = require "epact.server.validate"

local update = {}

local apply = {}

function apply.files(app, repo, source, metadata)
	change.identify(source.files)
	return change.commit(app, repo, "Overwrite files", metadata, function(old)
		return tree.overwrite(old, source.files)
	end)
end

function apply.diff(app, repo, source, metadata)
	change.identify(source.operations)
	return change.commit(app, repo, "Apply diff", metadata, function(old)
		return tree.apply(old, source.operations)
	end)
end

apply.git = merge.pull

local function only_metadata(app, repo, metadata)
	local lock <close> = change.lock(app, repo.id, app.options.lock_wait)
	app.store:end_update(repo.id, true, metadata)
	return change.answer(repo.id, app.git_store:head(app.git_store:path(repo.id), repo.branch), {})
end

--- POST /repo/{repo_id}/update
function update.handle(app, request)
	local _, repo = repos.find(app, request)
	local wanted = validate.update(request:json())
	if not wanted.source then return 200, only_metadata(app, repo, wanted.metadata) end
	return 200, apply[wanted.source.type](app, repo, wanted.source, wanted.metadata)
end

return update
