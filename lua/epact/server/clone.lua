-- SPDX-License-Identifier: Apache-2.0
-- GET /repo/{repo_id}/clone: all files that are text, as one JSON document that is written while git is read.

local json = require "epact.json"
local blobs = require "epact.server.blobs"
local commits = require "epact.server.commits"
local paths = require "epact.server.paths"
local repos = require "epact.server.repos"
local texts = require "epact.server.texts"

local clone = {}

-- Small files are sent together.
local PIECE = 64 * 1024

-- An empty value is none.
local function commit_of(app, path, repo, wanted)
	return commits.find(app, path, repo, nil, wanted ~= "" and wanted or nil)
end

local function write_files(out, listing, contents)
	local pieces, size, separator = { '{"files":[' }, 0, ""
	for index, content in contents do
		local name = listing[index].path
		if texts.is_text(content) and utf8.len(name) then
			local item = ('%s{"filename":%s,"content":%s}'):format(separator, json.encode(name), json.encode(content))
			pieces[#pieces + 1], size, separator = item, size + #item, ","
		end
		if size >= PIECE then
			out:write(table.concat(pieces))
			pieces, size = {}, 0
		end
	end
	pieces[#pieces + 1] = "]}"
	out:write(table.concat(pieces))
end

--- GET /repo/{repo_id}/clone
function clone.handle(app, request)
	local _, repo = repos.find(app, request)
	local path = app.git_store:path(repo.id)
	local commit = commit_of(app, path, repo, paths.query(request.query).commit)
	local listing = app.git_store:files(path, commit)
	local reader <close> = blobs.open(app.git_store, path, listing)
	local out <close> = request.raw:respond_stream(200, { ["Content-Type"] = "application/json" })
	write_files(out, listing, reader:each(#listing))
	return nil
end

return clone
