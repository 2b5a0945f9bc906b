-- SPDX-License-Identifier: Apache-2.0
-- What the start does about a server that ended without a word: nothing half-made stays, and each row says what its
-- repo is. No other server has the folder while this runs.

local fs = require "epact.fs"
local log = require "epact.log"
local change = require "epact.server.change"

local recovery = {}

local function empty_folder(path)
	for _, entry in ipairs(fs.list(path)) do
		fs.remove(path .. "/" .. entry.name, { recursive = true })
	end
end

-- A repo whose row was never written, or was removed.
local function remove_strays(app)
	local known = {}
	for _, id in ipairs(app.store:repo_ids()) do known[id .. ".git"] = true end
	for _, entry in ipairs(fs.list(app.git_store.repos)) do
		if not known[entry.name] then
			log.info("removing the unfinished repo %s", entry.name)
			fs.remove(app.git_store.repos .. "/" .. entry.name, { recursive = true })
		end
	end
end

local function is_leftover(path)
	local name = path:match("[^/]+$")
	return name:find("%.lock$") ~= nil
		or path:find("^objects/pack/tmp_") ~= nil
		or path:find("^objects/pack/.*%.keep$") ~= nil
		or path:find("^objects/pack/%.tmp") ~= nil
		or path:find("^objects/tmp_") ~= nil
		or path:find("^objects/incoming%-[^/]+$") ~= nil
		or path:find("^objects/%x%x/tmp_obj_") ~= nil
		or path:find("^fast_import_crash_") ~= nil
		or path:find("^refs/epact/") ~= nil
end

local function clean_repo(path)
	if not fs.stat(path) then return end
	for _, entry in ipairs(fs.walk(path)) do
		if is_leftover(entry.path) then fs.remove(path .. "/" .. entry.path, { recursive = true }) end
	end
end

--- Cleans the data folder of `app`.
function recovery.run(app)
	for _, id in ipairs(app.maintenance:interrupted()) do clean_repo(app.git_store:path(id)) end
	empty_folder(app.git_store.tmp)
	remove_strays(app)
	for _, pending in ipairs(app.store:pending()) do
		log.info("settling repo %s after an unclean end", pending.repo)
		clean_repo(app.git_store:path(pending.repo))
		change.settle(app, pending)
	end
end

return recovery
