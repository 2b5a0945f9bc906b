-- SPDX-License-Identifier: Apache-2.0
-- What was asked lately: the last requests in memory, for the status page, and a line for each in the access log. No line
-- holds a credential, nor a byte that could forge one.

local log = require "epact.log"
local when = require "epact.server.when"

local journal = {}
journal.__index = journal

local KEPT = 100

local function open_log(path)
	if path == "-" then return io.stdout end
	local file, why = io.open(path, "a")
	if not file then error(("the access log cannot be opened: %s"):format(why), 0) end
	file:setvbuf("line")
	return file
end

--- Writes the access log to the file at `path`, behind what is there; "-" is standard output, nil none.
function journal.open(path)
	return setmetatable({ file = path and open_log(path), path = path, entries = {}, count = 0 }, journal)
end

-- A full disk must not end the service; it is told of once.
local function write(self, line)
	local ok, why = self.file:write(line, "\n")
	if self.file == io.stdout then ok, why = self.file:flush() end
	if ok or self.failed then return end
	self.failed = true
	log.error("the access log cannot be written: %s", tostring(why))
end

--- The line of an entry: time, peer, who, method, path, status or what became of it, bytes of the body, milliseconds.
function journal.line(entry)
	return ("%s %s %s %s %s %s %d %.1fms"):format(entry.time, entry.remote, entry.who, entry.method, entry.path,
		entry.status, entry.bytes, entry.seconds * 1000)
end

--- Notes an entry {remote, who, method, path (both safe to show), status, bytes, seconds}.
function journal:note(entry)
	entry.time = when.format(os.time())
	self.count = self.count + 1
	self.entries[self.count] = entry
	self.entries[self.count - KEPT] = nil
	if self.file then write(self, journal.line(entry)) end
	if log.wanted("info") then log.info("%s", journal.line(entry)) end
end

--- The last entries, the newest first.
function journal:latest()
	local list = {}
	for number = self.count, math.max(1, self.count - KEPT + 1), -1 do list[#list + 1] = self.entries[number] end
	return list
end

--- Closes the access log.
function journal:close()
	if self.file and self.file ~= io.stdout then self.file:close() end
	self.file = nil
end

return journal
