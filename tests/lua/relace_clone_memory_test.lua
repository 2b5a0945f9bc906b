-- SPDX-License-Identifier: Apache-2.0
-- slow
-- timeout: 240
-- A repo of 300 MB, walked file by file in a program of its own: its memory does not grow with the repo.
local check = require "check"
local faults = require "faults"
local fs = require "epact.fs"
local json = require "epact.json"
local mock = require "relace_mock"
local process = require "epact.process"

local MIB, FILE, COUNT = 1 << 20, 1 << 20, 300
local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"

local walker = [[
local function rss()
	local status = io.open("/proc/self/status"):read "a"
	return tonumber(status:match "VmRSS:%s+(%d+)") * 1024
end
local client = require("epact.relace").client()
local before, most, count, bytes = nil, 0, 0, 0
for file in client.repo:clone(arg[1]) do
	count, bytes = count + 1, bytes + #file.content
	if count == 20 then before = rss() end
	if count % 10 == 0 then most = math.max(most, rss()) end
end
print(count, bytes, before, most)
]]

check.case("memory does not grow with the repo", function()
	local content = ("a line of some text, \"quoted\", with a tab\t and its end\n"):rep(FILE // 56)
	local element = json.encode { filename = "src/file.c", content = content }
	local function handler(req)
		local out <close> = req:respond_stream(200, mock.json)
		out:write '{"files":['
		for i = 1, COUNT do out:write(element .. (i < COUNT and "," or "]}")) end
	end
	mock.with(handler, function(_, server)
		local work <close> = fs.temp_dir()
		fs.write(work.path .. "/walk.lua", walker)
		local result = process.run({ os.getenv "EPACT_BIN", "run", work.path .. "/walk.lua", id },
			{ env = { RELACE_API_KEY = mock.key, RELACE_BASE_URL = server.url .. "/v1" } })
		local count, bytes, before, most = result.stdout:match "(%d+)%s+(%d+)%s+(%d+)%s+(%d+)"
		check.equal({ count, bytes }, { tostring(COUNT), tostring(COUNT * #content) })
		local grown = (most - before) / MIB
		print(("grown by %.1f MiB"):format(grown))
		-- The collector lets some files of 1 MiB gather before it looks.
		check.ok(grown < 12 or faults.sanitized(), ("the program has grown by %.1f MiB"):format(grown))
	end)
end)

check.done()
