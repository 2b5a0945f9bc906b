-- SPDX-License-Identifier: Apache-2.0
-- files.lua upload|download BASE FILE BYTES: one file over the API; prints the time, the CPU time and by how much the memory has
-- grown beside what a small call needs.
local relace = require "epact.relace"
local task = require "epact.task"

local what, base, path, bytes = table.unpack(arg)
local file = relace.client({ api_key = "rlc-bench", base_url = base, rate_control = false }).repo.file

-- The peak since the last reset, in KiB.
local function peak() return tonumber(io.open("/proc/self/status"):read("a"):match "VmHWM:%s+(%d+)") end

local function reset()
	local refs = io.open("/proc/self/clear_refs", "w")
	if refs then refs:write("5"):close() end
end

file:upload("x", "warm", "up")
file:download("x", "1000")
collectgarbage()
reset()
local before, begun, cpu = peak(), task.now(), os.clock()
if what == "upload" then
	assert(file:upload("x", "big", { file = path }).changed_files[1] == bytes)
else
	assert(file:download("x", bytes, { to = path }).bytes == tonumber(bytes))
end
print(("n=1 ms=%.1f cpu_ms=%.1f grown_kib=%d"):format((task.now() - begun) * 1000, (os.clock() - cpu) * 1000, peak() - before))
