-- SPDX-License-Identifier: Apache-2.0
-- tests/support/relace_faults.py for Lua tests: local server <close> = relace_faults.start { cert = FILE, key = FILE }.
local http = require "epact.http"
local json = require "epact.json"
local process = require "epact.process"
local relace = require "epact.relace"

local M = {}

M.key = "rlc-0123456789abcdef0123456789abcdef01234567"

local Server = {}
Server.__index = Server

-- Sets the answers: a table of them by "METHOD /path" below /v1, each an array of answers or one alone.
function Server:script(answers)
	local script = json.object {}
	for route, list in pairs(answers) do
		if list[1] == nil then list = { list } end
		script[route == "*" and route or route:gsub(" ", " /v1", 1)] = list
	end
	self.http:put("/_script", { body = json.encode(script) }):check()
end

-- The requests since the script was set.
function Server:record() return self.http:get("/_record"):json() end

-- The only request since then.
function Server:one()
	local record = self:record()
	if #record ~= 1 then error(("%d requests, expected 1"):format(#record), 2) end
	return record[1]
end

-- A client of the server, with options of its own.
function Server:client(options)
	local given = { api_key = M.key, base_url = self.url, user_agent = "test" }
	for name, value in pairs(options or {}) do given[name] = value end
	return relace.client(given)
end

function Server:close() self.process:close() end

Server.__close = Server.close

-- options: cert and key of a server with TLS, files; its clients trust no other certificate by themselves.
function M.start(options)
	local argv = { "python3", os.getenv "EPACT_SOURCE" .. "/tests/support/relace_faults.py" }
	for name, value in pairs(options or {}) do
		argv[#argv + 1] = "--" .. name
		argv[#argv + 1] = value
	end
	local p = process.spawn(argv)
	local port = p.stdout:lines()()
	if not port then error("the fault server did not start") end
	local origin = ("http%s://127.0.0.1:%s"):format(options and options.cert and "s" or "", port)
	local control = http.client { base_url = origin, ca_file = options and options.cert, timeout = 10 }
	return setmetatable({ process = p, port = port, http = control, url = origin .. "/v1" }, Server)
end

return M
