-- SPDX-License-Identifier: Apache-2.0
-- On a terminal `epact run` draws a line for each clone that is under way; elsewhere nothing.
local check = require "check"
local fs = require "epact.fs"
local git_server = require "git_server"
local process = require "epact.process"
local case, equal = check.case, check.equal

local folder <close> = fs.temp_dir()
local tmp = folder.path
fs.mkdir(tmp .. "/repos")
git_server.repositories(tmp .. "/repos")
local server <close> = git_server.start(tmp .. "/repos")
local terminal = os.getenv "EPACT_SOURCE" .. "/tests/support/terminal.py"

local function clones(count, more)
	local script = ([[
		local git, task = require "epact.git", require "epact.task"
		task.scope(function(s)
			for i = 1, %d do
				s:spawn(function() git.clone { url = %q, directory = %q .. i %s } end)
			end
		end)
	]]):format(count, server:at "open", tmp .. "/c", more or "")
	local _ <close> = setmetatable({}, { __close = function()
		for i = 1, count do fs.remove(tmp .. "/c" .. i, { recursive = true }) end
	end })
	local result = process.run({ "python3", terminal, os.getenv "EPACT_BIN", "run", "-e", script }, { check = false })
	if result.status ~= 0 then error(result.stdout .. result.stderr, 0) end
	return result.stdout
end

-- What is on the screen at the end: the codes are "up n lines", "erase to the end of the line".
local function screen(text)
	local rows, row = {}, 1
	for up, content in text:gmatch "\27?%[?(%d*)A?\r([^\r\n]*)\27%[K\r?\n" do
		if up ~= "" then row = row - tonumber(up) end
		rows[row], row = content, row + 1
	end
	return rows
end

case("one line for each", function()
	local text = clones(1)
	check.contains(text, "receiving  100%")
	equal(#screen(text), 1)
	local rows = screen(clones(4))
	equal(#rows, 4)
	for _, row in ipairs(rows) do
		check.contains(row, "open/repo.git  receiving  100%")
		check.ok(#row < 60, "a line that wraps")
	end
end)

case("nothing when it is not wanted", function()
	equal(clones(1, ", quiet = true"), "")
	equal(clones(1, ", progress = false"), "")
	local script = ([[require("epact.git").clone { url = %q, directory = %q, progress = true }]]):format(server:at "open", tmp .. "/plain")
	equal(process.run({ os.getenv "EPACT_BIN", "run", "-e", script }).stderr, "")
end)

check.done()
