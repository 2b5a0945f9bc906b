-- SPDX-License-Identifier: Apache-2.0
--- `client.repo.file` of epact.relace: single files of a repo, of any bytes.
local colon = require "epact.colon"

local M = {}

--- `client.repo.file`
local File = {}
File.__index = File

-- Sends what the function gives, until it gives nil. What it raises ends the upload, of which the server then has a part only.
local function feed(core, repo, path, content, options)
	local upload <close> = core:file_feed(repo, path, options)
	for chunk in content do
		if type(chunk) ~= "string" then
			error(("file:upload: the function must return strings, then nil; got %s"):format(type(chunk)), 0)
		end
		if not upload:write(chunk) then break end
	end
	return upload:finish()
end

--- Writes a file of a repo, of any bytes, as a commit of its own (8). What is there is replaced. Repeated where that does no harm,
-- but for content of a function once something of it was sent.
--
--     client.repo.file:upload(id, "logo.png", { file = "./logo.png" })
-- @param repo string or table
-- @param path string: in the repo; one that no repository takes is refused (`..`, `.git`, empty parts, a leading slash ...)
-- @param content string, table or function: the bytes; `{ file = PATH }`, read while it is sent, which must not change
--   meanwhile (`conflict`); or a function that returns the next piece, a string, and nil at the end. It may wait
-- @param options table?: the options of every call; the `timeout` of an attempt is 300 s here
-- @return table: `repo_id`, `repo_head`, `changed_files`
-- Raises `too_large` above the limit of the server (50 MB at the vendor's).
function File:upload(repo, path, content, options)
	if type(content) == "function" then return feed(self.core, repo, path, content, options) end
	if type(content) == "string" then return self.core:file_upload(repo, path, content, options) end
	local file = type(content) == "table" and content.file
	if type(file) ~= "string" or next(content) ~= "file" or next(content, "file") then
		error("file:upload: the content must be a string, { file = PATH } or a function", 2)
	end
	local body <close> = self.core.open_body(file)
	return self.core:file_upload(repo, path, body, options)
end

--- Reads a file of a repo (8).
--
--     local text = client.repo.file:download(id, "README.md")
--     local saved = client.repo.file:download(id, "data.bin", { to = "./data.bin" })
-- @param repo string or table
-- @param path string
-- @param options table?: `to` string: into this file, while it comes. The file is in place when it is whole, before that what was
--   there stays; a transfer that breaks off is begun again, as often as a call may be. `stream` boolean: read piece by piece.
--   `stall_timeout`: seconds without a byte (the client's). And the options of every call; of `to` and `stream` the `timeout` of an
--   attempt ends with the headers
-- @return string, at most 64 MiB; with `to` a table: `bytes` (their number), `etag`; with `stream` an `epact.http.stream`
-- Raises `not_found`; with `to` also `permission`, `no_space`, `io`: then nothing of the file is left on disk.
function File:download(repo, path, options) return self.core:file_download(repo, path, options) end

--- Deletes a file of a repo, as a commit of its own (8).
-- @param repo string or table
-- @param path string
-- @param options table?
-- @return table: `repo_id`, `repo_head`, `changed_files`; nil when it was not there
function File:delete(repo, path, options) return self.core:file_delete(repo, path, options) end

--- The part of a client that `client.repo.file` is.
-- @param core userdata: of the client
-- @return table
function M.new(core) return setmetatable({ core = core }, File) end

colon.class(File, "client.repo.file")

return M
