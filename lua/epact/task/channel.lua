-- SPDX-License-Identifier: Apache-2.0
--- Channels: values from task to task, in order. Face: epact.task.
--
-- Whoever meets a waiting counterpart hands the value over at once; a task that was cancelled is no counterpart,
-- and one that was handed a value gets it. So no value is lost or seen twice.
local core = require "epact.core.task"
local errors = require "epact.error"

local Channel = {}
Channel.__index = Channel
Channel.__name = "epact.channel"

local queue = core.queue
local M = { type = Channel }

function M.new(capacity)
	return setmetatable({
		capacity = capacity,
		first = 1, -- of what is stored, in items[first .. last]
		last = 0,
		items = {},
		senders = queue "a channel to send to",
		receivers = queue "a channel to receive from",
		closed = false,
	}, Channel)
end

local function closed_error(level) error(errors.new("closed", "the channel is closed: nothing can be sent"), level) end

-- Takes the first stored value, and stores that of the first waiting sender behind the others.
local function take(self)
	local first, items = self.first, self.items
	local value = items[first]
	items[first] = nil
	self.first = first + 1
	local woken, offered = self.senders:wake(true)
	if woken then
		self.last = self.last + 1
		items[self.last] = offered
	end
	return value
end

-- Receives without waiting: true and the value, true and nil when the channel has ended; else false.
function Channel:_poll()
	if self.first <= self.last then return true, take(self) end
	local woken, offered = self.senders:wake(true)
	if woken then return true, offered end
	return self.closed, nil
end

-- Sends without waiting: whether it could.
function Channel:_offer(value)
	if value == nil then error("a channel can't send nil, which says that it has ended", 3) end
	if self.closed then closed_error(3) end
	if self.receivers:wake(value) then return true end
	if self.last - self.first + 1 >= self.capacity then return false end
	self.last = self.last + 1
	self.items[self.last] = value
	return true
end

--- Sends a value; waits while the channel is full and, with a capacity of 0, until it is received.
-- Raises the error `closed` when the channel is closed, also when that happens while it waits.
-- @param value any but nil
function Channel:send(value)
	if self:_offer(value) then return end
	if not self.senders:wait(value) then closed_error(2) end
end

--- Receives the oldest value; waits until there is one.
-- @return the value; nil when the channel is closed and empty
function Channel:receive()
	local ready, value = self:_poll()
	if ready then return value end
	return self.receivers:wait()
end

--- Sends when that is possible without waiting.
-- @param value any but nil
-- @return boolean: whether it was sent
function Channel:try_send(value) return (self:_offer(value)) end

--- Receives when that is possible without waiting.
-- @return the value, or nil
function Channel:try_receive() return (select(2, self:_poll())) end

--- Closes the channel: stored values can still be received, then `receive` returns nil. Tasks that wait to
-- receive get nil, those that wait to send the error `closed`. Closing twice is no error.
function Channel:close()
	self.closed = true
	while self.receivers:wake(nil) do end
	while self.senders:wake(nil) do end
end

--- Whether it was closed.
-- @return boolean
function Channel:is_closed() return self.closed end

--- Iterates over the values until the channel is closed and empty; `for v in ch do` is the same.
-- @return an iterator
function Channel:each()
	return function() return self:receive() end
end

function Channel:__call() return self:receive() end
function Channel:__close() self:close() end
function Channel:__len() return self.last - self.first + 1 end

return M
