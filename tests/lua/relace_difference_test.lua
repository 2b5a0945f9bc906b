-- SPDX-License-Identifier: Apache-2.0
-- The diff that makes a repo what a folder is, carried out as the API says (section 7.3): all deletes, then all writes, then
-- all renames, each of which refuses what a strict server would.
local check = require "check"
local difference = require "epact.relace.difference"

local function clashes(tree, name)
	for other in pairs(tree) do
		if other:sub(1, #name + 1) == name .. "/" or name:sub(1, #other + 1) == other .. "/" then return other end
	end
end

local function write(tree, name, id)
	local other = clashes(tree, name)
	if other then error(("%s is in the way of %s"):format(other, name), 0) end
	tree[name] = { mode = "100644", id = id }
end

local function carry_out(tree, here, change)
	for _, name in ipairs(change.deletes) do
		if not tree[name] then error("nothing to delete: " .. name, 0) end
		tree[name] = nil
	end
	for _, place in ipairs(change.writes) do write(tree, here[place].filename, here[place].id) end
	local taken = {}
	for _, rename in ipairs(change.renames) do
		local entry = tree[rename.old_filename]
		if not entry then error("nothing to rename: " .. rename.old_filename, 0) end
		taken[#taken + 1] = { rename.new_filename, entry.id }
		tree[rename.old_filename] = nil
	end
	for _, move in ipairs(taken) do
		if tree[move[1]] then error(move[1] .. " is there already", 0) end
		write(tree, move[1], move[2])
	end
end

local function list_of(files)
	local list = {}
	for name, id in pairs(files) do list[#list + 1] = { filename = name, size = #id, id = id } end
	table.sort(list, function(a, b) return a.filename < b.filename end)
	return list
end

local PARTS = { "a", "b", "c", "d" }

local function random_name()
	local name = {}
	for i = 1, math.random(3) do name[i] = PARTS[math.random(#PARTS)] end
	return table.concat(name, "/")
end

-- Few names and few contents, so that files become folders, and contents wander.
local function random_tree(make)
	local tree = {}
	for _ = 1, math.random(0, 12) do
		local name = random_name()
		if not clashes(tree, name) then tree[name] = make() end
	end
	return tree
end

local function content() return "id" .. math.random(6) end

check.case("a diff makes them equal", function()
	local seed = os.time()
	math.randomseed(seed)
	for round = 1, 8000 do
		local wanted = random_tree(content)
		local there = random_tree(function()
			local kind = math.random(12)
			return { mode = kind == 1 and "120000" or kind == 2 and "160000" or "100644", id = content() }
		end)
		local here = list_of(wanted)
		local found = difference.compare(here, {}, there)
		local ok, err = pcall(carry_out, there, here, found.change)
		if not ok then error(("seed %d, round %d: %s"):format(seed, round, err), 0) end
		for name, entry in pairs(there) do check.equal({ name, entry.id, entry.mode }, { name, wanted[name], "100644" }) end
		for name in pairs(wanted) do check.ok(there[name], name) end
		check.equal(difference.compare(here, {}, there).empty, true)
		check.equal(found.kept, false)
	end
end)

check.case("what is left out stays", function()
	local there = { link = { mode = "120000", id = "1" }, ["sub/x"] = { mode = "100644", id = "2" }, gone = { mode = "100644", id = "3" } }
	local left = { { filename = "link", reason = "symlink" }, { filename = "sub/", reason = "repository" }, { filename = "new", reason = "binary", id = "9" } }
	local found = difference.compare({}, left, there)
	check.equal(found.change, { writes = {}, deletes = { "gone" }, renames = {} })
	check.equal({ found.kept, found.empty }, { true, false })
	check.equal({ found.left_out[1].remote, found.left_out[2].remote, found.left_out[3].remote }, { "same", "missing", "missing" })
end)

check.case("renames", function()
	local function renames(wanted, there)
		local tree = {}
		for name, id in pairs(there) do tree[name] = { mode = "100644", id = id } end
		return difference.compare(list_of(wanted), {}, tree).change
	end
	check.equal(renames({ ["x/f"] = "1", ["y/g"] = "1" }, { ["a/g"] = "1", ["b/f"] = "1" }).renames, {
		{ old_filename = "b/f", new_filename = "x/f", size = 1 }, { old_filename = "a/g", new_filename = "y/g", size = 1 } })
	-- A copy is no rename; one source makes one.
	check.equal(renames({ a = "1", b = "1" }, { a = "1" }), { writes = { 2 }, deletes = {}, renames = {} })
	check.equal(#renames({ b = "1", c = "1" }, { a = "1" }).renames, 1)
	-- The old name is needed for a folder: a rename comes too late for that.
	check.equal(renames({ ["a/b"] = "2", c = "1" }, { a = "1" }), { writes = { 1, 2 }, deletes = { "a" }, renames = {} })
end)

check.done()
