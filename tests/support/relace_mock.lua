-- SPDX-License-Identifier: Apache-2.0
-- A server of this run whose only route is a function: `mock.with(handler, function(client) ... end)`.
local json = require "epact.json"
local relace = require "epact.relace"
local serve = require "epact.serve"
local task = require "epact.task"

local M = { key = "rlc-0123456789abcdef0123456789abcdef01234567" }

-- A client of it, with options of its own.
function M.client(server, options)
	local given = { api_key = M.key, base_url = server.url .. "/v1" }
	for name, value in pairs(options or {}) do given[name] = value end
	return relace.client(given)
end

-- Serves each request with handler(request) while f(client, server) runs; returns what it returns.
function M.with(handler, f, options)
	local server <close> = serve.listen { on_error = function() end }
	return task.scope(function(scope)
		scope:spawn_daemon(server.run, server, handler)
		local results = table.pack(f(M.client(server, options), server))
		server:close()
		return table.unpack(results, 1, results.n)
	end)
end

M.events = { ["content-type"] = "text/event-stream" }
M.json = { ["content-type"] = "application/json" }

-- The text of an event.
function M.event(name, data) return ("event: %s\ndata: %s\n\n"):format(name, json.encode(data)) end

return M
