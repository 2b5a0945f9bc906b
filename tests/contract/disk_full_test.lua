-- SPDX-License-Identifier: Apache-2.0
-- A full disk below the local server: an error, the repo at its old head, and all well once there is room again.
local check = require "check"
local crypto = require "epact.crypto"
local fs = require "epact.fs"
local process = require "epact.process"
local relace = require "epact.relace"
local server = require "epact.server"
local task = require "epact.task"

local dir <close> = fs.temp_dir()

local function small_disk()
	local r = process.run({ "mount", "-t", "tmpfs", "-o", "size=16m", "epact-test", dir.path }, { check = false })
	if r.status ~= 0 then return nil end
	return setmetatable({}, { __close = function() process.run { "umount", "-l", dir.path } end })
end

local disk <close> = small_disk()
if not disk then
	print "skipped: this user may not mount a small disk"
	os.exit(77)
end

-- One file of text that does not compress below a half.
local function files(bytes)
	local parts = {}
	for i = 1, bytes, 1 << 20 do parts[#parts + 1] = crypto.random_hex(math.min(bytes - i + 1, 1 << 20) // 2) end
	return { { filename = "a.txt", content = table.concat(parts) } }
end

check.case("an update that does not fit", function()
	local api <close> = server.start { data = dir.path .. "/data" }
	task.scope(function(s)
		s:spawn_daemon(function() api:run() end)
		local client = relace.client { base_url = api.url, api_key = api.api_key, max_retries = 0 }
		local small = files(1000)
		local repo = client.repo:create { source = { type = "files", files = small } }
		local function content() return client:request("GET", "/repo/" .. repo.repo_id .. "/clone").files[1].content end

		local err = check.fails("server", function() client.repo:overwrite(repo.repo_id, files(40 << 20)) end)
		check.ok(err.status >= 500)
		check.equal(content(), small[1].content)
		check.equal(client.repo:get(repo.repo_id).repo_id, repo.repo_id)

		local filler = dir.path .. "/filler"
		pcall(fs.write, filler, ("x"):rep(32 << 20))
		check.fails("server", function() client.repo:overwrite(repo.repo_id, files(200000)) end)
		check.equal(content(), small[1].content)
		fs.remove(filler)

		local next_files = files(2000)
		client.repo:overwrite(repo.repo_id, next_files)
		check.equal(content(), next_files[1].content)
	end)
end)

check.done()
