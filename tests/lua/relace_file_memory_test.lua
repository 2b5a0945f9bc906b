-- SPDX-License-Identifier: Apache-2.0
-- slow
-- timeout: 120
-- A file of 64 MiB up and down in a program of its own, whose memory does not grow with it: what bench/files.sh measures with 1 GiB.
local check = require "check"
local faults = require "faults"
local fs = require "epact.fs"
local json = require "epact.json"
local mock = require "relace_mock"
local process = require "epact.process"

local SIZE, MOST = 64 << 20, 16 << 20
local block = ("0123456789abcdef"):rep(1 << 16)

local function handler(req)
	local size = 0
	if req.method == "PUT" then
		for chunk in req:chunks() do size = size + #chunk end
		return req:respond(201, mock.json, json.encode { repo_id = "x", repo_head = "0", changed_files = { tostring(size) } })
	end
	local left = tonumber(req.path:match "%d+$")
	local out <close> = req:respond_stream(200, {}, left)
	while left > 0 do
		out:write(block:sub(1, math.min(left, #block)))
		left = left - math.min(left, #block)
	end
end

check.case("memory does not grow with the file", function()
	mock.with(handler, function(_, server)
		local work <close> = fs.temp_dir()
		local path = work.path .. "/file"
		do
			local file <close> = fs.open(path, "write")
			for _ = 1, SIZE // #block do file:write(block) end
		end
		for _, what in ipairs { "upload", "download" } do
			local done = process.run { os.getenv "EPACT_BIN", "run", "bench/files.lua", what, server.url .. "/v1", path, tostring(SIZE) }
			local grown = tonumber(done.stdout:match "grown_kib=(%-?%d+)") * 1024
			check.ok(grown < MOST or faults.sanitized(), ("%s: the memory has grown by %d bytes"):format(what, grown))
			print(what, done.stdout)
		end
		check.equal(fs.stat(path).size, SIZE)
	end)
end)

check.done()
