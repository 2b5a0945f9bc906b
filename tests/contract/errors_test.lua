-- SPDX-License-Identifier: Apache-2.0
-- The bodies and headers of what is no success; who may ask at all.

local contract = require "contract"
local process = require "epact.process"
local same, test = contract.same, contract.test

local function check_bodies(api)
	local unknown = api:expect(404, "GET", "/_stainless_unknown_path").json
	same(unknown.code, "not_found", "code")
	same(unknown.message, "no such route", "message")
	local invalid = api:expect(422, "POST", "/repo_token", { body = {} }).json
	same(invalid.code, "missing_required_field", "code")
	same(invalid.detail[1].type, "missing", "type of the detail")
	contract.matches(invalid.detail[1].msg, "required", "msg of the detail")
	local json = api:expect(400, "POST", "/repo", { body = '{"metadata":{"a":"\\ud800"}}' }).json
	contract.matches(json.message, "^Invalid JSON in request body, line 1, column %d+ .*surrogate", "message")
	for _, path in ipairs { "/repo/", "/repo_token/", "//repo", "/repo/x/y", "/repo//update" } do
		api:expect(404, "DELETE", path)
	end
	local id = api:create()
	api:expect(404, "POST", "/repo/" .. id .. "/ask", { body = { query = "x" } })
	api:expect(404, "GET", "/repo/" .. id .. "/")
	same(api:expect(405, "PATCH", "/repo/" .. id).headers.allow, "DELETE, GET", "Allow")
	same(api:expect(405, "OPTIONS", "/repo").headers.allow, "GET, POST", "Allow")
	same(api:expect(405, "PUT", "/repo/" .. id .. "/update", { body = "{}" }).headers.allow, "POST", "Allow")
end

local ODD_METHOD = [[
import socket, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
peer = socket.create_connection((url.hostname, url.port))
peer.sendall(b'G\xffT /v1/repo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
while piece := peer.recv(4096): sys.stdout.buffer.write(piece)
]]

local function check_odd_method(api)
	local answer = process.run({ "python3", "-c", ODD_METHOD, api.url }).stdout
	contract.matches(answer, "^HTTP/1.1 405 ", "status")
	contract.matches(answer, '"message":"G%?T is not served here"', "message")
end

local function check_credentials(api)
	local id = api:create()
	for _, path in ipairs { "/repo", "/repo/" .. id, "/repo/" .. id .. "/clone", "/repo/" .. id .. "/file/a", "/repo_token/x" } do
		same(api:expect(401, "GET", path, { token = false }).json.code, "missing_api_key", "code")
		for _, wrong in ipairs { "rlc-0", "rlcr-" .. ("0"):rep(40), "x", api.key .. "x", api.key:sub(1, -2) } do
			same(api:expect(401, "GET", path, { token = wrong }).json.code, "invalid_api_key", "code")
		end
	end
	for _, header in ipairs { "Bearer", "Bearer ", "Basic eDp5", "Digest x", api.key } do
		api:expect(401, "GET", "/repo", { token = false, headers = { Authorization = header } })
	end
	api:expect(200, "GET", "/repo", { token = false, headers = { Authorization = "bearer " .. api.key } })
end

contract.serve({}, function(api)
	test("failures have a message on top, unknown routes are 404", check_bodies, api)
	test("a method that is no text is 405", check_odd_method, api)
	test("no credential and a wrong one are 401 everywhere", check_credentials, api)
end)
