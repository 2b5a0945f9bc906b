-- SPDX-License-Identifier: Apache-2.0
-- test: --local
-- The four calls of an agent: a token for one repo, a clone with it, an overwrite, and the token's end.
-- ./dev run examples/01-token-clone-overwrite.lua
local fs = require "epact.fs"
local relace = require "epact.relace"

local client = relace.client()
local repo = client.repo:create { source = { type = "files", files = { { filename = "notes.txt", content = "one\n" } } } }
local work <close> = fs.temp_dir()

do
	local token <close> = client.repo_token:create { name = "agent", repo_ids = { repo.repo_id }, ttl_seconds = 600 }
	local agent = client:with(token)                                      -- may touch this repo, nothing else
	local clone = agent:git(work.path .. "/repo"):clone { repo_id = repo.repo_id }
	fs.write(clone.directory .. "/notes.txt", "one\ntwo\n")
	local done = agent.repo:overwrite(repo.repo_id, clone.directory)
	print(("%s -> %s, changed: %s"):format(repo.repo_head:sub(1, 10), done.repo_head:sub(1, 10),
		table.concat(done.changed_files, ", ")))
end                                                                       -- here the token is deleted

client.repo:delete(repo)
