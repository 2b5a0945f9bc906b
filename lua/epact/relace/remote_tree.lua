-- SPDX-License-Identifier: Apache-2.0
-- What a repo holds, without its files: names, kinds and git's ids of the contents.
local core_git = require "epact.core.git"
local crypto = require "epact.crypto"
local errors = require "epact.error"
local fs = require "epact.fs"
local limit = require "epact.git.limit"
local streams = require "epact.relace.streams"

local M = {}

-- Runs git with the client's address and credential, in a repository or (directory nil) in none.
local function git(client, url, directory, words, timeout)
	local core = client.core
	local argv = table.move(words, 1, #words, 2, { "git" })
	local handle <close> = core_git.command({ argv = argv, directory = directory, remote = url, scope = url,
		credential = core:credential(), ca_file = client.given.ca_file, allow_http = client.given.allow_http, timeout = timeout })
	return handle:wait().stdout
end

-- The entries of `git ls-tree -r -z`.
local function parse(text)
	local files = {}
	for mode, id, name in text:gmatch "(%d+) %a+ (%x+)\t([^\0]*)\0" do
		if #id ~= 40 then error(errors.new("protocol", "the repo's objects are not named by SHA-1, which is all that a plan knows"), 0) end
		files[name] = { mode = mode, id = id }
	end
	return files
end

-- A fetch of the last commit's trees; a server that knows no filters sends the files too.
local function fetch(client, id, timeout)
	local url = client.core:git_url(id)
	local _ <close> = limit.turn()
	local folder <close> = fs.temp_dir { prefix = "epact-plan-" }
	git(client, url, nil, { "init", "--bare", "--quiet", "--", folder.path }, timeout)
	git(client, url, folder.path, { "fetch", "--quiet", "--depth=1", "--filter=blob:none", "--no-tags", "--no-auto-maintenance", "--", url,
		"HEAD" }, timeout)
	local head = fs.read(folder.path .. "/FETCH_HEAD"):match "^%x+"
	return { head = head, files = parse(git(client, url, folder.path, { "ls-tree", "-r", "-z", "--full-tree", head }, timeout)) }
end

-- Without git: the text files, whole, one by one. Neither the head is known nor what is binary.
local function clone(client, id)
	local files = {}
	for file in streams.clone(client.core, id) do
		local head = ("blob %d\0"):format(#file.content)
		files[file.filename] = { mode = "100644", id = crypto.sha1(head .. file.content) }
	end
	return { files = files }
end

--- What a repo holds now.
-- @param client table: `client.repo`
-- @param id string
-- @param options table?: `timeout` seconds of each step
-- @return table: `head` (nil where there is no git here), `files`: `{ mode, id }` by name
function M.read(client, id, options)
	local ok, result = pcall(fetch, client, id, options and options.timeout)
	if ok then return result end
	if errors.is(result, "no_git") then return clone(client, id) end
	error(result, 0)
end

--- The commit that a repo stands at.
-- @param client table: `client.repo`
-- @param id string
-- @return string, or nil for none
function M.head(client, id)
	local url = client.core:git_url(id)
	return git(client, url, nil, { "ls-remote", "--", url, "HEAD" }):match "^(%x+)\tHEAD"
end

--- Whether two answers of `read` hold the same.
-- @param a table
-- @param b table
-- @return boolean
function M.same(a, b)
	for name, entry in pairs(a.files) do
		if not b.files[name] or b.files[name].id ~= entry.id then return false end
	end
	for name in pairs(b.files) do
		if not a.files[name] then return false end
	end
	return true
end

return M
