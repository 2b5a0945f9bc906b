-- SPDX-License-Identifier: Apache-2.0
--- `epact serve`: runs a local Relace server until it is told to end.
local args = require "epact.cli.args"
local env = require "epact.env"

local M = {}

M.usage = [[
usage: epact serve [OPTIONS]

Runs a local Relace server and prints `ready http://127.0.0.1:PORT/v1` when it answers; SIGTERM and Ctrl-C end it.

  --port N         0, the default, is any free one
  --host ADDRESS   default 127.0.0.1; the server has no TLS: keep it on loopback
  --data DIR       where it keeps repos and its database (default .epact)
  --api-key KEY    better given as RELACE_API_KEY, which other users can't see; else one is made and kept in DIR/api-key
  --access-log FILE
                   a line for each request, without credentials; - is standard output
  --rate-limit N   429 for more than N calls of a credential in a minute, or in --rate-window SECONDS
  --no-status-page nothing at /; else it shows repos, tokens without their values, and requests to this machine alone
  --fault RULE     for tests: what goes wrong on purpose; can be given again. Some rules:
                     'POST /repo/*/update: 503 x2, then delay 200ms'   twice 503, then all are slow
                     '* /**: 429 retry-after 2 10%'                    one of ten
                     'POST /repo_token: drop after x1'                 done, but not answered
                     'GET /repo/*/clone: cut 4KiB'                     the answer ends early
                   actions: STATUS, delay TIME, drop, reset, cut BYTES, stall, pass; docs/guide/server.md tells all
]]

local options = { ["--port"] = "integer", ["--host"] = "string", ["--data"] = "string", ["--api-key"] = "string",
	["--access-log"] = "string", ["--rate-limit"] = "integer", ["--rate-window"] = "number",
	["--no-status-page"] = "flag", ["--fault"] = "list", ["--help"] = "flag" }

-- A mistake in a rule is wrong usage: found before anything is opened.
local function check_faults(rules)
	local ok, problem = pcall(require "epact.server.faults".new, rules)
	return not ok and tostring(problem) or nil
end

-- A blank variable is none.
local function key_of_environment()
	local key = (env.get "RELACE_API_KEY" or ""):match "^%s*(.-)%s*$"
	return key ~= "" and key or nil
end

function M.main(words)
	local given, problem = args.parse(words, options)
	if not given then return args.wrong(M.usage, problem) end
	if given.help then
		io.write(M.usage)
		return 0
	end
	if words[1] then return args.wrong(M.usage, ("unexpected word '%s'"):format(words[1])) end
	problem = check_faults(given.fault)
	if problem then return args.wrong(M.usage, problem) end
	local server <close> = require "epact.server".start {
		port = given.port, host = given.host, data = given.data or ".epact",
		api_key = given.api_key or key_of_environment(),
		access_log = given.access_log, faults = given.fault,
		rate_limit = given.rate_limit, rate_window = given.rate_window,
		status_page = not given.no_status_page,
	}
	print("ready " .. server.url)
	io.stdout:flush()
	server:run()
	return 0
end

return M
