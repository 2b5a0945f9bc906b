-- SPDX-License-Identifier: Apache-2.0
-- test: --local
-- Asks a repo a question and follows the search while it runs: each event comes as it happens.
-- ./dev run examples/03-search.lua "where is the phase of the moon computed?"
local relace = require "epact.relace"

local client = relace.client()
local repo = client.repo:create { source = { type = "files", files = {
	{ filename = "src/moon.c", content = "/* The phase of the moon, 0 to 1. */\ndouble moon_phase(double day);\n" },
	{ filename = "src/tide.c", content = "double tide(double hour);\n" },
} } }

local query = ... or "where is the phase of the moon computed?"
for event in client.repo:search(repo, { query = query }) do
	local data = event.data
	if event.event == "agent" then
		print("says: " .. data.content)
	elseif event.event == "tool" and data.name == "report_back" then
		for path, ranges in pairs(data.files) do
			for _, range in ipairs(ranges) do print(("found: %s, lines %d to %d"):format(path, range[1], range[2])) end
		end
	elseif event.event == "tool" then
		print(("looks: %s %s"):format(data.name, data.path or data.query or ""))
	end
end -- leaving the loop early would end the search

-- Only the result:
print(client.repo:search(repo, { query = query }):report().explanation)

client.repo:delete(repo)
