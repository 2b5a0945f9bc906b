-- SPDX-License-Identifier: Apache-2.0
-- An answer that is a stream of events (text/event-stream).

local json = require "epact.json"
local task = require "epact.task"

local events = {}

local HEADERS = { ["Content-Type"] = "text/event-stream; charset=utf-8", ["Cache-Control"] = "no-cache" }

-- A comment while nothing else is to be said, so that nobody in between takes the connection for dead. A part that
-- waits for a slow peer says the same.
local function keep_alive(stream, seconds)
	while true do
		task.sleep(seconds)
		if not stream.writing then stream.out:write(": keep-alive\n\n") end
	end
end

local function send(stream, name, data)
	stream.writing = true
	stream.out:write(("event: %s\ndata: %s\n\n"):format(name, json.encode(data)))
	stream.writing = false
end

--- Answers with the events that body(send) sends by send(name, data), with a comment every `seconds` of silence. What
--- body raises is sent as `prompt_error`, as the head has gone out: failure_of(problem) gives the failure (errors.lua). A
--- peer that goes away ends it.
function events.respond(raw, seconds, failure_of, body)
	local out <close> = raw:respond_stream(200, HEADERS)
	local stream = { out = out, writing = false }
	task.scope(function(scope)
		scope:spawn_daemon(keep_alive, stream, seconds)
		local ok, problem = pcall(body, function(name, data) send(stream, name, data) end)
		if ok then return end
		if raw:gone() then error(problem, 0) end
		local failure = failure_of(problem)
		send(stream, "prompt_error", { error = failure.text, code = failure.slug })
	end)
end

return events
