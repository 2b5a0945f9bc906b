-- SPDX-License-Identifier: Apache-2.0
-- cycles.lua N: N times a token, a clone with it, an overwrite, the token's end; then nothing more may be open than
-- after the first ones. Prints what was counted; for `epact run --local`.
local fs = require "epact.fs"
local relace = require "epact.relace"

local n = math.tointeger(tonumber((...)))
local client = relace.client()
local work <close> = fs.temp_dir { prefix = "cycles-" }

local function count(path)
	local entries = 0
	for _ in pairs(fs.list(path)) do entries = entries + 1 end
	return entries
end

local function children()
	local pids = {}
	for _, thread in ipairs(fs.list "/proc/self/task") do
		for pid in fs.read("/proc/self/task/" .. thread.name .. "/children"):gmatch "%d+" do pids[#pids + 1] = pid end
	end
	return #pids
end

local function resident()
	collectgarbage()
	collectgarbage()
	return tonumber(fs.read("/proc/self/statm"):match "^%d+ (%d+)") * 4 -- KiB
end

local repo = client.repo:create { source = { type = "files", files = { { filename = "a.txt", content = "0\n" } } } }

local function cycle(i)
	local dir <close> = fs.temp_dir { prefix = "cycle-" }
	local token <close> = client.repo_token:create { name = "cycle", repo_ids = { repo.repo_id }, ttl_seconds = 60 }
	local agent = client:with(token)
	agent:git(dir.path .. "/work"):clone { repo_id = repo.repo_id }
	fs.write(dir.path .. "/work/a.txt", i .. "\n")
	if i % 10 == 0 then agent.repo:overwrite(repo.repo_id, dir.path .. "/work") end
end

local before
for i = 1, n do
	cycle(i)
	if i == math.min(20, n // 2) then before = { fds = count "/proc/self/fd", children = children(), kib = resident() } end
end
local after = { fds = count "/proc/self/fd", children = children(), kib = resident() }
print(("cycles=%d fds=%d->%d children=%d->%d kib=%d->%d temp=%d"):format(n, before.fds, after.fds, before.children,
	after.children, before.kib, after.kib, count(work.path)))
assert(after.fds <= before.fds + 2, "descriptors were left open")
assert(after.children <= before.children, "children were left")
