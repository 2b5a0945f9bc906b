-- SPDX-License-Identifier: Apache-2.0
-- One round of nearly everything, beside each other: what the tests of hosts interrupt, close and starve of memory.
-- busy(url, key): the server's, which runs elsewhere. host.later is called when the host has it.

local fs = require "epact.fs"
local http = require "epact.http"
local json = require "epact.json"
local process = require "epact.process"
local relace = require "epact.relace"
local task = require "epact.task"

local function call_host()
	local found, host = pcall(require, "host")
	if found and host.later then host.later { n = 1, words = { "a", "b" } } end
end

return function(url, key)
	local work <close> = fs.temp_dir { prefix = "busy-" }
	local client = relace.client { base_url = url, api_key = key }
	local repo = client.repo:create { source = { type = "files", files = { { filename = "a.txt", content = "a\n" } } } }
	local token <close> = client.repo_token:create { name = "busy", repo_ids = { repo.repo_id }, ttl_seconds = 600 }
	local agent = client:with(token)
	task.scope(function(s)
		s:spawn(call_host)
		s:spawn(task.sleep, 0.003)
		s:spawn(function() pcall(task.timeout, 0.001, task.sleep, 60) end)
		s:spawn(process.run, { "true" })
		s:spawn(function()
			local answer = http.get(url .. "/repo?page_size=1", { headers = { Authorization = "Bearer " .. key } })
			assert(answer.status == 200 and json.decode(answer.body).items)
		end)
		s:spawn(function()
			agent:git(work.path .. "/clone"):clone { repo_id = repo.repo_id, branch = "main" }
			fs.write(work.path .. "/clone/b.txt", ("line\n"):rep(1000))
			agent.repo:overwrite(repo.repo_id, work.path .. "/clone")
		end)
	end)
	token:delete()
	client.repo:delete(repo.repo_id)
	return json.encode { done = true }
end
