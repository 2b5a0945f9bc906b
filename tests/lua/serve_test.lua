-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
local check = require "check"
local errors = require "epact.error"
local log = require "epact.log"
local process = require "epact.process"
local serve = require "epact.serve"
local task = require "epact.task"

local source = os.getenv("EPACT_SOURCE")
log.level("off")

-- Runs Python with the functions of serve_client.py against the server; it must end well.
local function python(server, code)
	local head = ("import sys; sys.path.insert(0, %q)\nfrom serve_client import *\n"):format(source .. "/tests/support")
	local r = process.run({ "python3", "-c", head .. code, "lua", tostring(server.port) },
		{ env = { PYTHONDONTWRITEBYTECODE = "1" }, check = false })
	if r.status ~= 0 then error(r.stderr, 0) end
	return r.stdout
end

-- Calls fn(server) while the server runs the handler.
local function with_server(options, handler, fn)
	local server <close> = serve.listen(options)
	task.scope(function(s)
		s:spawn(server.run, server, handler)
		fn(server)
		server:close()
	end)
end

local function rss()
	local file <close> = io.open("/proc/self/status")
	return tonumber(file:read("a"):match("VmRSS:%s*(%d+)")) * 1024
end

local function cpu()
	local file <close> = io.open("/proc/self/stat")
	local fields = file:read("a"):match("%) (.*)")
	local user, system = fields:match("^%S+ " .. ("%S+ "):rep(10) .. "(%d+) (%d+)")
	return (tonumber(user) + tonumber(system)) / 100
end

check.case("what a handler sees", function()
	local seen
	with_server({}, function(req)
		seen = req
		req:respond(200, { ["X-A"] = "b", ["set-cookie"] = { "a=1", "b=2" }, ["x-n"] = 5 }, req:body() .. "!")
	end, function(server)
		check.equal(server.url, "http://127.0.0.1:" .. server.port)
		check.equal(python(server, [[
c = connect()
c.putrequest("POST", "/a%2Fb/../%00?x=%20&y", skip_accept_encoding=True)
for k, v in (("A-B", "1"), ("a-b", "2"), ("Cookie", "c"), ("cookie", "d"), ("Content-Length", "3")): c.putheader(k, v)
c.endheaders(b"a\0b")
r = c.getresponse()
assert r.read() == b"a\0b!", "body"
print(r.status, r.getheader("x-a"), r.headers.get_all("set-cookie"), r.getheader("X-N"))]]),
			"200 b ['a=1', 'b=2'] 5\n")
		check.equal(seen.method, "POST")
		check.equal(seen.path, "/a%2Fb/../%00")
		check.equal(seen.query, "x=%20&y")
		check.equal(seen.headers["a-b"], "1, 2")
		check.equal(seen.headers.cookie, "c; d")
		check.equal(seen.length, 3)
		check.equal(seen.version, "HTTP/1.1")
		check.ok(seen.remote:find("^127%.0%.0%.1:%d+$"))
		check.fails("closed", seen.read, seen)
	end)
end)

