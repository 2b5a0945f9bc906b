-- SPDX-License-Identifier: Apache-2.0
-- How long the loop lets others wait: a task that ticks each millisecond.
--     local watch = stall.watch(scope) ... local report = watch:stop()
-- report.ticks: how many there were; report.longest: seconds that the latest tick was late; report.most: the same without the time in
-- which the kernel had the thread wait for a processor, which is the machine's doing and not ours; report.own: that without the two
-- latest ticks, as a virtual machine may have stood still, which the kernel does not tell of.
local task = require "epact.task"

local M = {}

-- The time, and the seconds that this thread has waited for a processor until then: nothing came between the two.
function M.clocks()
	while true do
		local file <close> = assert(io.open "/proc/thread-self/schedstat")
		local _, waited = file:read("n", "n")
		local now = task.now()
		file:seek "set"
		local _, again = file:read("n", "n")
		if waited == again then return now, waited * 1e-9 end
	end
end

local Watch = {}
Watch.__index = Watch

function Watch:tick()
	local last, waited = M.clocks()
	while not self.stopped do
		task.sleep(0.001)
		local now, w = M.clocks()
		local late = now - last - 0.001
		self.longest = math.max(self.longest, late)
		self.all[#self.all + 1] = late - (w - waited)
		last, waited = now, w
	end
end

function Watch:stop()
	self.stopped = true
	table.sort(self.all)
	return { ticks = #self.all, longest = self.longest, most = self.all[#self.all] or 0, own = self.all[#self.all - 2] or 0 }
end

function M.watch(scope)
	local watch = setmetatable({ longest = 0, all = {} }, Watch)
	scope:spawn_daemon(watch.tick, watch)
	return watch
end

return M
