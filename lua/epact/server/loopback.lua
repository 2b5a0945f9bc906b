-- SPDX-License-Identifier: Apache-2.0
-- Which hosts are this machine.

local loopback = {}

local NAMES = { localhost = true, ["::1"] = true, ["[::1]"] = true }

--- True for the name and the addresses of this machine, without a port.
function loopback.is_host(host)
	host = host:lower()
	return NAMES[host] or host:find("^127%.%d+%.%d+%.%d+$") ~= nil
end

return loopback
