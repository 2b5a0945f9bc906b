-- SPDX-License-Identifier: Apache-2.0
-- test: --local
-- Looks before it leaps: what a folder would change in a repo, then just that is sent.
-- ./dev run examples/05-plan.lua
local fs = require "epact.fs"
local relace = require "epact.relace"

local client = relace.client()
local work <close> = fs.temp_dir()
local folder = work.path .. "/site"

fs.mkdir(folder .. "/pages", { parents = true })
for number = 1, 50 do
	fs.write(("%s/pages/%02d.md"):format(folder, number), ("# Page %d\n"):format(number) .. ("text "):rep(200) .. "\n")
end
local repo = client.repo:create { source = { type = "files", directory = folder } }

fs.write(folder .. "/pages/07.md", "# Page 7, again\n")
fs.rename(folder .. "/pages/08.md", folder .. "/pages/eight.md")
fs.remove(folder .. "/pages/09.md")
fs.write(folder .. "/new.md", "# New\n")

local plan <close> = client.repo:plan(repo, folder)
for _, file in ipairs(plan.added) do print("+ " .. file.filename) end
for _, file in ipairs(plan.changed) do print("~ " .. file.filename) end
for _, file in ipairs(plan.renamed) do print(("> %s -> %s"):format(file.old_filename, file.new_filename)) end
for _, file in ipairs(plan.deleted) do print("- " .. file.filename) end
print(("%d stay; %d bytes to send, as a %s"):format(plan.unchanged, plan.bytes, plan.method))

-- Refused (conflict) if somebody else has changed the repo meanwhile.
print("head " .. client.repo:apply(plan).repo_head:sub(1, 10))
client.repo:delete(repo)
