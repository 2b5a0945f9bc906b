-- SPDX-License-Identifier: Apache-2.0
-- test: --local
-- Two agents work on one repo, each on a branch and in a work tree of its own; then both are merged, and a conflict is resolved.
-- ./dev run examples/08-fix-on-a-branch.lua
local fs = require "epact.fs"
local relace = require "epact.relace"
local task = require "epact.task"

local client = relace.client()
local made = client.repo:create { source = { type = "files", files = { { filename = "list.txt", content = "one\n" } } } }
local folder <close> = fs.temp_dir()

local repo = client:git(folder.path .. "/repo", { author = "Demo <demo@example.com>" })
repo:clone { repo_id = made, full = true, quiet = true }

local function agent(name)
	local tree <close> = repo:worktree { branch = name, new = true } -- gone at the end, the branch stays
	fs.write(tree.directory .. "/list.txt", "one\n" .. name .. "\n")
	tree:add():commit { message = "Add " .. name }
	tree:push()
end

task.map({ "two", "three" }, agent)

for _, name in ipairs { "two", "three" } do
	local ok, err = pcall(repo.merge, repo, { branch = name })
	if ok then
		print(name, err.kind)
	elseif err.code == "conflict" then
		print(name, "conflict in " .. table.concat(err.files, ", "))
		fs.write(repo.directory .. "/list.txt", "one\ntwo\nthree\n")
		repo:add { files = err.files }
		repo:merge { continue = true }
	else
		error(err)
	end
end
print(repo:push().kind)
for _, commit in ipairs(repo:log { first_parent = true }) do print(commit.id:sub(1, 10), commit.subject) end

client.repo:delete(made)
