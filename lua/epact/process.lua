-- SPDX-License-Identifier: Apache-2.0
--- Programs: run one to its end, or talk to it while it runs.
--
-- Arguments are a list, never a line for a shell. A program gets a process group of its own, no controlling terminal and
-- no descriptor but its three; whatever it started in its group ends with it: when it exits (and its outputs have ended, or
-- a second has passed), when the call that waits is cancelled, when the object is closed or collected, and when this
-- runtime is killed. What it moves to another group (`setsid`, a daemon) stays.
--
-- Options of `run` and `spawn`:
--
-- * `cwd` string: the folder it starts in
-- * `env` table: variables over the inherited ones; `false` leaves one out
-- * `clear_env` boolean: only those of `env`
-- * `stdin`: "null" (default), "inherit", `{bytes = string}`; `spawn` also "pipe"
-- * `stdout`, `stderr`: "pipe", "null", "inherit", or "tail" (only its end is kept, 64 KiB unless `max_output` says)
-- * `timeout` seconds: then it is stopped, error `timeout` (default 0: never)
-- * `grace` seconds between SIGTERM and SIGKILL, when it has to be stopped (default 2; 0: SIGKILL at once)
-- * `max_output` bytes: what `run` keeps of each output (default 64 MiB; more is the error `too_large`)
local colon = require "epact.colon"
local core = require "epact.core.process"
local errors = require "epact.error"
local task = require "epact.task"

local M = {}

--- Runs a program and waits for its end.
-- Raises `exit_status` (with `status`, the end of its stderr as `detail`, and its last line in the message) when it ends with another status than 0,
-- unless `options.check` is false; `not_found`, `permission` when it can't be started; `timeout`, `too_large`.
-- @param argv list of strings: the program (a path, or a name that is looked up in PATH) and its arguments
-- @param options table?: see above; `stdout` and `stderr` are "pipe" by default
-- @return table {status, signal, stdout, stderr}; `signal` is the number of the signal that ended it, or nil
-- Example: `local branch = process.run({"git", "branch", "--show-current"}, {cwd = dir}).stdout`
function M.run(argv, options) return core.run(argv, options) end

---@class Input
local Input = {}
Input.__index = Input

--- Writes bytes to the program's standard input; waits while the pipe is full.
-- Raises `closed` when the program no longer reads it.
-- @param bytes string
function Input:write(bytes) self.handle:write(bytes) end

--- Closes it: the program reads the end of its input after what was written.
function Input:close() self.handle:end_input() end

---@class Output
-- `lines` takes more from the pipe than it gives: that is `rest`, from the byte `from` on.
local Output = {}
Output.__index = Output

local function check_bytes(count, name)
	if count ~= nil and (math.type(count) ~= "integer" or count < 1) then
		error(("%s must be a number of bytes, 1 or more, got %s"):format(name, tostring(count)), 3)
	end
end

--- Waits for output of the program.
-- @param max integer?: at most so many bytes, at least one; all there are by default
-- @return string, or nil at the end
function Output:read(max)
	check_bytes(max, "max")
	local rest, from = self.rest, self.from
	local size = #rest - from + 1
	if size == 0 then return self.handle:read(self.is_err, max) end
	self.from = from + math.min(max or size, size)
	return rest:sub(from, self.from - 1)
end

-- What was read and belongs to no line yet is kept, for the next call.
local function line_too_long(self, parts, limit)
	self.rest, self.from = table.concat(parts) .. self.rest:sub(self.from), 1
	error(errors.new("too_large", ("a line of output is longer than %d bytes"):format(limit)))
end

local function next_line(self, limit)
	local parts, size = {}, 0
	while true do
		if self.from > #self.rest then
			local piece = self.handle:read(self.is_err)
			if not piece then break end
			self.rest, self.from = piece, 1
		end
		local stop = self.rest:find("\n", self.from, true)
		local last = stop and stop - 1 or #self.rest
		size = size + last - self.from + 1
		if size > limit then line_too_long(self, parts, limit) end
		parts[#parts + 1] = self.rest:sub(self.from, last)
		self.from = last + (stop and 2 or 1)
		if stop then return table.concat(parts) end
	end
	if size > 0 then return table.concat(parts) end
end

--- Iterates over the lines of the output, without their line ends; waits for each.
-- @param limit integer?: a longer line is the error `too_large`; 1 MiB by default
-- Example: `for line in p.stdout:lines() do print(line) end`
function Output:lines(limit)
	check_bytes(limit, "limit")
	limit = limit or 1024 * 1024
	return function() return next_line(self, limit) end
end

---@class Process
-- Fields: `pid`; `stdin`, `stdout`, `stderr`, each nil unless its option is "pipe".
local Process = {}
Process.__index = Process

--- Starts a program and returns while it runs.
-- An output that is "pipe" must be read: a program waits once about 128 KiB of it are unread.
-- @param argv list of strings: as in `run`
-- @param options table?: see above; `stdout` is "pipe" by default, `stderr` "tail"
-- @return Process; give it to a `<close>` variable
-- Example: `local p <close> = process.spawn({"sort"}, {stdin = "pipe"})`
function M.spawn(argv, options)
	local handle, pid, stdin, stdout, stderr = core.spawn(argv, options)
	return setmetatable({
		handle = handle,
		pid = pid,
		stdin = stdin and setmetatable({handle = handle}, Input) or nil,
		stdout = stdout and setmetatable({handle = handle, is_err = false, rest = "", from = 1}, Output) or nil,
		stderr = stderr and setmetatable({handle = handle, is_err = true, rest = "", from = 1}, Output) or nil,
	}, Process)
end

--- Waits for its end; a cancel of this wait leaves it running. Raises `timeout` after its own time limit, `closed`
-- when it was closed.
-- @return table {status, signal, stderr}; `stderr` with the option "tail"
function Process:wait() return self.handle:wait() end

--- Sends a signal to the program and all it started.
-- @param signal string or integer?: such as "INT"; "TERM" by default
-- @return boolean: false when it has ended
function Process:kill(signal) return self.handle:kill(signal) end

--- Stops it if it runs (SIGTERM to the group, SIGKILL after the grace), waits for its end, closes its pipes.
-- Where waiting is not possible it is stopped all the same, in the background.
function Process:close()
	local handle = self.handle
	if handle:stop() and coroutine.isyieldable() then
		task.shield(math.huge, function() pcall(handle.wait, handle) end)
	end
	handle:close()
end

Process.__close = Process.close

colon.class(Input, "process.stdin")
colon.class(Output, "process.stdout")
colon.class(Process, "process")

return M
