-- SPDX-License-Identifier: Apache-2.0
-- The access log: a line for each request, whatever is in it, and no credential.

local contract = require "contract"
local fs = require "epact.fs"
local process = require "epact.process"
local task = require "epact.task"
local same, test = contract.same, contract.test

local folder <close> = fs.temp_dir { prefix = "access-" }
local path = folder.path .. "/access.log"

local function lines()
	local list = {}
	for line in fs.read(path):gmatch("([^\n]*)\n") do list[#list + 1] = line end
	return list
end

-- An answer may be there before its line.
local function logged(pattern, what)
	for _ = 1, 500 do
		local list = lines()
		if list[#list]:find(pattern) then return end
		task.sleep(0.01)
	end
	contract.matches(fs.read(path), pattern, what)
end

local function check_lines(api)
	local id = api:create { a = ("x"):rep(1234) }
	logged("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ 127%.0%.0%.1:%d+ rlc%-%*%*%*%* POST /v1/repo 201 %d+ %d+%.%dms$",
		"a line")
	api:expect(200, "GET", "/repo/" .. id .. "/file/a")
	logged((" GET /v1/repo/%s/file/a 200 1234 "):format(id:gsub("%-", "%%-")), "a stream")
	api:expect(401, "GET", "/repo", { token = false })
	logged(" %- GET /v1/repo 401 ", "nobody")
	api:expect(401, "GET", "/repo", { token = "rlc-wrong" })
	logged(" %- GET /v1/repo 401 ", "a wrong key")
	local work = api.folder .. "/work"
	contract.git(api.folder, { "clone", "--quiet", api:remote(id), work })
	logged(" rlc%-%*%*%*%* POST /v1/repo/[%x-]+%.git/git%-upload%-pack 200 ", "git")
	api.server:set_faults { "GET /repo: drop x1", "GET /repo: reset after x1" }
	-- The client sends again what died on a kept connection.
	pcall(api.call, api, "GET", "/repo")
	pcall(api.call, api, "GET", "/repo")
	api:expect(405, "PUT", "/repo")
	logged(" PUT ", "the last line")
	contract.matches(fs.read(path), " GET /v1/repo drop 0 ", "a dropped request")
	contract.matches(fs.read(path), " GET /v1/repo reset 0 ", "a reset one")
	api.server:set_faults(nil)
end

local HOSTILE = [[
import socket, sys
port = int(sys.argv[1])
for line in (b'GET /v1/repo\\x09x HTTP/1.1', b'GET /%0A2026-01-01T00:00:00Z%20forged HTTP/1.1', b'G%0AT / HTTP/1.1',
             b'GET /\xff\xfe HTTP/1.1', b'GET /v1/repo\x1b[2J HTTP/1.1', b'GET /%2525%0d%0a HTTP/1.1', b'GET /' + b'a' * 5000 + b' HTTP/1.1'):
    s = socket.create_connection(('127.0.0.1', port), timeout=20)
    s.sendall(line + b'\r\nHost: x\r\nConnection: close\r\n\r\n')
    while s.recv(65536): pass
]]

local function check_forgery(api)
	local before = #lines()
	process.run { "python3", "-c", HOSTILE, tostring(api.server.port) }
	logged(" GET /aaaaa", "the last line")
	local list = lines()
	contract.check(#list - before >= 4 and #list - before <= 7, "a line for each request that was one")
	for number = before + 1, #list do
		contract.matches(list[number], "^%d%d%d%d%-%d%d%-%d%dT[%d:]+Z 127%.0%.0%.1:%d+ %- [%w_?-]+ [\33-\126]+ %d+ %d+ %d+%.%dms$", "a line")
		contract.check(#list[number] < 700, "a line has an end")
	end
end

local function check_secrets(api)
	local id = api:create()
	local token = api:token { id }
	api:call("GET", "/repo_token/" .. token)
	api:call("GET", "/repo_token/%72" .. token:sub(2))
	api:call("GET", "/repo/" .. token)
	api:call("GET", "/repo/x%2f%72lcr%2D" .. token:sub(6))
	api:call("GET", "/repo/" .. id .. "/file/" .. token)
	api:call("GET", "/repo/" .. id .. "/clone?commit=" .. token)
	api:call("GET", "/" .. api.key)
	contract.git(api.folder, { "clone", "--quiet", api:remote(id, token), api.folder .. "/by-token" })
	logged(" " .. token:sub(1, 9):gsub("%-", "%%-") .. "%*%*%*%* POST ", "who")
	api:expect(204, "DELETE", "/repo_token/" .. token, { token = token })
	logged(" DELETE ", "the last line")
	local text = fs.read(path)
	contract.check(not text:find(token:sub(6), 1, true), "no token")
	contract.check(not text:find(api.key:sub(5), 1, true), "no key")
	for _, entry in ipairs(api.server.app.journal:latest()) do
		contract.check(not entry.path:find(token:sub(10), 1, true), "no token in memory")
	end
end

local function check_bounded(api)
	for _ = 1, 150 do api:call("GET", "/x") end
	same(#api.server.app.journal:latest(), 100, "requests that are kept")
	local count = 0
	for _ in pairs(api.server.app.journal.entries) do count = count + 1 end
	same(count, 100, "entries in memory")
end

contract.serve({ access_log = path }, function(api)
	test("a line tells time, peer, who, what, status, bytes and time", check_lines, api)
	test("no request can forge a line", check_forgery, api)
	test("no credential is in any line", check_secrets, api)
	test("a hundred requests are kept", check_bounded, api)
end)
contract.serve({ access_log = path }, function(api)
	local before = #lines()
	api:expect(405, "DELETE", "/repo")
	logged(" DELETE ", "the last line")
	same(#lines(), before + 1, "lines of a log that goes on")
end)
