-- SPDX-License-Identifier: Apache-2.0
-- test: --local
-- Finds repos by what was noted of them, changes several at once, removes the old ones.
-- ./dev run examples/02-list.lua
local relace = require "epact.relace"
local task = require "epact.task"

local client = relace.client()
local filter = { job = "nightly" }

task.map({ "red", "green", "blue" }, function(name)
	client.repo:create { metadata = { job = "nightly", name = name, state = "new" } }
end)

-- The loop asks for the next page when it gets there.
for repo in client.repo:list { filter_metadata = filter, order_by = "created_at" } do
	print(repo.repo_id, repo.created_at, repo.metadata.name, repo.metadata.state)
end

-- Metadata is replaced as a whole: what is to stay is sent again. Eight calls at once, whatever the number of repos.
task.map(client.repo:list({ filter_metadata = filter }):page().items, function(repo)
	repo.metadata.state = "done"
	client.repo:update(repo, { metadata = repo.metadata })
end, { limit = 8 })

local removed = 0
for repo in client.repo:list { filter_metadata = { job = "nightly", state = "done" } } do
	client.repo:delete(repo)
	removed = removed + 1
end
print(("removed %d"):format(removed))
