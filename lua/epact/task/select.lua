-- SPDX-License-Identifier: Apache-2.0
-- select: waits for the first of several things. Face: epact.task.
local Channel = require("epact.task.channel").type
local core = require "epact.core.task"
local errors = require "epact.error"

-- A case of each kind has: poll() -> whether it is ready, values; queue: what to wait in; offered: for the one who
-- wakes it; woken(given) -> values.

local function receiving(channel)
	return {
		poll = function() return channel:_poll() end,
		queue = channel.receivers,
		woken = function(given) return given end,
	}
end

local function sending(channel, value)
	return {
		poll = function() return channel:_offer(value) end,
		queue = channel.senders,
		offered = value,
		woken = function(taken)
			if not taken then error(errors.new("closed", "the channel is closed: nothing can be sent"), 0) end
		end,
	}
end

local function ending(task)
	return {
		poll = function()
			local status = task:status()
			if status == "done" or status == "failed" or status == "cancelled" then return true, task:await() end
			return false
		end,
		queue = task,
		woken = function() return task:await() end,
	}
end

local function happening(event)
	return { poll = function() return event:is_set() end, queue = event, woken = function() end }
end

local function case_of(item, i)
	local kind = core.kind(item)
	if kind == "task" then return ending(item) end
	if kind == "event" then return happening(item) end
	if type(item) == "table" and getmetatable(item) == Channel then return receiving(item) end
	if type(item) == "table" and getmetatable(item[1]) == Channel and item.send ~= nil then
		return sending(item[1], item.send)
	end
	error(("task.select: case %d must be a channel, { channel, send = value }, a task or an event, got %s")
		:format(i, type(item)), 4)
end

local function read_cases(list)
	local cases, queues, offers = {}, {}, {}
	for i, item in ipairs(list) do
		local case = case_of(item, i)
		cases[i], queues[i], offers[i] = case, case.queue, case.offered
	end
	for key in pairs(list) do
		if key ~= "timeout" and not cases[key] then
			error(("task.select: unknown option '%s' (known: timeout)"):format(tostring(key)), 3)
		end
	end
	if #cases == 0 and not list.timeout then error("task.select: there is nothing to wait for", 3) end
	return cases, queues, offers
end

local function ready(i, is_ready, ...)
	if is_ready then return i, ... end
end

local function first_ready(cases, i, found, ...)
	if found then return found, ... end
	if i > #cases then return nil end
	return first_ready(cases, i + 1, ready(i, cases[i].poll()))
end

local function woken(cases, which, given)
	if which == 0 then return nil end
	return which, cases[which].woken(given)
end

local function wait(cases, timeout, queues, offers)
	if timeout == 0 then return nil end
	return woken(cases, core.wait_any(timeout, offers, table.unpack(queues)))
end

local function found_or_wait(cases, timeout, queues, offers, found, ...)
	if found then return found, ... end
	return wait(cases, timeout, queues, offers)
end

return function(list)
	local timeout = list.timeout
	if timeout ~= nil and (type(timeout) ~= "number" or not (timeout >= 0)) then
		error("task.select: option 'timeout' must be a number of seconds, 0 or more", 2)
	end
	local cases, queues, offers = read_cases(list)
	return found_or_wait(cases, timeout, queues, offers, first_ready(cases, 1))
end
