-- SPDX-License-Identifier: Apache-2.0
--- Answers that are read piece by piece: the events of agents and searches, the files of a clone.
--
-- Both are iterators: leaving the loop, an error and a cancel close the connection at once, and while the script does
-- something else the server has to wait. A value that was read to its end is closed.
local errors = require "epact.error"
local fs = require "epact.fs"

local M = {}

-- What these objects share: `for item in object do`, `local object <close> = ...`.
local function class()
	local C = {}
	C.__index = C
	function C:__call() return self.items:next() end
	function C:__close() self.items:close() end
	return C
end

-- As a generic for wants it: the iterator, and as its fourth value what is closed when the loop is left.
local function iterator(C, items)
	local object = setmetatable({ items = items }, C)
	return object, nil, nil, object
end

--- The events of an agent or a search.
local Events = class()

--- Waits for the next event.
-- @return table: `event` string (nil if it has no name), `data` (the decoded JSON, a table); nil at the end
function Events:next() return self.items:next() end

--- Ends the answer; what was not read is not transferred. Fine when it has ended.
function Events:close() self.items:close() end

--- Reads a search to its end.
-- @return table: what the search has found: `explanation` string, `files` (a table of `{ first_line, last_line }` pairs by path)
-- Raises `server` with the words of a `prompt_error`, or when the search ended without a report.
function Events:report()
	local events <close>, report = self, nil
	for event in events do
		local data = type(event.data) == "table" and event.data or {}
		if event.event == "prompt_error" then
			local code = data.code and (" (%s)"):format(tostring(data.code)) or ""
			error(errors.new("server", ("the agent failed: %s%s"):format(tostring(data.error), code)))
		elseif event.event == "tool" and data.name == "report_back" then
			report = data
		end
	end
	if not report then error(errors.new("server", "the search ended without a report")) end
	return { explanation = report.explanation, files = report.files or {} }
end

--- The text files of a repo.
local Files = class()

--- Waits for the next file.
-- @return table: `filename`, `content`; nil at the end
function Files:next() return self.items:next() end

--- Ends the answer; what was not read is not transferred. Fine when it has ended.
function Files:close() self.items:close() end

--- Reads all that is left.
-- @return table: an array of `{ filename, content }`, in memory as a whole
function Files:collect()
	local files <close>, all = self, {}
	for file in files do all[#all + 1] = file end
	return all
end

local function write_file(folder, file, made)
	local parent = file.filename:match "^(.*)/" or ""
	if not made[parent] then fs.mkdir(folder .. "/" .. parent, { parents = true }) end
	made[parent] = true
	fs.write(folder .. "/" .. file.filename, file.content)
end

--- Writes all that is left into a folder, which must not exist or be empty. It gets all of the files or none: they are written
-- into a new folder beside it, which then takes its place.
-- @param directory string
-- @return integer: the number of files
-- Raises what reading the answer and writing files may raise; `invalid_argument` for a file name that leads out of the folder.
-- Example: `client.repo:clone(id):write_to("./files")`
function Files:write_to(directory)
	local files <close> = self
	if type(directory) ~= "string" or directory == "" then
		error("write_to: the folder must be a string that is not empty", 2)
	end
	local target = directory:match "^(.-)/*$"
	local there = fs.stat(target)
	if target == "" or (there and (there.type ~= "directory" or #fs.list(target) > 0)) then
		error(errors.new("exists", ("%s is there already and not an empty folder"):format(directory)))
	end
	local parent = target:match "^(.*)/[^/]*$"
	local folder <close> = fs.temp_dir { dir = parent == "" and "/" or parent or ".", prefix = ".clone-" }
	local content, made, count = folder.path .. "/files", {}, 0
	fs.mkdir(content)
	for file in files do
		self.check_filename(file.filename)
		write_file(content, file, made)
		count = count + 1
	end
	fs.rename(content, target)
	return count
end

--- The pieces of a model's answer.
local Chunks = class()

--- Waits for the next piece.
-- @return table: as the model sent it; nil at the end
function Chunks:next() return self.items:next() end

--- Ends the answer; what was not read is not transferred. Fine when it has ended.
function Chunks:close() self.items:close() end

--- Reads all that is left.
-- @return string: the texts of the pieces (`choices[1].delta.content`), joined
-- Raises `server` for a piece that is an error.
function Chunks:text()
	local chunks <close>, parts = self, {}
	for chunk in chunks do
		if type(chunk) ~= "table" then chunk = {} end
		if chunk.error then
			local words = type(chunk.error) == "table" and chunk.error.message or chunk.error
			error(errors.new("server", ("the model failed: %s"):format(tostring(words))))
		end
		local choice = type(chunk.choices) == "table" and chunk.choices[1]
		local delta = type(choice) == "table" and choice.delta
		if type(delta) == "table" and type(delta.content) == "string" then parts[#parts + 1] = delta.content end
	end
	return table.concat(parts)
end

--- Makes an iterator of the pieces of an answer; see `models:apply`.
-- @param items userdata
-- @return Chunks, as an iterator
function M.chunks(items) return iterator(Chunks, items) end

--- Starts an agent; see `client.repo:agent`.
-- @return Events, as an iterator
function M.agent(core, repo, params, options) return iterator(Events, core:agent(repo, params, options, false)) end

--- Starts a search; see `client.repo:search`.
-- @return Events, as an iterator
function M.search(core, repo, params, options)
	core:search_check(params)
	local agent = { agent_name = "relace-search", agent_inputs = { query = params.query }, overrides = params.overrides }
	return iterator(Events, core:agent(repo, agent, options, true))
end

--- Starts to read a repo's files; see `client.repo:clone`.
-- @return Files, as an iterator
function M.clone(core, repo, options)
	local files = iterator(Files, core:clone_files(repo, nil, options))
	files.check_filename = core.check_filename
	return files, nil, nil, files
end

return M
