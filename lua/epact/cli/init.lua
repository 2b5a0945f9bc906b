-- SPDX-License-Identifier: Apache-2.0
--- The program's commands: `epact run`, `serve`, `version`, `help`. Returns the exit status.
local commands = {}

local usage = [[
usage: epact run [--local] [--data DIR] FILE [ARGS]   run a script (also: epact FILE [ARGS]; - is standard input)
       epact -e CODE [ARGS]                           run a line of Lua
       epact serve [--port N] [--data DIR] ...        run a local Relace server
       epact version                                  print the version
       epact help [COMMAND]                           explain a command

Exit status: 0 done, 1 the script failed, 2 wrong usage, 130 and 143 ended by Ctrl-C and SIGTERM,
141 when the reader of its output left.
]]

local function command(name) return require("epact.cli." .. name) end

function commands.run(args) return command("run").main(args) end
function commands.serve(args) return command("serve").main(args) end

function commands.version()
	print("epact " .. require "epact.core.version")
	return 0
end

function commands.help(args)
	local name = args[1]
	local known = name == "run" or name == "serve"
	if name and not known then
		io.stderr:write(("epact: there is no command '%s'\n%s"):format(name, usage))
		return 2
	end
	io.write(known and command(name).usage or usage)
	return 0
end

commands["-h"], commands["--help"] = commands.help, commands.help
commands["-v"], commands["--version"], commands["-V"] = commands.version, commands.version, commands.version

return function(...)
	local args = { ... }
	local name = args[1]
	if not name then
		io.stderr:write(usage)
		return 2
	end
	local fn = commands[name]
	if not fn then return commands.run(args) end
	table.remove(args, 1)
	return fn(args)
end
