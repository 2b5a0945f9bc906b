-- SPDX-License-Identifier: Apache-2.0
-- What runs on this machine.
local M = {}

-- Whether the process runs; one that has ended and waits for its parent to hear of it does not.
function M.alive(pid)
	local file <close> = io.open("/proc/" .. pid .. "/stat")
	local state = file and file:read("a"):match "^.*%) (%a)"
	return state ~= nil and state ~= "Z"
end

return M
