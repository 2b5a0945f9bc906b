-- SPDX-License-Identifier: Apache-2.0
-- The routes of single files: PUT, GET, HEAD, DELETE /repo/{repo_id}/file/{file_path}.

local fs = require "epact.fs"
local blobs = require "epact.server.blobs"
local change = require "epact.server.change"
local errors = require "epact.server.errors"
local paths = require "epact.server.paths"
local repos = require "epact.server.repos"
local tree = require "epact.server.tree"

local files = {}

-- Up to here a file is kept in memory; a larger one goes through the disk.
local SMALL = 1 << 20

-- A large file becomes an object of the repo before the lock is taken. Objects nobody names do no harm.
local function store_large(app, repo, request)
	local folder <close> = fs.temp_dir { dir = app.git_store.tmp, prefix = "upload-" }
	local file = folder.path .. "/body"
	request:save(file, app.options.max_file)
	return app.git_store:store_blob(app.git_store:path(repo.id), file)
end

--- PUT /repo/{repo_id}/file/{file_path}
function files.put(app, request)
	local _, repo = repos.find(app, request)
	local path = paths.from_url(request.rest)
	local length = request.raw.length
	if length and length > app.options.max_file then errors.fail(413, "file is too large") end
	local content, id
	if request.text or (length and length <= SMALL) then
		content = request:body(app.options.max_file)
		id = change.blob_id(content)
	else
		id = store_large(app, repo, request)
	end
	local is_new
	local answer = change.commit(app, repo, "Write " .. path, nil, function(old)
		is_new = old[path] == nil
		return tree.apply(old, { { type = "write", path = path, id = id, content = content } })
	end)
	return is_new and 201 or 200, answer
end

--- DELETE /repo/{repo_id}/file/{file_path}
function files.delete(app, request)
	local _, repo = repos.find(app, request)
	local path = paths.from_url(request.rest)
	local answer = change.commit(app, repo, "Delete " .. path, nil, function(old)
		if not old[path] then errors.fail(404, ("no such file: '%s'"):format(path)) end
		return tree.apply(old, { { type = "delete", path = path } })
	end)
	return 200, answer
end

--- GET and HEAD /repo/{repo_id}/file/{file_path}
function files.get(app, request)
	local _, repo = repos.find(app, request)
	local path = paths.from_url(request.rest)
	local wanted = { { id = ("refs/heads/%s:%s"):format(repo.branch, path) } }
	local reader <close> = blobs.open(app.git_store, app.git_store:path(repo.id), wanted)
	local blob = reader:next()
	if not blob then errors.fail(404, ("no such file: '%s'"):format(path)) end
	local headers = { ["Content-Type"] = "application/octet-stream", ETag = '"' .. blob.id .. '"' }
	local out <close> = request.raw:respond_stream(200, headers, blob.size)
	if request.method == "HEAD" then return nil end
	for chunk in reader:chunks() do out:write(chunk) end
	return nil
end

return files
