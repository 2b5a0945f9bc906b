-- SPDX-License-Identifier: Apache-2.0
-- The edits of a tree, without git: a tree is a table from path to entry {mode = "100644", id = blob id}; a new file is
-- an entry {mode, id, content}. An edit gives the new tree, built beside the old one, and the difference of the two.

local errors = require "epact.server.errors"
local paths = require "epact.server.paths"

local tree = {}

local PLAIN = "100644"
local EXECUTABLE = "100755"

-- A replaced file stays executable; what REST does not create (symlinks, submodules) becomes a plain file.
local function mode_over(old)
	return old and old.mode == EXECUTABLE and EXECUTABLE or PLAIN
end

local function clash(path)
	errors.fail(400, ("'%s' cannot be a file and a folder at once"):format(path))
end

-- Raises when a touched path is a folder of another path, or has a file as a folder.
local function check_clashes(old, new, touched)
	local suspects, any = {}, false
	for path in pairs(touched) do
		if new[path] then
			for parent in paths.parents(path) do
				if new[parent] then clash(parent) end
			end
			-- Where a file was before, no folder can be: only other paths need a look at the whole tree.
			if not old[path] then suspects[path], any = true, true end
		end
	end
	if not any then return end
	for path in pairs(new) do
		for parent in paths.parents(path) do
			if suspects[parent] then clash(parent) end
		end
	end
end

local function same(a, b)
	return a and b and a.mode == b.mode and a.id == b.id
end

-- What has to be told to git to come from old to new: sorted lists of removed and of changed (or added) paths.
local function difference(old, new)
	local removed, changed = {}, {}
	for path in pairs(old) do
		if not new[path] then removed[#removed + 1] = path end
	end
	for path, entry in pairs(new) do
		if not same(old[path], entry) then changed[#changed + 1] = path end
	end
	table.sort(removed)
	table.sort(changed)
	return removed, changed
end

local function result(old, new, hidden)
	local removed, changed = difference(old, new)
	local names = table.move(changed, 1, #changed, 1, {})
	for _, path in ipairs(removed) do
		if not hidden[path] then names[#names + 1] = path end
	end
	table.sort(names)
	return { tree = new, removed = removed, changed = changed, changed_files = names }
end

--- The tree that holds exactly `files` ({path, content, id}: id is that of the blob). Returns
--- {tree, removed, changed, changed_files}: lists of paths, sorted.
function tree.overwrite(old, files)
	local new = {}
	for _, file in ipairs(files) do
		new[file.path] = { mode = mode_over(old[file.path]), id = file.id, content = file.content }
	end
	for path in pairs(new) do
		for parent in paths.parents(path) do
			if new[parent] then clash(parent) end
		end
	end
	return result(old, new, {})
end

-- Removes a file, or everything below a folder, of old from new; false when old holds neither.
local function delete(old, new, path)
	if old[path] then
		new[path] = nil
		return true
	end
	local prefix, found = path .. "/", false
	for name in pairs(old) do
		if name:sub(1, #prefix) == prefix then
			new[name] = nil
			found = true
		end
	end
	return found
end

local function is_folder(entries, path)
	local prefix = path .. "/"
	for name in pairs(entries) do
		if name:sub(1, #prefix) == prefix then return true end
	end
	return false
end

local function missing(path)
	errors.fail(404, ("no such file: '%s'"):format(path))
end

-- The last target of each source, in a fixed order of sources.
local function final_renames(operations)
	local target_of, sources = {}, {}
	for _, operation in ipairs(operations) do
		if operation.type == "rename" then
			if not target_of[operation.path] then sources[#sources + 1] = operation.path end
			target_of[operation.path] = operation.target
		end
	end
	return sources, target_of
end

-- Takes all sources out first, then puts all targets in, so that chains and swaps work.
local function rename_all(new, operations, touched)
	local sources, target_of = final_renames(operations)
	local moved, hidden = {}, {}
	for _, source in ipairs(sources) do
		if not new[source] then
			if is_folder(new, source) then errors.fail(400, ("'%s' is a folder: only files are renamed"):format(source)) end
			missing(source)
		end
		moved[source] = new[source]
	end
	for _, source in ipairs(sources) do new[source] = nil end
	for _, source in ipairs(sources) do
		local target = target_of[source]
		if new[target] then errors.fail(400, ("cannot rename '%s': '%s' exists"):format(source, target)) end
		new[target] = moved[source]
		touched[target] = true
		hidden[source] = true
	end
	return hidden
end

--- The tree after a list of operations ({type, path, ...}), whatever their order: all deletes, then all writes, then
--- all renames. Returns what `overwrite` does; the old name of a rename is not among `changed_files`. Raises 404 for a
--- missing source and 400 for a target that exists or a clash of file and folder; `old` is never changed.
function tree.apply(old, operations)
	local new, touched = {}, {}
	for path, entry in pairs(old) do new[path] = entry end
	for _, operation in ipairs(operations) do
		if operation.type == "delete" and not delete(old, new, operation.path) then missing(operation.path) end
	end
	for _, operation in ipairs(operations) do
		if operation.type == "write" then
			local path = operation.path
			new[path] = { mode = mode_over(old[path]), id = operation.id, content = operation.content }
			touched[path] = true
		end
	end
	local hidden = rename_all(new, operations, touched)
	check_clashes(old, new, touched)
	return result(old, new, hidden)
end

return tree
