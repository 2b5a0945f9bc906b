-- SPDX-License-Identifier: Apache-2.0
--- epact from a Lua that is not epact's own: `lua5.4` with the module `epact` on its path. `run` drives the event loop until a
--- function and all that it spawned has ended; inside it everything is as in `epact run`, and the modules `epact.http`,
--- `epact.git`, `epact.relace`, `epact.task`, ... can be required.
---
---     local epact = require "epact"
---     epact.run(function()
---         local http = require "epact.http"
---         print(http.get("https://example.com").status)
---     end)
---
--- A whole script as it is: `lua5.4 -e 'require "epact".run("script.lua")'`.
---
--- With `require`, the functions that call back (`pcall`, `table.sort`, `string.gsub`, `require`, those of `coroutine`) are
--- replaced by forms in which the callback may wait; outside `run` they do what Lua's own do. EPACT_LOG sets the log level.
local task = require "epact.task"

local M = {}

--- "0.1.0"
M.version = require "epact.core.version"

-- Only a Lua that is not epact's own has it.
local drive = package.loaded["epact.core.run"]

local function load_script(path)
	local script, why = loadfile(path)
	if not script then error(("epact.run: %s"):format(why), 3) end
	return script
end

--- Calls a function, or a script, in a task, and waits until it and all that it spawned has ended. Inside a task (so in
--- every script of `epact run`) the call is a scope of that task. `os.exit` ends the tasks first, their clean-up included; Ctrl-C
--- cancels them.
---@param script function|string  a function, or the path of a file
---@param ... any  its arguments
---@return any ...  what it returns
--- Raises what it raises; an error when every task waits for another.
function M.run(script, ...)
	if type(script) == "string" then script = load_script(script) end
	if type(script) ~= "function" then
		error(("epact.run: a function or the path of a script is expected, got %s"):format(type(script)), 2)
	end
	if drive and not task.current() then return drive(script, ...) end
	return task.scope(function(_, ...) return script(...) end, ...)
end

return M
