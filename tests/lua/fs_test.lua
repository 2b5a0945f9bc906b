-- SPDX-License-Identifier: Apache-2.0
local check = require "check"
local fs = require "epact.fs"
local process = require "epact.process"
local task = require "epact.task"

local function folder_with_files(path)
	fs.write(path .. "/b", "two\0bytes")
	fs.mkdir(path .. "/d/e", { parents = true })
	fs.write(path .. "/d/e/a", "")
	fs.write(path .. "/A", "1", { mode = tonumber("600", 8) })
end

local function check_reading(path)
	check.equal(fs.read(path .. "/b"), "two\0bytes")
	check.equal(fs.read(path .. "/d/e/a"), "")
	check.fails("too_large", fs.read, path .. "/b", { max = 3 })
	check.fails("not_found", fs.read, path .. "/missing")
	local names = {}
	for index, entry in ipairs(fs.list(path)) do names[index] = entry.name .. ":" .. entry.type end
	check.equal(names, { "A:file", "b:file", "d:directory" })
	local found = {}
	for index, entry in ipairs(fs.walk(path)) do found[index] = entry.path .. ":" .. entry.type .. ":" .. entry.size end
	check.equal(found, { "A:file:1", "b:file:9", "d:directory:0", "d/e:directory:0", "d/e/a:file:0" })
	local about = fs.stat(path .. "/A")
	check.equal({ about.type, about.size, about.mode }, { "file", 1, tonumber("600", 8) })
	check.ok(math.abs(about.mtime - os.time()) < 60, "mtime is about now")
	check.equal(fs.stat(path .. "/missing"), nil)
	check.equal(fs.realpath(path .. "/d/../b"), fs.realpath(path) .. "/b")
end

local function check_writing(path)
	fs.write(path .. "/b", "+", { append = true })
	fs.write(path .. "/b", "new", { atomic = true, sync = true })
	check.equal(fs.read(path .. "/b"), "new")
	fs.copy(path .. "/b", path .. "/c")
	fs.rename(path .. "/c", path .. "/b2")
	check.equal(fs.read(path .. "/b2"), "new")
	check.fails("exists", fs.mkdir, path .. "/d")
	check.ok(not pcall(fs.remove, path .. "/d"), "a full folder stays")
	fs.remove(path .. "/d", { recursive = true })
	fs.remove(path .. "/d", { recursive = true })
	check.fails("not_found", fs.remove, path .. "/d")
	check.fails("unknown option", fs.write, path .. "/x", "", { apend = true })
	check.fails("NUL", fs.read, "a\0b")
end

local function check_pieces(path)
	do
		local file <close> = fs.open(path .. "/p", "write")
		for index = 1, 100 do file:write(("%05d"):format(index)) end
		file:close()
		check.fails("closed", file.write, file, "x")
	end
	local file <close> = fs.open(path .. "/p")
	check.equal(file:read(7), "0000100")
	local size = 7
	for piece in function() return file:read(64) end do size = size + #piece end
	check.equal(size, 500)
	check.equal(file:read(), nil)
end

-- Mistakes are blamed on the script, and name the argument and what would be right.
local function check_mistakes(folder)
	local path = folder .. "/mistakes"
	fs.write(path, "hello")
	local line = debug.getinfo(1, "l").currentline + 1
	check.fails(("fs_test.lua:%d: bad argument #1 to 'read'"):format(line), function() fs.read() end)
	check.fails('must be "read", "write" or "append", got "r+"', fs.open, path, "r+")
	check.fails("option 'prefix' is a part of a name", fs.temp_dir, { prefix = "../a" })
	check.fails('tonumber("644", 8), got -1', fs.write, path, "x", { mode = -1 })
	check.fails("'max' must be 0 or more, got -1", fs.read, path, { max = -1 })
	check.fails("larger than 0 bytes", fs.read, path, { max = 0 })
	local file <close> = fs.open(path)
	check.equal(file:read(math.maxinteger), "hello")
	check.fails("it was opened to read it", file.write, file, "x")
	local other <close> = fs.open(path, "append")
	check.fails("it was opened to write it", other.read, other)
end

local kept
do
	local folder <close> = fs.temp_dir { prefix = "fs-" }
	kept = tostring(folder)
	check.ok(kept:find "/fs%-[^/]+$", "prefix")
	folder_with_files(kept)
	check_reading(kept)
	check_writing(kept)
	check_pieces(kept)
	check_mistakes(kept)
	do
		local inner <close> = fs.temp_dir { dir = kept }
		check.equal(inner.path:sub(1, #kept + 1), kept .. "/")
	end
end
check.equal(fs.stat(kept), nil, "the closed folder")

-- A cancel removes it too.
check.fails("timeout", task.timeout, 0.05, function()
	local folder <close> = fs.temp_dir()
	kept = folder.path
	fs.write(kept .. "/a", "x")
	task.sleep(10)
end)
check.equal(fs.stat(kept), nil, "the folder of a cancelled task")

-- One that nobody closes is removed after its last use.
kept = fs.temp_dir().path
fs.mkdir(kept .. "/a/b", { parents = true })
task.timeout(10, function()
	while fs.stat(kept) do
		collectgarbage()
		task.sleep(0.01)
	end
end)

-- What is left at the end of a run goes with it, however the run ends.
local unclosed = [[
	local fs = require "epact.fs"
	kept = fs.temp_dir()
	fs.mkdir(kept.path .. "/a")
	fs.write(kept.path .. "/a/b", "x")
	print(kept.path)
	fs.temp_dir()
]]
do
	local epact = require("epact.env").get "EPACT_BIN"
	for ending, status in pairs { [""] = 0, ["error 'x'"] = 1, ["os.exit(3)"] = 3 } do
		local run = process.run({ epact, "-e", unclosed .. ending }, { check = false })
		check.equal(run.status, status)
		check.contains(run.stdout, "/epact-")
		check.equal(fs.stat((run.stdout:gsub("\n", ""))), nil, "the folder of a run that ended with " .. ending)
	end
end
