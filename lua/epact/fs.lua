-- SPDX-License-Identifier: Apache-2.0
--- Files and folders, awaited. Paths are bytes; sizes are bytes.
--
-- Failures are raised as error objects: `not_found`, `exists`, `permission`, `no_space`, `too_large`, `io`.
local core = require "epact.core.fs"
local task = require "epact.task"

local M = {}

--- Reads a whole file. A pipe is read to its end, and holds one of the four threads that all file calls share meanwhile.
-- @param path string
-- @param options table?: `max` bytes; a larger file is the error `too_large`
-- @return string
function M.read(path, options) return core.read(path, options) end

--- Writes a whole file.
-- @param path string
-- @param bytes string
-- @param options table?: `append`; `atomic`: readers, and a crash, see the old bytes or the new; `sync`: on the disk
--   before it returns; `mode`: permission bits of a new file
function M.write(path, bytes, options) core.write(path, bytes, options) end

--- Lists a folder, sorted.
-- @param path string
-- @return table: an array of `{name, type}`; types are "file", "directory", "symlink", "other"
function M.list(path) return core.list(path) end

--- Lists all that is below a folder, a folder before what is in it; links are not followed.
-- @param path string
-- @return table: an array of `{path, type, size}`, paths below the folder
function M.walk(path) return core.walk(path) end

--- What is at a path.
-- @param path string
-- @param options table?: `follow` boolean: behind a link (true)
-- @return table {type, size, mtime (seconds since 1970), mode}, or nil when there is nothing
function M.stat(path, options) return core.stat(path, options) end

--- Makes a folder.
-- @param path string
-- @param options table?: `parents`: with those above it, and it may be there already
function M.mkdir(path, options) core.mkdir(path, options) end

--- Removes a file, a link or an empty folder.
-- @param path string
-- @param options table?: `recursive`: a folder with all in it; one that is missing is fine then
function M.remove(path, options) core.remove(path, options) end

--- Renames; a file that is at the new place is replaced.
-- @param from string
-- @param to string
function M.rename(from, to) core.rename(from, to) end

--- Copies a file's bytes and permission bits.
-- @param from string
-- @param to string
function M.copy(from, to) core.copy(from, to) end

--- The absolute path, without links.
-- @param path string
-- @return string
function M.realpath(path) return core.realpath(path) end

--- Opens a file to read or write it in pieces: `file:read([max])` gives at most so many bytes (64 KiB; never more than
-- 1 MiB), or nil at the end; `file:write(bytes)`; `file:close()`. Fit for a `<close>` variable. A read or write that is
-- cancelled may have happened.
-- @param path string
-- @param how string?: "read" (default), "write" (emptied or made), "append"
-- @return file
function M.open(path, how) return core.open(path, how) end

local Folder = {}
Folder.__index = Folder
Folder.__tostring = function(folder) return folder.path end

local REMOVE_GRACE = 30

--- Makes a folder of a new name that is removed, with all in it, when the object is closed. One that nobody closes is
-- removed some time after its last use, or when the run ends.
-- @param options table?: `prefix` of the name ("epact-"; without "/"), `dir`: where ($TMPDIR, else /tmp)
-- @return object with the field `path`, for a `<close>` variable; `tostring` gives the path
-- Example: `local work <close> = fs.temp_dir()`
function M.temp_dir(options)
	local path, guard = core.temp_dir(options)
	return setmetatable({ path = path, guard = guard }, Folder)
end

--- Removes it, also in a task that was cancelled; fine when it is gone.
function Folder:close()
	task.shield(REMOVE_GRACE, core.remove, self.path, { recursive = true })
	self.guard:dismiss()
end

Folder.__close = Folder.close

return M
