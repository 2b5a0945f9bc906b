-- SPDX-License-Identifier: Apache-2.0
-- Reads blobs out of a repo, one after the other, through one git cat-file: none is larger in memory than it has to be.

local blobs = {}
blobs.__index = blobs

local CHUNK = 64 * 1024

--- Starts to read: `wanted` is a list of {id = what git calls a blob, without a newline}. To be closed.
function blobs.open(git_store, path, wanted)
	local names = {}
	for index, blob in ipairs(wanted) do names[index] = blob.id end
	names[#names + 1] = ""
	local child = git_store.git:spawn(path, { "cat-file", "--batch", "--buffer" }, {
		stdin = { bytes = table.concat(names, "\n") },
		stdout = "pipe",
		stderr = "null",
	})
	return setmetatable({ child = child, buffer = "", at = 1, left = 0 }, blobs)
end

-- Reads on; raises when git has ended before its last answer.
local function fill(self)
	local chunk = self.child.stdout:read(CHUNK)
	if not chunk then error("git cat-file ended early", 0) end
	self.buffer = self.at > #self.buffer and chunk or self.buffer:sub(self.at) .. chunk
	self.at = 1
end

local function read_line(self)
	local stop = self.buffer:find("\n", self.at, true)
	while not stop do
		fill(self)
		stop = self.buffer:find("\n", 1, true)
	end
	local line = self.buffer:sub(self.at, stop - 1)
	self.at = stop + 1
	return line
end

--- Goes to the next blob: {id, size}, or nil when that one is not there or no blob.
function blobs:next()
	local id, kind, size = read_line(self):match("^(%x+) (%a+) (%d+)$")
	if not id then return nil end
	-- Each content is followed by a newline.
	self.left = tonumber(size) + 1
	if kind == "blob" then return { id = id, size = self.left - 1 } end
	for _ in self:chunks() do end
	return nil
end

--- An iterator over the pieces of the blob that `next` went to.
function blobs:chunks()
	return function()
		if self.left == 0 then return nil end
		if self.at > #self.buffer then fill(self) end
		local piece = self.buffer:sub(self.at, self.at + self.left - 1)
		self.at = self.at + #piece
		self.left = self.left - #piece
		if self.left > 0 then return piece end
		return #piece > 1 and piece:sub(1, -2) or nil
	end
end

--- An iterator over all the blobs wanted: index in the list, content whole.
function blobs:each(count)
	local index = 0
	return function()
		if index == count then return nil end
		index = index + 1
		local pieces = {}
		if not self:next() then error("git cat-file misses a blob", 0) end
		for piece in self:chunks() do pieces[#pieces + 1] = piece end
		return index, table.concat(pieces)
	end
end

local function close(self)
	self.child:close()
end

blobs.close = close
blobs.__close = close

return blobs
