-- SPDX-License-Identifier: Apache-2.0
-- test: --local
-- Clones many repos side by side and says how it goes; Ctrl-C at any moment leaves nothing behind.
-- ./dev run examples/06-many-clones.lua 20
local fs = require "epact.fs"
local relace = require "epact.relace"
local task = require "epact.task"

local count = math.tointeger(tonumber((...))) or 8
local client = relace.client()
local work <close> = fs.temp_dir { prefix = "clones-" }

local numbers = {}
for number = 1, count do numbers[number] = number end
local repos = task.map(numbers, function(number)
	local files = { { filename = "number.txt", content = number .. "\n" } }
	return client.repo:create { source = { type = "files", files = files } }
end, { limit = 8 })

local begun, done = task.now(), 0
task.timeout(300, function()
	task.map(repos, function(repo)
		local clone = client:git(("%s/%s"):format(work.path, repo.repo_id)):clone { repo_id = repo, timeout = 60 }
		done = done + 1
		print(("%d of %d: %s"):format(done, count, clone.head:sub(1, 10)))
	end, { limit = 8 }) -- the first failure would cancel the others and be raised here
end)
print(("%.1f clones a second"):format(count / (task.now() - begun)))

task.map(repos, function(repo) client.repo:delete(repo) end, { limit = 8 })