check.case("a thousand requests on one connection, and many connections", function()
	with_server({}, function(req)
		local body = req:body(64 << 20)
		req:respond(200, nil, ("%s %s?%s %d"):format(req.method, req.path, req.query, #body))
	end, function(server)
		python(server, "keep_alive(); pipelined(); many(); uploads(); refusals()")
	end)
end)

check.case("errors of a handler are a 500 that tells nothing", function()
	local raised = {}
	with_server({ on_error = function(err, req) raised[req.path] = tostring(err) end }, function(req)
		if req.path == "/raise" then error("secret words") end
		if req.path == "/object" then error(errors.new("not_found", "secret object")) end
		if req.path == "/late" then
			req:respond(201, nil, "done")
			error("late")
		end
		if req.path == "/stream" then
			local out <close> = req:respond_stream(200)
			out:write("part")
			task.sleep(0.05)
			error("in the middle")
		end
		if req.path == "/header" then req:respond(200, { ["x\n"] = "1" }) end
		if req.path == "/value" then req:respond(200, { x = "a\r\nb: c" }) end
		if req.path == "/twice" then
			req:respond(200, nil, "1")
			req:respond(200, nil, "2")
		end
	end, function(server)
		python(server, [[
for path in ("/raise", "/object", "/nothing", "/header", "/value"):
    equal(get(path)[:2], (500, b"internal server error\n"))
equal(get("/late")[:2], (201, b"done"))
equal(get("/twice")[:2], (200, b"1"))
try:
    get("/stream")
    raise SystemExit("the cut stream looked complete")
except http.client.IncompleteRead:
    pass]])
	end)
	check.contains(raised["/raise"], "secret words")
	check.contains(raised["/raise"], "traceback")
	check.contains(raised["/object"], "secret object")
	check.contains(raised["/stream"], "in the middle")
	check.contains(raised["/header"], "not the name of a header")
	check.contains(raised["/value"], "control character")
	check.contains(raised["/twice"], "answered before")
	check.equal(raised["/nothing"], nil)
end)

check.case("a large upload to a slow reader keeps the memory flat", function()
	local most, before = 0, 0
	with_server({}, function(req)
		local size, n = 0, 0
		collectgarbage()
		before = rss()
		for part in req:chunks() do
			size, n = size + #part, n + 1
			if n % 50 == 0 then
				task.sleep(0.002)
				most = math.max(most, rss())
			end
		end
		req:respond(200, nil, tostring(size))
	end, function(server)
		python(server, [[equal(get("/", "PUT", b"x" * (100 << 20))[1], b"%d" % (100 << 20))]])
	end)
	if not os.getenv("ASAN_OPTIONS") or not os.getenv("EPACT_BUILD"):find("san") then
		check.ok(most - before < (16 << 20), ("grew by %d bytes"):format(most - before))
	end
end)

check.case("streams wait for a slow peer, and end when it goes", function()
	local written, err, ended = 0, nil, 0
	with_server({ on_error = function() end }, function(req)
		if req.path == "/known" then
			local out <close> = req:respond_stream(200, nil, 10)
			out:write("12345")
			check.fails("more bytes", out.write, out, "123456")
			out:write("67890")
			return
		end
		local out <close> = req:respond_stream(200, { ["content-type"] = "text/x" })
		local ok
		for i = 1, req.path == "/finite" and 1000 or 100000 do
			ok, err = pcall(out.write, out, ("x"):rep(10000))
			if not ok then break end
			written = i * 10000
		end
		ended = ended + 1
	end, function(server)
		python(server, [[
equal(get("/known")[1], b"1234567890")
equal(get("/known")[2].getheader("content-length"), "10")
equal(len(get("/finite")[1]), 10000000)
equal(get("/finite", "HEAD")[1], b"")]])
		written = 0
		python(server, [[
s = raw(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
s.recv(100); time.sleep(0.3); print("read"); s.close()]])
		for _ = 1, 200 do
			if ended == 3 then break end
			task.sleep(0.01)
		end
		check.equal(ended, 3)
		check.equal(errors.is(err, "closed"), true)
		check.ok(written < 50000000, "the writer did not wait: " .. written)
	end)
end)

check.case("an answer ends early: cut behind what was written, closed, reset", function()
	with_server({}, function(req)
		if req.path == "/abort" then return req:abort() end
		if req.path == "/reset" then return req:reset() end
		local out <close> = req:respond_stream(200, nil, req.path == "/known" and 1000000 or nil)
		out:write(("x"):rep(500000))
		if req.path == "/midway" then
			task.sleep(0.1)
			req:reset()
		else
			out:cut()
			check.fails("the response has ended", out.write, out, "more")
		end
	end, function(server)
		python(server, [[
def end_of(s):
    out = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            return out, "reset"
        if not part:
            return out, "closed"
        out += part
for path in ("/known", "/chunked"):
    data, end = end_of(raw(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode()))
    equal((data.count(b"x"), end, b"\r\n0\r\n" in data), (500000, "closed", False))
for request in (b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n", b"PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"):
    equal(end_of(raw(request % b"/reset")), (b"", "reset"))
    equal(end_of(raw(request % b"/abort"))[0], b"")
equal(end_of(raw(b"GET /abort HTTP/1.1\r\nHost: x\r\n\r\n")), (b"", "closed"))
equal(end_of(raw(b"GET /midway HTTP/1.1\r\nHost: x\r\n\r\n"))[1], "reset")]])
	end)
end)

check.case("a handler that computes can ask whether the peer has gone", function()
	local seen = {}
	with_server({}, function(req)
		seen.before = req:gone()
		for _ = 1, 300 do
			if req:gone() then break end
			task.sleep(0.01)
		end
		seen.after = req:gone()
	end, function(server)
		python(server, [[
s = raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
time.sleep(0.1); s.close()]])
		for _ = 1, 300 do
			if seen.after ~= nil then break end
			task.sleep(0.01)
		end
		check.equal(seen, { before = false, after = true })
	end)
end)

check.case("small parts are not held back", function()
	with_server({}, function(req)
		local out <close> = req:respond_stream(200)
		for i = 1, 5 do
			out:write("part" .. i)
			task.sleep(0.2)
		end
	end, function(server)
		python(server, [[
s = raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
start = time.monotonic()
while b"part1" not in s.recv(1000): pass
if time.monotonic() - start > 0.8: raise SystemExit("the first part came late")
rest(s)]])
	end)
end)

check.case("a peer that dies in the middle of an upload", function()
	local codes = {}
	with_server({ on_error = function() end }, function(req)
		local ok, err = pcall(req.body, req)
		codes[#codes + 1] = not ok and err.code
		error(err)
	end, function(server)
		python(server, [[
for data in (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nabc",
             b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"):
    s = raw(data); time.sleep(0.05); s.close()
time.sleep(0.1)]])
	end)
	check.equal(codes, { "truncated", "truncated" })
end)

check.case("limits of bodies and reads", function()
	local err
	with_server({ read_timeout = 0.1, max_headers = 2048 }, function(req)
		local ok, e = pcall(req.body, req, 1000)
		err = not ok and e.code
		req:respond(ok and 200 or e.code == "too_large" and 413 or 408, nil, "")
	end, function(server)
		python(server, [[
equal(get("/", "PUT", b"x" * 1000)[0], 200)
equal(get("/", "PUT", b"x" * 1001)[0], 413)
s = raw(b"PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")
equal(rest(s)[:12], b"HTTP/1.1 413")
equal(get("/", headers={"A": "x" * 2100})[0], 431)]])
		check.equal(err, "too_large")
		python(server, [[
s = raw(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
time.sleep(0.3); s.sendall(b"12345")
equal(s.recv(100)[:12], b"HTTP/1.1 408")]])
		check.equal(err, "timeout")
	end)
end)

check.case("a body is saved while it arrives", function()
	local path = os.getenv("TMPDIR") .. "/saved"
	with_server({ on_error = function() end }, function(req)
		if req.path == "/mistake" then req:body("5") end
		req:respond(200, nil, tostring(req:save(path, req.path == "/limited" and 1000 or nil)))
	end, function(server)
		python(server, [[equal(get("/", "PUT", b"0123456789" * 300000)[1], b"3000000")]])
		local file <close> = assert(io.open(path))
		check.equal(file:read("a"), ("0123456789"):rep(300000))
		python(server, [[
equal(get("/limited", "PUT", b"x" * 1001)[0], 500)
equal(get("/mistake")[0], 500)]])
		local kept <close> = check.ok(io.open(path), "a file was removed that was not written")
		python(server, [[
s = raw(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc"); time.sleep(0.1); s.close(); time.sleep(0.2)]])
		check.equal(io.open(path), nil)
	end)
end)

check.case("on_error that fails does not end the server", function()
	with_server({ on_error = function() error("worse") end }, function() error("bad") end, function(server)
		python(server, [[
equal(get("/")[0], 500)
equal(get("/")[0], 500)]])
	end)
end)

check.case("files go out by their descriptor", function()
	local path = os.getenv("TMPDIR") .. "/file"
	local file = assert(io.open(path, "w"))
	file:write(("0123456789"):rep(100000))
	file:close()
	with_server({ on_error = function() end }, function(req)
		req:respond_file(200, nil, req.path == "/file" and path or req.path == "/folder" and "/" or path .. "-none")
	end, function(server)
		python(server, [[
status, data, r = get("/file")
equal((status, data, r.getheader("content-length")), (200, b"0123456789" * 100000, "1000000"))
equal(get("/none")[0], 500)
equal(get("/folder")[0], 500)]])
	end)
	os.remove(path)
end)

check.case("the address in use is named", function()
	local server <close> = serve.listen {}
	local err = check.fails("busy", serve.listen, { port = server.port })
	check.contains(err.message, "127.0.0.1:" .. server.port)
	check.fails("nowhere", serve.listen, { host = "nowhere" })
	check.fails("known: host", serve.listen, { prot = 1 })
	check.fails("'port' must be between", serve.listen, { port = 65536 })
	local six <close> = serve.listen { host = "::1" }
	check.equal(six.url, "http://[::1]:" .. six.port)
end)

check.case("close while handlers run", function()
	local cancelled = 0
	local server = serve.listen {}
	task.scope(function(s)
		local run = s:spawn(server.run, server, function(req)
			local guard <close> = setmetatable({}, { __close = function() cancelled = cancelled + 1 end })
			if req.path == "/body" then req:read() else task.sleep(60) end
		end)
		local client = s:spawn(python, server, [[
a = raw(b"PUT /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
b = raw(b"GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n")
equal(rest(a), b""); equal(rest(b), b"")]])
		for _ = 1, 2000 do
			if server:live() == 2 then break end
			task.sleep(0.01)
		end
		task.sleep(0.1) -- their handlers run
		check.equal(server:live(), 2)
		server:close()
		client:await()
		check.equal(cancelled, 1)
		run:cancel()
	end)
	check.equal(cancelled, 2)
	check.equal(server:accept(), nil)
	check.fails("closed", server.live, server)
end)

check.case("stop lets handlers finish", function()
	local server <close> = serve.listen {}
	local start = task.now()
	task.scope(function(s)
		s:spawn(server.run, server, function(req)
			task.sleep(1.5)
			req:respond(200, nil, "finished")
		end)
		local client = s:spawn(python, server, [[
c = connect(); c.connect()
s = raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
time.sleep(0.5)
c.request("GET", "/late")
equal(c.getresponse().status, 503)
data = rest(s)
equal(data.endswith(b"finished"), True)
equal(b"Connection: close" in data, True)
try:
    raw(); raise SystemExit("a stopped server was connected to")
except ConnectionRefusedError:
    pass]])
		while server:live() == 0 do task.sleep(0.01) end
		task.sleep(0.1)
		server:stop(5)
		client:await()
	end)
	check.ok(task.now() - start < 4 * check.slowdown)
end)

check.case("stop ends handlers after the grace", function()
	local server <close> = serve.listen {}
	task.scope(function(s)
		s:spawn(server.run, server, function(req) req:read() end)
		local client = s:spawn(python, server, [[
equal(rest(raw(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")), b"")]])
		while server:live() == 0 do task.sleep(0.01) end
		server:stop(0.1)
		client:await()
	end)
end)

check.case("an idle server rests", function()
	with_server({}, function(req) req:respond(200, nil, "x") end, function(server)
		local p <close> = process.spawn({ "python3", "-c", [[
import socket, sys, time
ss = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for i in range(50)]
for s in ss: s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"); s.recv(1000)
print("ready", flush=True); sys.stdin.read()]], tostring(server.port) }, { stdin = "pipe" })
		p.stdout:read()
		local before = cpu()
		task.sleep(1)
		check.ok(cpu() - before < 0.05, "used " .. cpu() - before .. " s of CPU")
	end)
end)

check.case("an answer is cut at once, also when its peer reads nothing", function()
	with_server({}, function(req)
		local out = req:respond_stream(200)
		check.fails("timeout", task.timeout, 0.2, function()
			while true do out:write(("x"):rep(100000)) end
		end)
		out:abort()
	end, function(server)
		local p <close> = process.spawn({ "python3", "-c", [[
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
print(s.recv(12).decode(), flush=True); sys.stdin.read()]], tostring(server.port) }, { stdin = "pipe" })
		check.equal(p.stdout:lines()(), "HTTP/1.1 200")
		task.timeout(30, function()
			while server:live() > 0 do task.sleep(0.02) end
		end)
	end)
end)

check.case("errors say what was wrong, and where", function()
	local tmp, seen = os.getenv "TMPDIR", {}
	local line = debug.getinfo(1, "l").currentline + 2
	local handlers = {
		["/nil"] = function(req) req:respond(nil) end,
		["/header"] = function(req) req:respond(200, { Connection = "keep-alive" }) end,
		["/folder"] = function(req) req:respond_file(200, nil, tmp) end,
		["/slow"] = function(req) req:body() end,
	}
	local function on_error(err, req)
		seen[req.path] = tostring(err)
		if req.path == "/slow" then req:abort() end
	end
	local options = { read_timeout = 0.1, on_error = on_error }
	with_server(options, function(req) handlers[req.path](req) end, function(server)
		check.fails("the handler must be a function, got nil", server.run, server)
		check.fails("call it with a colon, server:run", server.run, "x")
		python(server, [[
equal(get("/nil")[0], 500)
equal(get("/header")[0], 500)
equal(get("/folder")[0], 500)
s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
s.sendall(b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
equal(s.recv(100), b"")]])
	end)
	check.contains(seen["/nil"], ("serve_test.lua:%d: bad argument #1 to 'respond'"):format(line))
	check.lacks(seen["/nil"], "epact/")
	check.contains(seen["/header"], 'the header "Connection" of the response')
	check.contains(seen["/folder"], tmp .. ": only a regular file can be sent")
	check.contains(seen["/slow"], "the peer sent nothing more of the request's body in time")
end)

check.case("requests that nobody keeps", function()
	local server <close> = serve.listen {}
	task.scope(function(s)
		local client = s:spawn(python, server, [[
equal(get("/")[0], 500)
equal(get("/", "PUT", b"12345")[0], 500)]])
		for _ = 1, 2 do
			server:accept()
			collectgarbage()
			collectgarbage()
		end
		client:await()
	end)
end)

check.done()
