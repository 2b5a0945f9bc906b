-- SPDX-License-Identifier: Apache-2.0
--- `epact run`: runs a script, with a local server beside it when asked.
local args = require "epact.cli.args"
local task = require "epact.task"

local M = {}

M.usage = [[
usage: epact run [--local] [--data DIR] [--fault RULE] FILE [ARGS]
       epact run [--local] [--data DIR] [--fault RULE] -e CODE [ARGS]

Runs a Lua script; - is standard input. The script gets ARGS as `...` and in the table `arg`.

  --local      start a local Relace server for the script and hand it the base URL and the key
  --data DIR   where that server keeps its data (default .epact)
  --fault RULE what goes wrong on purpose in that server, as for `epact serve`; can be given again
  -e CODE      run CODE instead of a file
  --virtual-time SEED
               for tests: the clock jumps to the next timer when all tasks wait for time, and the number SEED decides
               the order of ready tasks and math.random

Without --local, RELACE_API_KEY (and RELACE_BASE_URL) say which Relace account the script works on.
Exit status: 0 done, 1 the script failed, 2 wrong usage, 130 and 143 ended by Ctrl-C and SIGTERM,
141 when the reader of its output left; what the script gave to os.exit.
]]

local options = { ["--local"] = "flag", ["--data"] = "string", ["-e"] = "string", ["--fault"] = "list",
	["--virtual-time"] = "integer", ["--help"] = "flag" }

local function load_script(code, file)
	if code then return load(code, "=(-e)", "t") end
	if file == "-" then return loadfile(nil, "t") end
	local handle, why = io.open(file, "rb")
	if not handle then return nil, why end
	local first, problem = handle:read(0)
	handle:close()
	if problem then return nil, ("%s: %s"):format(file, problem) end
	return loadfile(file, "t")
end

-- The server lives a little longer than the script: what the script cleans up after a cancel still needs it.
local function serve_until(server, ended)
	task.shield(math.huge, function()
		task.scope(function(s)
			s:spawn_daemon(function() server:run() end)
			ended:wait()
		end)
	end)
end

local function run_local(data, rules, body)
	local server <close> = require "epact.server".start { data = data, faults = rules }
	local settings = require "epact.relace.settings"
	settings.base_url, settings.api_key = server.url, server.api_key
	return task.scope(function(s)
		local ended = task.event()
		s:spawn(serve_until, server, ended)
		local _ <close> = setmetatable({}, { __close = function() ended:set() end })
		return body()
	end)
end

function M.main(words)
	local given, problem = args.parse(words, options)
	if not given then return args.wrong(M.usage, problem) end
	if given.help then
		io.write(M.usage)
		return 0
	end
	if given.data and not given["local"] then return args.wrong(M.usage, "--data goes with --local") end
	if given.fault and not given["local"] then return args.wrong(M.usage, "--fault goes with --local") end
	if not given.e and not words[1] then return args.wrong(M.usage, "which script?") end
	local file = given.e and "(-e)" or table.remove(words, 1)
	local script, why = load_script(given.e, file)
	if not script then
		if why:find "^attempt to load a binary" then why = file .. ": it is precompiled Lua, and only text is run" end
		io.stderr:write("epact: ", why, "\n")
		return 1
	end
	arg = table.move(words, 1, #words, 1, { [0] = file })
	require "epact.git.draw".automatic = true
	if given.virtual_time then require "epact.core.view".virtual_time(given.virtual_time) end
	local function body() return script(table.unpack(words)) end
	local status
	if given["local"] then
		status = run_local(given.data or ".epact", given.fault, body)
	else
		status = body()
	end
	return math.type(status) == "integer" and status or 0
end

return M
