-- SPDX-License-Identifier: Apache-2.0
-- Each word of epact.task has an example in docs/guide/tasks.md; that they run is seen by contract.guides.
local check = require "check"
local task = require "epact.task"

local path = os.getenv "EPACT_SOURCE" .. "/docs/guide/tasks.md"
local file <close> = assert(io.open(path))
local text = file:read "a"

-- Words whose example is written in another way.
local elsewhere = { cancel = "t:cancel" }

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
