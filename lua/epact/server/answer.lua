-- SPDX-License-Identifier: Apache-2.0
-- The answer to a request on its way out: what is added to it, what is noted of it, and what is broken of it on purpose
-- (faults/). It stands in for the request of epact.serve; all answers go through it.

local fault = require "epact.error"
local task = require "epact.task"

local answer = {}

local Answer = {}
local Out = {}

-- How often is looked whether a peer that gets nothing more has left.
local LOOK_EVERY = 0.25

--- Wraps a request of epact.serve. Fields: extra (headers of every answer), harm (what is to go wrong, see
--- faults/init.lua), status and bytes (of the body) of what was sent.
function answer.new(raw)
	return setmetatable({ raw = raw, extra = {}, harm = {}, status = nil, bytes = 0 }, Answer)
end

-- What the answer does not do is done by the request itself.
function Answer.__index(self, name)
	local own = Answer[name]
	if own ~= nil then return own end
	return rawget(self, "raw")[name]
end

local function merged(self, headers)
	local all = {}
	for name, value in pairs(headers or {}) do all[name] = value end
	for name, value in pairs(self.extra) do all[name] = value end
	return all
end

--- Ends the connection as `how` says: "drop" or "reset".
function Answer:leave(how)
	self.status = how
	if how == "reset" then self.raw:reset() else self.raw:abort() end
end

--- Sends nothing more, until the peer leaves; then raises as if it had been written to.
function Answer:stall()
	while not self.raw:gone() do task.sleep(LOOK_EVERY) end
	error(fault.new("closed", "the peer went away"), 0)
end

--- As Request:respond of epact.serve.
function Answer:respond(status, headers, body)
	body = body or ""
	local harm = self.harm
	if harm.leave or (harm.limit and harm.limit < #body) then
		local out <close> = self:respond_stream(status, headers, #body)
		return out:write(body)
	end
	self.raw:respond(status, merged(self, headers), body)
	self.status, self.bytes = status, #body
end

--- As Request:respond_stream of epact.serve.
function Answer:respond_stream(status, headers, length)
	local out = setmetatable({ answer = self, left = self.harm.limit }, Out)
	self.status = status
	if not self.harm.leave then out.stream = self.raw:respond_stream(status, merged(self, headers), length) end
	return out
end

Out.__index = Out

-- The rest is not sent: the peer waits for it, or sees that it does not come.
local function break_off(out)
	local stream = out.stream
	out.stream = nil
	if out.answer.harm.stall then out.answer:stall() end
	stream:cut()
end

--- Sends a part of the body.
function Out:write(part)
	if not self.stream then return end
	local breaks = self.left and #part > self.left
	if breaks then part = part:sub(1, self.left) end
	if self.left then self.left = self.left - #part end
	if part ~= "" then self.stream:write(part) end
	self.answer.bytes = self.answer.bytes + #part
	if breaks then break_off(self) end
end

-- A block that is left by an error must not look complete.
function Out:__close(problem)
	local harm = self.answer.harm
	if harm.leave then
		self.answer:leave(harm.leave)
	elseif self.stream and problem ~= nil then
		self.stream:abort()
	elseif self.stream then
		self.stream:close()
	end
end

return answer
