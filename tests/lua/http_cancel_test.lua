-- SPDX-License-Identifier: Apache-2.0
-- Requests that are cancelled at each step of their start: libcurl closes a socket that is still connecting without
-- telling anybody, and the loop must not wait for it any more.
local check = require "check"
local faults = require "relace_faults"
local http = require "epact.http"
local task = require "epact.task"

local server <close> = faults.start()
server:script { ["*"] = { status = 200, json = { a = 1 } } }
local url = server.url .. "/x"

-- A request that is cancelled after so many turns of the ready queue.
local function cancel_after(turns)
	local t
	local client = http.client { user_agent = "cancel" }
	task.scope(function()
		t = task.spawn(client.get, client, url)
		for _ = 1, turns do task.yield() end
		t:cancel()
	end)
end

check.case("a cancel at each step leaves the loop and the next request alone", function()
	for turns = 0, 12 do
		for _ = 1, 3 do cancel_after(turns) end
		check.equal(http.get(url):json(), { a = 1 })
	end
end)

check.case("many at once", function()
	task.scope(function(s)
		for i = 1, 60 do
			local t = s:spawn(http.get, url)
			s:spawn(function()
				task.sleep(i % 7 / 2000)
				t:cancel()
			end)
		end
	end)
	check.equal(http.get(url):json(), { a = 1 })
end)

check.done()
