-- SPDX-License-Identifier: Apache-2.0
-- Each example of docs/guide/tasks.md is run, and each word of epact.task has one.
local check = require "check"
local task = require "epact.task"

local path = os.getenv "EPACT_SOURCE" .. "/docs/guide/tasks.md"
local file <close> = assert(io.open(path))
local text = file:read "a"

-- Words whose example is written in another way.
local elsewhere = { cancel = "t:cancel" }

for before, example in ("\n" .. text):gmatch "()\n```lua\n(.-)\n```" do
	local line = select(2, text:sub(1, before):gsub("\n", "")) + 2
	check.case(("the example at line %d runs"):format(line), function()
		assert(load(("\n"):rep(line - 1) .. example, "@" .. path))()
	end)
end

check.case("every word has an example", function()
	local examples = {}
	for example in text:gmatch "\n```lua\n(.-)\n```" do examples[#examples + 1] = example end
	local code = table.concat(examples, "\n")
	for word in pairs(task) do check.contains(code, elsewhere[word] or "task." .. word) end
	for _, method in ipairs { "spawn", "spawn_try", "spawn_daemon", "deadline", "cancel", "collect", "each" } do
		check.contains(code, "s:" .. method)
	end
end)

check.done()
