-- SPDX-License-Identifier: Apache-2.0
-- test: --local
-- The whole round: import a project, make a token for it, clone, edit, overwrite, compare, delete the token.
--
--     ./dev run examples/quickstart.lua               imports epact's own source tree
--     ./dev run examples/quickstart.lua ../project    ... or a folder, or the https:// URL of a git repository
local fs = require "epact.fs"
local git = require "epact.git"
local process = require "epact.process"
local relace = require "epact.relace"

local work <close> = fs.temp_dir { prefix = "quickstart-" } -- removed at the end, whatever happens
local source = ... or arg[0]:match "^(.*)/examples/" or "."
if source:match "^https?://" then
	source = git.clone { url = source, directory = work.path .. "/import" }.directory
end

local client = relace.client() -- RELACE_API_KEY and RELACE_BASE_URL, or the server of --local
local repo = client.repo:create {
	source = { type = "files", directory = source, skip_binary = true },
	metadata = { name = "quickstart" },
}
print(("imported %s as repo %s, head %s"):format(source, repo.repo_id, repo.repo_head:sub(1, 10)))
for _, file in ipairs(repo.left_out) do print(("  left out: %s (%s)"):format(file.filename, file.reason)) end

do
	local token <close> = client.repo_token:create { name = "quickstart", repo_ids = { repo.repo_id }, ttl_seconds = 600 }
	print(("made %s, good until %s"):format(token, token.expires_at))
	local agent = client:with(token) -- may touch this one repo, nothing else

	local first = work.path .. "/first"
	agent:git(first):clone { repo_id = repo.repo_id, branch = "main" }
	print("cloned with the token")

	fs.write(first .. "/HELLO.md", "# Hello\n\nWritten by an agent.\n")
	if fs.stat(first .. "/README.md") then
		fs.write(first .. "/README.md", fs.read(first .. "/README.md") .. "\nEdited by an agent.\n")
	end
	local update = agent.repo:overwrite(repo.repo_id, first, { skip_binary = true })
	print(("overwrote the repo, head %s"):format(update.repo_head:sub(1, 10)))

	local second = work.path .. "/second"
	agent:git(second):clone { repo_id = repo.repo_id, branch = "main", depth = 0 }
	print("cloned again; what changed:")
	io.write(process.run({ "git", "diff", "--stat", "HEAD~1" }, { cwd = second }).stdout)

	token:delete()
	local ok, err = pcall(function() agent.repo:get(repo.repo_id) end)
	assert(not ok and err.code == "authentication", "the deleted token still works")
	print("deleted the token; the server now says: " .. err.message)
end

client.repo:delete(repo.repo_id)
print "deleted the repo; done"
