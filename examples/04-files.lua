-- SPDX-License-Identifier: Apache-2.0
-- test: --local
-- Single files without git: a binary one up and down, text that a function makes, a folder of all text files.
-- ./dev run examples/04-files.lua
local fs = require "epact.fs"
local relace = require "epact.relace"

local client = relace.client()
local repo = client.repo:create()
local file = client.repo.file
local work <close> = fs.temp_dir()

local bytes = {}
for byte = 0, 255 do bytes[#bytes + 1] = string.char(byte) end
fs.write(work.path .. "/all-bytes", table.concat(bytes):rep(4000))
file:upload(repo, "data/all-bytes", { file = work.path .. "/all-bytes" })    -- read while it is sent

local line = 0
file:upload(repo, "data/lines.txt", function()                                 -- asked for the next piece until it gives nil
	line = line + 1
	if line <= 1000 then return ("line %d\n"):format(line) end
end)

local saved = file:download(repo, "data/all-bytes", { to = work.path .. "/again" })
assert(fs.read(work.path .. "/again") == fs.read(work.path .. "/all-bytes"))
print(("%d bytes up and down, %s"):format(saved.bytes, saved.etag))

print(("%d text files written"):format(client.repo:clone(repo):write_to(work.path .. "/text")))
print(fs.read(work.path .. "/text/data/lines.txt"):match "line 1000")

file:delete(repo, "data/all-bytes")
client.repo:delete(repo)
