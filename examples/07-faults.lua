-- SPDX-License-Identifier: Apache-2.0
-- test:
-- Tests an agent against a server that fails on purpose: what is retried, and what must not be.
-- epact run examples/07-faults.lua
local fs = require "epact.fs"
local relace = require "epact.relace"
local server = require "epact.server"
local task = require "epact.task"

local data <close> = fs.temp_dir()
local running <close> = server.start { data = data.path, faults = {
	"GET /repo: 503 x2",             -- twice
	"POST /repo: drop after x1",     -- made, but nobody is told
} }

task.scope(function(scope)
	scope:spawn_daemon(function() running:run() end)
	local client = relace.client { api_key = running.api_key, base_url = running.url }

	local page = client.repo:list():page()
	print("the list came at the third attempt: " .. page.total_items .. " repos")

	local ok, err = pcall(function() return client.repo:create { metadata = { name = "once" } } end)
	assert(not ok and err.code == "in_doubt")
	print("not made again: " .. err.message)

	-- The way out of doubt: look.
	for repo in client.repo:list { filter_metadata = { name = "once" } } do print("it was made: " .. repo.repo_id) end
end)
