-- SPDX-License-Identifier: Apache-2.0
--- An HTTP/1.1 server: each request is a task.
--
-- Paths and queries come as they were sent, nothing is decoded. Bodies are streamed both ways and wait for the slower
-- side. It listens on the loopback address unless it is told otherwise, and knows no TLS.
local colon = require "epact.colon"
local core = require "epact.core.serve"
local errors = require "epact.error"
local log = require "epact.log"
local task = require "epact.task"

local M = {}

---@class Server
-- Fields: `port`, `url` ("http://127.0.0.1:8080").
local Server = {}
Server.__index = Server

---@class Request
-- Fields: `method`; `path` and `query` (raw; the query is "" if there is none); `headers` (a table by lower-case name;
-- values of a name that came several times are joined by ", "); `remote` ("127.0.0.1:4711"); `version` ("HTTP/1.1");
-- `length` (of the body in bytes, 0: no body, nil: not known before its end).
local Request = {}
Request.__index = Request

---@class ResponseStream
local Stream = {}
Stream.__index = Stream

--- Opens a server. Raises `busy` when the address is in use, `permission`, `invalid_argument` (an address that is none).
--
-- Options:
--
-- * `host` string: an IPv4 or IPv6 address or "localhost" (default "127.0.0.1"); no name is looked up
-- * `port` integer: default 0, a free one
-- * `max_headers` bytes of request line and headers (default 32 KiB; more is answered with 431)
-- * `max_buffer` bytes that wait for a slow handler, or for a slow peer, per request (default 256 KiB)
-- * `max_drain` bytes of a body that no handler read which are read away to keep the connection (default 64 MiB)
-- * `max_connections` integer: at once (default 4096); more wait to be accepted
-- * `idle_timeout` seconds: a connection without a byte for so long is closed (default 120, whole seconds)
-- * `read_timeout` seconds that one `read` of a body waits (default: only the idle time-out)
-- * `on_error` function(err, request): what a handler raised; the default logs it
-- @param options table?
-- @return Server; give it to a `<close>` variable
-- Example:
--   local server <close> = serve.listen { port = 8080 }
--   server:run(function(req) req:respond(200, { ["content-type"] = "text/plain" }, "hello\n") end)
function M.listen(options)
	local handle, port, url = core.listen(options)
	return setmetatable({
		handle = handle,
		port = port,
		url = url,
		on_error = options and options.on_error,
	}, Server)
end

--- Waits for the next request: for a program with a loop of its own, instead of `run`.
-- @return Request, or nil when the server was closed or stopped. Close it when it is done.
function Server:accept()
	local handle, method, path, query, headers, remote, version, length = self.handle:accept()
	if not handle then return nil end
	return setmetatable({
		handle = handle,
		method = method,
		path = path,
		query = query,
		headers = headers,
		remote = remote,
		version = version,
		length = length >= 0 and length or nil,
	}, Request)
end

local function report(self, err, req)
	if req.handle:gone() and errors.is(err) then
		log.debug("%s %s: %s", req.method, req.path, tostring(err))
	elseif self.on_error then
		self.on_error(err, req)
	else
		log.error("%s %s: %s", req.method, req.path, tostring(err))
	end
end

local PLAIN = { ["content-type"] = "text/plain; charset=utf-8" }

-- Whatever the handler does, the request is answered, and let go at the end; nothing of it reaches other requests.
local function serve_one(self, handler, request)
	local req <close> = request
	local ok, err = xpcall(handler, errors.traceback, req)
	if not ok then
		local reported, second = pcall(report, self, err, req)
		if not reported then log.error("on_error of the server: %s", tostring(second)) end
	end
	if not req.handle:answered() then pcall(req.respond, req, 500, PLAIN, "internal server error\n") end
end

--- Serves: calls `handler(request)` in a task of its own for each request, until the server is stopped or closed; then
-- waits for the handlers that run. A cancel of this call cancels them.
-- A handler that raises, or returns without an answer, is answered with 500 and no word of the error.
-- @param handler function(request)
function Server:run(handler)
	if type(handler) ~= "function" then error("server:run: the handler must be a function, got " .. type(handler), 2) end
	task.scope(function(scope)
		for req in self.accept, self do
			scope:spawn(serve_one, self, handler, req)
		end
	end)
end

--- Ends gently: no new connections, 503 to new requests of old ones; returns when all requests are answered, or closes
-- the rest after the grace.
-- @param grace number?: seconds, default 10
function Server:stop(grace) self.handle:stop(grace) end

--- The number of requests that are not yet answered to the last byte.
-- @return integer
function Server:live() return self.handle:live() end

--- Closes at once: connections are cut, and calls that wait on their requests raise `closed`.
function Server:close() self.handle:close() end

