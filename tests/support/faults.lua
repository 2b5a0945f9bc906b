-- SPDX-License-Identifier: Apache-2.0
-- tests/support/faults.py for Lua tests: local server <close> = faults.start(); server.http .. "/echo" and so on.
local fs = require "epact.fs"
local http = require "epact.http"
local json = require "epact.json"
local process = require "epact.process"

local M = {}

-- Base URLs by the name of the port (http, other, https, expired, wronghost, selfsigned, tls11, stall, reset, hole,
-- proxy, proxy407, closed), `ca` the authority's file, `ports` the numbers.
local Server = {}
Server.__index = Server

local secure = {https = true, expired = true, wronghost = true, selfsigned = true, tls11 = true, stall = true}

local function ask(base, path) return http.get(base .. path):check():json() end

-- How often the path was asked for.
function Server:count(path, base) return ask(base or self.http, "/_counts")[path] or 0 end

-- The requests since the last call.
function Server:log(base) return ask(base or self.http, "/_log") end

-- connections, now, most, sent, handshakes.
function Server:state(base) return ask(base or self.http, "/_server") end

function Server:order() return ask(self.http, "/_order") end

function Server:close()
	self.process:close()
	fs.remove(self.folder, {recursive = true})
end

Server.__close = Server.close

function M.start()
	local folder = os.getenv("TMPDIR") .. "/faults"
	fs.mkdir(folder)
	local p = process.spawn({"python3", os.getenv("EPACT_SOURCE") .. "/tests/support/faults.py", folder}, {stderr = "inherit"})
	local line = p.stdout:lines()()
	if not line then error("the fault server did not start") end
	local told = json.decode(line)
	local self = {process = p, folder = folder, ca = told.ca, ports = told.ports}
	for name, port in pairs(told.ports) do
		self[name] = ("%s://127.0.0.1:%d"):format(secure[name] and "https" or "http", port)
	end
	return setmetatable(self, Server)
end

-- The header of that name in an entry of log(), or in the answer of /echo; nil when it was not sent.
function M.header(request, name)
	for _, field in ipairs(request.headers) do
		if field[1]:lower() == name:lower() then return field[2] end
	end
end

-- Whether a sanitizer is at work, which keeps what was freed.
function M.sanitized() return io.open("/proc/self/maps"):read("a"):find("lib%lsan%.so") ~= nil end

-- Fails when f makes the memory in use grow by more than limit bytes. With a sanitizer it only calls f.
function M.memory_grows_less_than(limit, f)
	local function in_use()
		collectgarbage()
		local status = io.open("/proc/self/status"):read("a")
		return tonumber(status:match("VmRSS:%s+(%d+)")) * 1024
	end
	local before = in_use()
	f()
	local grown = in_use() - before
	if grown > limit and not M.sanitized() then error(("the memory grew by %d bytes"):format(grown), 2) end
end

return M
