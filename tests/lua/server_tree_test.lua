-- SPDX-License-Identifier: Apache-2.0
-- The edits of a tree: what an overwrite and the three phases of a diff make of it, without git.

local errors = require "epact.server.errors"
local tree = require "epact.server.tree"

local function same(got, expected, what)
	if got ~= expected then error(("%s is %s, expected %s"):format(what, tostring(got), tostring(expected)), 2) end
end

-- A tree as text: "path=id path=id", sorted; an executable one has a star.
local function show(entries)
	local names = {}
	for path, entry in pairs(entries) do
		names[#names + 1] = path .. "=" .. entry.id .. (entry.mode == "100755" and "*" or "")
	end
	table.sort(names)
	return table.concat(names, " ")
end

local function old()
	return {
		a = { mode = "100644", id = "1" },
		run = { mode = "100755", id = "2" },
		link = { mode = "120000", id = "3" },
		["d/x"] = { mode = "100644", id = "4" },
		["d/y"] = { mode = "100644", id = "5" },
	}
end

local function write(path, id) return { type = "write", path = path, id = id, content = id } end
local function delete(path) return { type = "delete", path = path } end
local function rename(path, target) return { type = "rename", path = path, target = target } end

local function fails(status, fn, ...)
	local ok, failure = pcall(fn, ...)
	same(ok, false, "success")
	same(errors.is(failure) and failure.http_status, status, "status")
end

local function edited(...)
	local before = old()
	local edit = tree.apply(before, { ... })
	same(show(before), show(old()), "the old tree")
	return show(edit.tree), table.concat(edit.changed_files, " ")
end

local function check_edit(operations, expected, changed)
	local now, names = edited(table.unpack(operations))
	same(now, expected, "tree")
	same(names, changed, "changed_files")
end

-- Overwrite

local edit = tree.overwrite(old(), { { path = "a", id = "1" }, { path = "run", id = "9" }, { path = "link", id = "8" } })
same(show(edit.tree), "a=1 link=8 run=9*", "overwritten tree")
same(table.concat(edit.changed_files, " "), "d/x d/y link run", "changed files of an overwrite")
same(table.concat(edit.removed, " "), "d/x d/y", "removed files")
same(edit.tree.link.mode, "100644", "mode of a replaced link")
same(next(tree.overwrite(old(), {}).tree), nil, "tree of an empty overwrite")
fails(400, tree.overwrite, old(), { { path = "p", id = "1" }, { path = "p/q", id = "2" } })
same(#tree.overwrite({ a = { mode = "100644", id = "1" } }, { { path = "a", id = "1" } }).changed, 0, "changes of a no-op")

-- The consequences of deletes, then writes, then renames, whatever the order of the array

check_edit({ write("a", "7"), delete("a") }, "a=7 d/x=4 d/y=5 link=3 run=2*", "a")
check_edit({ rename("a", "b"), write("a", "7") }, "b=7 d/x=4 d/y=5 link=3 run=2*", "b")
fails(404, tree.apply, old(), { delete("a"), rename("a", "b") })
fails(404, tree.apply, old(), { write("new", "7"), delete("new") })
check_edit({ write("a", "7"), write("a", "8") }, "a=8 d/x=4 d/y=5 link=3 run=2*", "a")
check_edit({ rename("a", "b"), rename("a", "c") }, "c=1 d/x=4 d/y=5 link=3 run=2*", "c")

-- Renames

check_edit({ rename("a", "run"), rename("run", "a") }, "a=2* d/x=4 d/y=5 link=3 run=1", "a run")
check_edit({ rename("a", "run"), rename("run", "z") }, "d/x=4 d/y=5 link=3 run=1 z=2*", "run z")
check_edit({ rename("a", "a") }, "a=1 d/x=4 d/y=5 link=3 run=2*", "")
check_edit({ rename("a", "n/e/w") }, "d/x=4 d/y=5 link=3 n/e/w=1 run=2*", "n/e/w")
fails(400, tree.apply, old(), { rename("a", "run") })
fails(400, tree.apply, old(), { rename("d", "e") })
fails(400, tree.apply, old(), { rename("a", "z"), rename("run", "z") })
fails(404, tree.apply, old(), { rename("nothing", "z") })

-- Deletes

check_edit({ delete("d") }, "a=1 link=3 run=2*", "d/x d/y")
check_edit({ delete("d"), delete("d/x") }, "a=1 link=3 run=2*", "d/x d/y")
check_edit({ delete("d"), write("d", "7") }, "a=1 d=7 link=3 run=2*", "d d/x d/y")
fails(404, tree.apply, old(), { delete("dd") })

-- A file and a folder of one name

fails(400, tree.apply, old(), { write("a/b", "7") })
fails(400, tree.apply, old(), { write("d", "7") })
fails(400, tree.apply, old(), { write("p", "7"), write("p/q", "8") })
fails(400, tree.apply, old(), { rename("a", "link/in") })
fails(400, tree.apply, old(), { rename("a", "d") })

print "server tree: passed"
