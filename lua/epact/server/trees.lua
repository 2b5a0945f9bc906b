-- SPDX-License-Identifier: Apache-2.0
-- The trees of the repos that were changed last, so that a series of small updates need not list the same tree again.

local trees = {}
trees.__index = trees

--- Keeps at most `max_entries` paths in all.
function trees.new(max_entries)
	return setmetatable({ max = max_entries, size = 0, kept = {}, order = {} }, trees)
end

local function count(entries)
	local n = 0
	for _ in pairs(entries) do n = n + 1 end
	return n
end

--- Forgets the tree of a repo folder.
function trees:forget(path)
	local kept = self.kept[path]
	if not kept then return end
	self.kept[path] = nil
	self.size = self.size - kept.size
	for index, other in ipairs(self.order) do
		if other == path then
			table.remove(self.order, index)
			return
		end
	end
end

--- The tree of the commit `head` of the repo folder `path`: a kept one, or asked of git. It may not be changed.
function trees:get(git_store, path, head)
	local kept = self.kept[path]
	if kept and kept.head == head then return kept.entries end
	return git_store:tree(path, head)
end

--- Keeps the tree of the newest head of a repo; the oldest ones go when there are too many.
function trees:put(path, head, entries)
	self:forget(path)
	local size = count(entries)
	if size > self.max then return end
	-- The bytes of the files are git's now.
	for _, entry in pairs(entries) do entry.content = nil end
	self.kept[path] = { head = head, entries = entries, size = size }
	self.order[#self.order + 1] = path
	self.size = self.size + size
	while self.size > self.max do self:forget(self.order[1]) end
end

return trees
