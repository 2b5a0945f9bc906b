-- SPDX-License-Identifier: Apache-2.0
-- test: --virtual-time 7
-- A test of code that waits: a day passes in a moment. epact run --virtual-time 7 examples/30-virtual-time.lua
local task = require "epact.task"

-- What is tested: asks every hour until it has seen an answer, at most for a day.
local function poll(ask)
	return task.timeout(24 * 3600, function()
		while true do
			local answer = ask()
			if answer then return answer end
			task.sleep(3600)
		end
	end)
end

local begun, asked = task.now(), 0
local answer = poll(function()
	asked = asked + 1
	return asked == 6 and "done"
end)
assert(answer == "done")
assert(task.now() - begun == 5 * 3600)

local ok, err = pcall(poll, function() end)
assert(not ok and err.code == "timeout")
assert(task.now() - begun == 29 * 3600)
print(("%d hours have passed"):format((task.now() - begun) // 3600))