Server.__close = Server.close

--- Waits for a part of the body.
-- Raises `truncated` (the peer went away), `timeout`, `closed` (the request was answered or the server closed).
-- @param max integer?: at most so many bytes; all that came by default
-- @return string, or nil at the end of the body
function Request:read(max) return self.handle:read(max) end

local function too_large(limit)
	return errors.new("too_large", ("the body is larger than %d bytes"):format(limit))
end

local function check_limit(limit)
	if limit == nil then return math.maxinteger end
	if math.type(limit) ~= "integer" or limit < 0 then error("limit must be a number of bytes, 0 or more", 3) end
	return limit
end

--- Iterates over the body as it arrives.
-- Raises `too_large` as soon as it is known, and what `read` raises.
-- @param limit integer?: bytes, no limit by default
-- Example: `for chunk in req:chunks() do out:write(chunk) end`
function Request:chunks(limit)
	limit = check_limit(limit)
	if self.length and self.length > limit then error(too_large(limit)) end
	local size = 0
	return function()
		local part = self:read()
		size = size + #(part or "")
		if size > limit then error(too_large(limit)) end
		return part
	end
end

--- Reads the whole body.
-- Raises `too_large`, and what `read` raises.
-- @param limit integer?: bytes, default 16 MiB
-- @return string
function Request:body(limit)
	local parts = {}
	for part in self:chunks(limit or 16 << 20) do parts[#parts + 1] = part end
	return table.concat(parts)
end

--- Writes the body to a file while it arrives. When that fails, the file is removed.
-- Raises `too_large`, what `read` and what writing a file raise.
-- @param path string
-- @param limit integer?: bytes, no limit by default
-- @return integer: its size
function Request:save(path, limit)
	local fs = require "epact.fs"
	local parts = self:chunks(limit)
	local size, done = 0, false
	local guard <close> = setmetatable({}, { __close = function()
		if not done then pcall(fs.remove, path) end
	end })
	local file <close> = fs.open(path, "write")
	for part in parts do
		file:write(part)
		size = size + #part
	end
	file:close()
	done = true
	return size
end

--- Answers. What was not read of the body is dropped.
-- Raises `closed` when the peer has gone, `busy` when the request was answered before, `invalid_argument` for headers
-- that can't be sent; "content-length" and "transfer-encoding" are the server's.
-- @param status integer: 200 to 599; 204 and 304 have no body
-- @param headers table?: by name; a list as value sends the header once for each item
-- @param body string?
function Request:respond(status, headers, body) self.handle:respond(status, headers, body) end

--- Answers with a file, which is read as it is sent. Raises what `respond` raises, and why the file can't be read.
-- @param status integer
-- @param headers table?
-- @param path string
function Request:respond_file(status, headers, path) self.handle:respond_file(status, headers, path) end

--- Begins an answer whose body follows in parts.
-- @param status integer
-- @param headers table?
-- @param length integer?: of the body in bytes; without it the body is sent in chunks
-- @return ResponseStream; give it to a `<close>` variable
-- Example:
--   local out <close> = req:respond_stream(200)
--   for line in lines do out:write(line) end
function Request:respond_stream(status, headers, length)
	self.handle:respond_stream(status, headers, length)
	return setmetatable({ handle = self.handle }, Stream)
end

--- Closes the connection at once: the peer sees no answer, or an incomplete one.
function Request:abort() self.handle:abort() end

--- The same, by a TCP reset.
function Request:reset() self.handle:reset() end

--- Whether the peer has gone. One that has shut down its sending side, and sent nothing that is still unread, counts.
-- @return boolean
function Request:gone() return self.handle:gone() end

--- Whether `respond` or another of its kind was called.
-- @return boolean
function Request:answered() return self.handle:answered() end

--- Lets go of the request; `run` does it behind the handler. One that was not answered is answered with 500, a stream
-- that has not ended is cut.
function Request:close() self.handle:close() end

Request.__close = Request.close

--- Sends a part of the body; waits while the peer is slow.
-- Raises `closed` when the peer has gone.
-- @param chunk string
function Stream:write(chunk) self.handle:write(chunk) end

--- Ends the body.
function Stream:close() self.handle:finish() end

--- Cuts the connection, so that the peer sees that the body is not complete.
function Stream:abort() self.handle:abort() end

--- Cuts the connection behind what was written before: the peer gets that, and sees that it is not complete.
function Stream:cut() self.handle:cut() end

-- A block that is left by an error must not look complete.
function Stream:__close(err)
	if err ~= nil then self.handle:abort() else self.handle:finish() end
end

colon.class(Server, "server")
colon.class(Stream, "response")

return M
