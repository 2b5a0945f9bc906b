-- SPDX-License-Identifier: Apache-2.0
-- What differs between a folder and a repo, both as names and git's ids of the contents.
local M = {}

local SYMLINK, SUBMODULE = "120000", "160000"

-- Calls fn with each folder above a name.
local function each_parent(name, fn)
	local at = name:find("/", 1, true)
	while at do
		if fn(name:sub(1, at - 1)) then return true end
		at = name:find("/", at + 1, true)
	end
	return false
end

local function index_by_name(list)
	local by_name = {}
	for i, entry in ipairs(list) do by_name[entry.filename:gsub("/$", "")] = i end
	return by_name
end

-- A name that is left out here, or is below one: what the repo has there stays.
local function is_kept(name, left)
	return left[name] ~= nil or each_parent(name, function(parent) return left[parent] ~= nil end)
end

local function base_name(name) return name:match "[^/]*$" end

-- Takes a file with that content out of those that go, the one of the same name in another folder before others.
local function take_source(sources, id, name)
	local list = sources[id]
	if not list or #list == 0 then return nil end
	local best = 1
	for i, old in ipairs(list) do
		if base_name(old) == base_name(name) then
			best = i
			break
		end
	end
	return table.remove(list, best)
end

-- Renames come last (7.3): the old name must not stand in the way of what is written before.
local function in_the_way(old, files, folders)
	return folders[old] or each_parent(old, function(parent) return files[parent] ~= nil end)
end

-- The names that go, which may be what a file here was called before: by id.
local function rename_sources(gone, there, files, folders)
	local sources = {}
	for _, name in ipairs(gone) do
		local entry = there[name]
		if entry.mode ~= SYMLINK and entry.mode ~= SUBMODULE and not in_the_way(name, files, folders) then
			sources[entry.id] = sources[entry.id] or {}
			table.insert(sources[entry.id], name)
		end
	end
	return sources
end

local function folders_of(here)
	local folders = {}
	for _, file in ipairs(here) do
		each_parent(file.filename, function(parent) folders[parent] = true end)
	end
	return folders
end

local function names_that_go(there, files, left)
	local gone, kept = {}, false
	for name in pairs(there) do
		if is_kept(name, left) then
			kept = true
		elseif not files[name] then
			gone[#gone + 1] = name
		end
	end
	table.sort(gone)
	return gone, kept
end

-- Sorts the files here into what is new and what is different, by their places.
local function compare_files(here, there)
	local new, different, replaced = {}, {}, {}
	for i, file in ipairs(here) do
		local entry = there[file.filename]
		if not entry then
			new[#new + 1] = i
		elseif entry.mode == SYMLINK or entry.mode == SUBMODULE then
			different[#different + 1] = i
			replaced[#replaced + 1] = file.filename -- else its kind would stay
		elseif entry.id ~= file.id then
			different[#different + 1] = i
		end
	end
	return new, different, replaced
end

local function left_out(list, there)
	local out = {}
	for i, left in ipairs(list) do
		local entry = there[left.filename:gsub("/$", "")]
		local same = entry and (left.id == entry.id or left.reason == "symlink" and entry.mode == SYMLINK)
		out[i] = { filename = left.filename, reason = left.reason, size = left.size,
			remote = not entry and "missing" or same and "same" or "different" }
	end
	return out
end

local function shown(here, places)
	local out = {}
	for i, place in ipairs(places) do out[i] = { filename = here[place].filename, size = here[place].size } end
	return out
end

--- Whether the repo keeps what it has under a name, because that name, or one above it, is left out here.
-- @param name string
-- @param left table: what is left out, by name
-- @return boolean
function M.is_kept(name, left) return is_kept(name, left) end

--- Files by their names.
-- @param list array of `{ filename }`
-- @return table: their places, by name without a slash at its end
function M.by_name(list) return index_by_name(list) end

--- Compares.
-- @param here array of `{ filename, size, id }`: what can be sent
-- @param left array of `{ filename, reason, size, id }`: what can't
-- @param there table: what the repo has, `{ mode, id }` by name
-- @return table: the lists of a plan, `unchanged`, `empty`; `change`: what makes the repo equal, by a diff; `kept`: whether the repo has
--   something that stays though it is left out here
function M.compare(here, left, there)
	local files, left_names = index_by_name(here), index_by_name(left)
	local gone, kept = names_that_go(there, files, left_names)
	local new, different, deletes = compare_files(here, there)
	local sources = rename_sources(gone, there, files, folders_of(here))
	local added, renamed, moved, deleted = {}, {}, {}, {}
	for _, place in ipairs(new) do
		local file = here[place]
		local old = take_source(sources, file.id, file.filename)
		if old then
			moved[old] = true
			renamed[#renamed + 1] = { old_filename = old, new_filename = file.filename, size = file.size }
		else
			added[#added + 1] = place
		end
	end
	for _, name in ipairs(gone) do
		if not moved[name] then
			deletes[#deletes + 1] = name
			deleted[#deleted + 1] = { filename = name }
		end
	end
	return { added = shown(here, added), changed = shown(here, different), renamed = renamed, deleted = deleted,
		left_out = left_out(left, there), unchanged = #here - #new - #different, empty = #new + #different + #gone == 0, kept = kept,
		change = { writes = table.move(different, 1, #different, #added + 1, added), deletes = deletes, renames = renamed } }
end

return M
