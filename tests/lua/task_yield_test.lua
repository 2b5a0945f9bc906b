-- SPDX-License-Identifier: Apache-2.0
-- A task that computes and yields lets timers and sockets have their turn.
local check = require "check"
local task = require "epact.task"

local function compute(seconds)
	local begun = os.clock()
	while os.clock() - begun < seconds do end
end

check.case("timers run between the pieces of a computation", function()
	local ticks = 0
	task.scope(function(s)
		s:spawn_daemon(function()
			while true do
				task.sleep(0.001)
				ticks = ticks + 1
			end
		end)
		task.sleep(0.01)
		ticks = 0
		for _ = 1, 40 do
			compute(0.01)
			task.yield()
		end
		check.ok(ticks >= 10, "only " .. ticks .. " ticks in 40 pieces")
	end)
end)

check.done()
