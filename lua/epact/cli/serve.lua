-- SPDX-License-Identifier: Apache-2.0
--- `epact serve`: runs a local Relace server until it is told to end.
local args = require "epact.cli.args"
local env = require "epact.env"

local M = {}

M.usage = [[
usage: epact serve [--port N] [--host ADDRESS] [--data DIR] [--api-key KEY]

Runs a local Relace server and prints `ready http://127.0.0.1:PORT/v1` when it answers; SIGTERM and Ctrl-C end it.

  --port N         0, the default, is any free one
  --host ADDRESS   default 127.0.0.1; the server has no TLS: keep it on loopback
  --data DIR       where it keeps repos and its database (default .epact)
  --api-key KEY    better given as RELACE_API_KEY, which other users can't see; else one is made and kept in DIR/api-key
]]

local options = { ["--port"] = "integer", ["--host"] = "string", ["--data"] = "string", ["--api-key"] = "string",
	["--help"] = "flag" }

function M.main(words)
	local given, problem = args.parse(words, options)
	if not given then return args.wrong(M.usage, problem) end
	if given.help then
		io.write(M.usage)
		return 0
	end
	if words[1] then return args.wrong(M.usage, ("unexpected word '%s'"):format(words[1])) end
	local server <close> = require "epact.server".start {
		port = given.port, host = given.host, data = given.data or ".epact",
		api_key = given.api_key or env.get "RELACE_API_KEY",
	}
	print("ready " .. server.url)
	io.stdout:flush()
	server:run()
	return 0
end

return M
