-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- What real networks and servers do to a request, and what a script sees of it.
local check = require "check"
local faults = require "faults"
local fs = require "epact.fs"
local http = require "epact.http"
local json = require "epact.json"
local process = require "epact.process"
local secret = require "epact.secret"
local stall = require "stall"
local task = require "epact.task"

local equal, ok, case, within = check.equal, check.ok, check.case, check.within
local server <close> = faults.start()
local base = server.http
local key = "hidden-" .. ("k"):rep(20)
local token = secret.new(key)

local function no_secret(err)
	for _, field in ipairs {"message", "detail", "operation", "request_id"} do check.lacks(tostring(err[field]), key) end
	check.lacks(tostring(err), key)
end

-- The error of a request that carries a secret in a header and in its URL.
local function failure(code, options)
	options.bearer = token
	options.url = options.url .. (options.url:find("?", 1, true) and "&" or "?") .. "key=" .. key
	local client = options.client or http
	options.client = nil
	local done, err = pcall(client.request, table.unpack(client == http and {options} or {client, options}))
	if done then error(("%s: status %s, no error"):format(options.url, err.status), 2) end
	if err.code ~= code then error(("%s: %s (%s), expected %s"):format(options.url, err, err.code, code), 2) end
	no_secret(err)
	return err
end

-- Runs f, during which the loop must not stand still: 50 ms of our own, but for two moments (OpenSSL parses the machine's
-- certificates), and never for long.
local function calm(f)
	local report
	task.scope(function(s)
		local watch = stall.watch(s)
		task.sleep(0.01)
		f()
		report = watch:stop()
	end)
	ok(report.own < 0.05 * check.slowdown and report.most < check.slowdown,
		("the loop stood still for %.0f ms, once for %.0f ms"):format(report.own * 1e3, report.most * 1e3))
end

case("no connection", function()
	calm(function()
		local err = failure("dns", {url = "http://nothing.invalid/"})
		equal({err.maybe_sent or false, err.retryable}, {false, true})
		err = failure("connection", {url = server.closed .. "/x", method = "POST", body = "x"})
		equal({err.maybe_sent or false, err.retryable}, {false, true})
		err = failure("connection", {url = server.reset .. "/x", method = "POST", body = "x"})
		equal(err.retryable, true)
		for _, silent in ipairs {server.hole, server.stall} do
			err = within(2, failure, "timeout", {url = silent .. "/x", connect_timeout = 0.3})
			equal({err.maybe_sent or false, err.retryable}, {false, true})
		end
	end)
end)

case("no secure connection", function()
	local client = http.client {ca_file = server.ca}
	calm(function()
		for _, name in ipairs {"expired", "wronghost", "selfsigned", "tls11"} do
			local err = failure("tls", {client = client, url = server[name] .. "/x", method = "POST", body = key})
			equal({err.maybe_sent or false, err.retryable or false}, {false, false}, name)
		end
		failure("tls", {url = server.https .. "/x"})
	end)
	check.fails("ca_file", http.client, {ca_file = server.ca, verify = false})
	failure("tls", {client = http.client {ca_file = server.folder .. "/none"}, url = server.https .. "/x"})
	equal(server:count("/x"), 0)
end)

case("connections that end before the answer", function()
	calm(function()
		for _, name in ipairs {"reset", "reset-after", "close", "cut-head", "reset-head"} do
			local before = server:count("/" .. name)
			local code = name == "cut-head" and "truncated" or "connection"
			local err = failure(code, {url = base .. "/" .. name, once = true, body = "x"})
			equal({err.maybe_sent, err.retryable}, {true, true}, name)
			equal(server:count("/" .. name), before + 1)
		end
	end)
	local err = failure("connection", {url = base .. "/reset-upload/1000000", body = ("x"):rep(50 << 20)})
	equal({err.maybe_sent, err.retryable}, {true, true})
end)

case("answers that are cut short", function()
	calm(function()
		for _, name in ipairs {"cut-length", "reset-body", "cut-chunked", "cut-chunk"} do
			local err = failure("truncated", {url = base .. "/" .. name})
			equal({err.maybe_sent, err.retryable}, {true, true}, name)
			local answer <close> = http.get(base .. "/" .. name, {stream = true})
			local text = ""
			err = check.fails("truncated", function()
				for chunk in answer:chunks() do text = text .. chunk end
			end)
			equal(err.retryable, true)
			equal(#text, name == "cut-chunk" and 3 or 1000)
			check.fails("truncated", answer.read, answer)
		end
	end)
	for _, path in ipairs {"/cut-json", "/cut-gzip"} do
		local answer = http.get(base .. path)
		check.fails("json", answer.json, answer)
	end
end)

case("answers that are not HTTP", function()
	calm(function()
		for _, path in ipairs {"/garbage", "/http09", "/big-header/400", "/big-header/150", "/many-headers/10000", "/bad-chunk",
			"/continue-flood/3000"} do
			local err = failure("protocol", {url = base .. path})
			equal(err.retryable or false, false, path)
		end
		equal(http.get(base .. "/continue-flood/50").body, "at last")
		equal(#http.get(base .. "/big-header/90"):header("x-big"), 90 * 1024)
	end)
	local wrong = {
		["HTTP/1.1 abc\r\n\r\n"] = "protocol",
		["HTTP/9.9 200 OK\r\n\r\n"] = "protocol",
		["HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"] = "protocol",
		["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"] = "truncated",
		["HTTP/1.1 200 OK\r\nTransfer-Encoding: nonsense\r\n\r\nhello"] = "decode",
		["HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"] = "protocol",
		["HTTP/1.1 200 OK\r\nno colon\r\n\r\nhello"] = "protocol",
		["\r\n\r\n"] = "protocol",
		["HTTP/1.1 101 Upgrade\r\n\r\n"] = "connection",
	}
	for text, code in pairs(wrong) do failure(code, {url = base .. "/raw?text=" .. http.escape(text)}) end
	local huge = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello"
	equal(http.get(base .. "/raw", {query = {text = huge}}).body, "hello")
end)

case("packed answers that are wrong", function()
	calm(function()
		for _, path in ipairs {"/corrupt-gzip", "/not-gzip", "/encoding/nonsense", "/encoding/gzip,nonsense"} do
			local err = failure("decode", {url = base .. path})
			equal(err.retryable or false, false, path)
		end
	end)
	equal(http.get(base .. "/encoding/identity").body, "who knows")
end)

case("answers that are too large", function()
	faults.memory_grows_less_than(3 << 20, function()
		for _, path in ipairs {"/gzip-bomb/200", "/endless", "/bytes/100000000", "/until-close/100000000"} do
			calm(function() failure("too_large", {url = base .. path, max_body = 1 << 20}) end)
			local answer <close> = http.get(base .. path, {stream = true, max_body = 1 << 20})
			local size = 0
			check.fails("too_large", function()
				for chunk in answer:chunks() do size = size + #chunk end
			end)
			ok(size <= 1 << 20)
		end
	end)
	failure("too_large", {url = base .. "/gzip-bomb/100"})
	equal(#http.get(base .. "/gzip-bomb/1", {max_body = 1 << 20}).body, 1 << 20)
end)

local large = ("x"):rep(20 << 20)

case("servers that are slow, or silent", function()
	calm(function()
		local client = http.client {stall_timeout = 1, min_rate = 100}
		within(3, failure, "timeout", {client = client, url = base .. "/slow/100"})
		for _, path in ipairs {"/never", "/slow-head/0.1", "/never-body", "/slow/100"} do
			local err = within(2, failure, "timeout", {url = base .. path, timeout = 0.4})
			equal({err.maybe_sent, err.retryable}, {true, true})
		end
		within(2, failure, "timeout", {url = base .. "/never", stall_timeout = 0.3})
		local answer <close> = http.get(base .. "/never-body", {stream = true, stall_timeout = 0.3})
		equal(#answer:read(), 10)
		within(2, check.fails, "timeout", answer.read, answer)
		local err = within(5, failure, "timeout", {url = base .. "/stop-reading?seconds=2", body = large, stall_timeout = 0.5})
		equal(err.maybe_sent, true)
	end)
end)

case("redirects", function()
	local function to(url, status) return base .. "/redirect/" .. (status or 302) .. "?to=" .. http.escape(url) end
	local err = failure("redirect", {url = to("/echo"), max_redirects = 0})
	check.contains(err.message, "/echo")
	equal(http.get(to("/echo"), {max_redirects = -1}).status, 302)
	equal(http.get(base .. "/chain/5").body, "the end")
	failure("redirect", {url = base .. "/chain/6"})
	local before = server:count("/loop")
	failure("redirect", {url = base .. "/loop"})
	equal(server:count("/loop") - before, 6)
	failure("redirect", {url = base .. "/loop", max_redirects = 0})
	equal(server:count("/loop") - before, 7)
	for _, url in ipairs {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x", "http://u:p@127.0.0.1/", "http://", "javascript:1"} do
		failure("redirect", {url = to(url)})
	end
	local client = http.client {ca_file = server.ca}
	failure("redirect", {client = client, url = server.https .. "/redirect/302?to=" .. http.escape(base .. "/echo")})
	equal(client:get(to(server.https .. "/echo")):json().method, "GET")
end)

case("methods and bodies behind a redirect", function()
	local path = os.getenv("TMPDIR") .. "/body"
	fs.write(path, "from a file")
	local function seen(status, method, body)
		body.method, body.url = method, base .. "/redirect/" .. status .. "?to=/echo"
		return http.request(body):json()
	end
	for _, status in ipairs {301, 302, 303} do
		equal(seen(status, "POST", {body = "x"}).method, "GET")
		equal(seen(status, "POST", {body = "x"}).body, "")
	end
	for _, status in ipairs {307, 308} do
		equal(seen(status, "POST", {body = "x"}).body, "x")
		equal(seen(status, "POST", {body_file = path}).body, "from a file")
		equal(seen(status, "PUT", {json = {1}}).body, "[1]")
	end
	equal(seen(302, "PUT", {body = "x"}).method, "PUT")
	equal(seen(303, "PUT", {body = "x"}).method, "GET")
	fs.remove(path)
end)

case("no secret goes to another origin", function()
	local target = server.other .. "/echo"
	for _, status in ipairs {301, 302, 303, 307, 308} do
		local answer = http.request {method = "POST", url = base .. "/redirect/" .. status .. "?to=" .. http.escape(target),
			bearer = token, headers = {["X-Api-Key"] = token, Cookie = key, ["X-Own"] = key, Accept = "text/y"}, body = "x"}
		local request = answer:json()
		check.lacks(json.encode(request.headers), key)
		equal(faults.header(request, "accept"), "text/y")
	end
	-- nor back again
	local back = server.other .. "/redirect/302?to=" .. http.escape(base .. "/echo")
	local request = http.get(base .. "/redirect/302?to=" .. http.escape(back), {bearer = token}):json()
	check.lacks(json.encode(request.headers), key)
	-- but to the same
	request = http.get(base .. "/redirect/302?to=/echo", {bearer = token}):json()
	equal(faults.header(request, "authorization"), "Bearer " .. key)
end)

case("a server that repeats a secret", function()
	local answer = http.get(base .. "/echo", {bearer = token})
	check.contains(answer.body, key)
	answer.status = 400
	no_secret(check.fails("bad_request", answer.check, answer))
end)

-- A kept connection that answers its next request as `how` says, the only one to its origin. A reset may
-- overtake the answer.
local function keep(how)
	local done, err = pcall(http.get, server.other .. "/idle/" .. how)
	if not done and how ~= "reset-now" then error(err, 0) end
end

case("a kept connection dies: what must happen once happens once", function()
	for _, how in ipairs {"close", "reset-now", "reset", "reset-half", "apply"} do
		for _, body in ipairs {{body = "x"}, {body = ("x"):rep(3 << 20)}, {json = {1}}, {}} do
			local before = server:count("/count", server.other)
			keep(how)
			body.once = true
			local done, err = pcall(http.post, server.other .. "/count", body)
			local after = server:count("/count", server.other)
			ok(after - before <= 1, ("%s: %d requests"):format(how, after - before))
			if done then
				equal(after - before, 1, how)
			else
				equal({err.code, err.maybe_sent}, {"connection", true}, how)
			end
			if how == "apply" then equal({done, after - before}, {false, 1}) end
		end
	end
end)

case("a kept connection dies: other requests are sent once more", function()
	for _, how in ipairs {"close", "reset-now", "reset", "reset-half", "apply"} do
		for _, options in ipairs {{}, {method = "PUT", body = "x"}} do
			keep(how)
			options.url = server.other .. "/count"
			equal(http.request(options).status, 200, how)
		end
	end
	-- and only once
	http.get(server.other .. "/count")
	local before = server:count("/close", server.other)
	failure("connection", {url = server.other .. "/close"})
	equal(server:count("/close", server.other) - before, 2)
end)

case("100 times the last moment", function()
	local sent, before = 0, server:count("/count", server.other)
	for i = 1, 100 do
		keep(i % 2 == 0 and "close" or "reset-now")
		if i % 3 == 0 then task.yield() end
		local done, err = pcall(http.post, server.other .. "/count", {body = "x", once = true})
		if done or err.maybe_sent then sent = sent + 1 end
		if not done then equal(err.code, "connection") end
	end
	ok(server:count("/count", server.other) - before <= sent)
end)

case("proxies", function()
	local client = http.client {proxy = server.proxy, ca_file = server.ca}
	local request = client:get("http://elsewhere.test:" .. server.ports.http .. "/echo", {bearer = token}):json()
	equal(faults.header(request, "via"), "1.1 proxy")
	equal(client:get(server.https .. "/echo", {bearer = token}):json().method, "GET")
	local connect = "127.0.0.1:" .. server.ports.https
	equal(server:count(connect, server.proxy), 1)
	check.lacks(json.encode(server:log(server.proxy)[2]), key)
	client = http.client {proxy = server.proxy407, ca_file = server.ca}
	equal(client:get(base .. "/echo").status, 407)
	local err = failure("connection", {client = client, url = server.https .. "/echo"})
	check.contains(err.message, "407")
	equal(err.maybe_sent or false, false)
	check.lacks(json.encode(server:log(server.proxy407)[2]), key)
	client = http.client {proxy = "http://user:" .. key .. "@127.0.0.1:" .. server.ports.closed}
	no_secret(check.fails("connection", client.get, client, base .. "/echo"))
end)

-- Runs a script of one line in a process of its own.
local function epact(line, env)
	local path = os.getenv("TMPDIR") .. "/line.lua"
	fs.write(path, 'local http, task = require "epact.http", require "epact.task"\n' .. line)
	local result = process.run({os.getenv("EPACT_BIN"), "run", path}, {env = env, check = false, timeout = 20})
	fs.remove(path)
	return result
end

case("proxies of the environment", function()
	local line = ('print(http.get("%s/echo").body)'):format(base)
	local function proxied(env) return epact(line, env).stdout:find("1.1 proxy", 1, true) ~= nil end
	equal(proxied({}), false)
	equal(proxied({http_proxy = server.proxy}), true)
	equal(proxied({ALL_PROXY = server.proxy}), true)
	equal(proxied({all_proxy = server.proxy}), true)
	equal(proxied({http_proxy = server.proxy, no_proxy = "127.0.0.1"}), false)
	equal(proxied({http_proxy = server.proxy, NO_PROXY = "example.com,127.0.0.1"}), false)
	equal(proxied({http_proxy = server.proxy, NO_PROXY = "*"}), false)
	equal(proxied({http_proxy = server.proxy, NO_PROXY = "127.0.0.2"}), true)
	equal(proxied({HTTPS_PROXY = server.proxy}), false)
	local before = server:count("127.0.0.1:" .. server.ports.https, server.proxy)
	line = ('http.client({ca_file = "%s"}):get("%s/echo")'):format(server.ca, server.https)
	for _, name in ipairs {"HTTPS_PROXY", "https_proxy"} do equal(epact(line, {[name] = server.proxy}).status, 0) end
	equal(server:count("127.0.0.1:" .. server.ports.https, server.proxy) - before, 2)
end)

case("addresses that are not public", function()
	local client = http.client {public_only = true, ca_file = server.ca}
	local port = base:match ":(%d+)"
	local connections = server:state().connections
	for _, host in ipairs {"127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"} do
		local err = failure("blocked_address", {client = client, url = ("http://%s:%s/blocked"):format(host, port), method = "POST", body = key})
		equal({err.maybe_sent or false, err.retryable or false}, {false, false}, host)
	end
	failure("blocked_address", {client = client, url = server.https .. "/blocked"})
	failure("blocked_address", {client = client, url = server.closed .. "/blocked"})
	equal(server:count("/blocked"), 0)
	equal(server:state().connections, connections + 1) -- ours: the one that was kept is closed when it is not to be used
	check.contains(check.fails("public_only", http.client, {public_only = true, proxy = server.proxy}), "leave out one")
	local line = ('print(pcall(http.client({ public_only = true }).get, http.client({ public_only = true }), "%s/blocked"))'):format(base)
	check.contains(epact(line, {http_proxy = server.proxy, ALL_PROXY = server.proxy}).stdout, "public_only")
	equal(server:count("/blocked", server.proxy), 0)
end)

-- Every state of a request: the options that lead to it.
local states = {
	connecting = {url = server.hole .. "/"},
	["in the handshake"] = {url = server.stall .. "/"},
	["sending its body"] = {url = base .. "/stop-reading?seconds=1", body = large},
	["waiting for the answer"] = {url = base .. "/never"},
	["in the head"] = {url = base .. "/slow-head/0.2"},
	["in the body"] = {url = base .. "/never-body"},
	["in an endless body"] = {url = base .. "/slow/10000?seconds=0.001"},
	["behind a redirect"] = {url = base .. "/redirect/302?to=/never"},
	["on its way through a proxy"] = {url = server.stall .. "/", proxy = server.proxy},
}

local function send(options)
	local client = options.proxy and http.client {proxy = options.proxy}
	if client then return client:get(options.url) end
	return http.request {url = options.url, body = options.body}
end

local function cancel_at_once(name, f)
	local t = task.spawn(pcall, f)
	task.sleep(0.06)
	equal(t:status(), "waiting", name)
	within(0.5, function()
		t:cancel()
		pcall(t.await, t)
	end)
end

case("a cancel ends a request in every state", function()
	calm(function()
		for name, options in pairs(states) do
			cancel_at_once(name, function() send(options) end)
		end
		cancel_at_once("reading", function()
			local answer <close> = http.get(base .. "/never-body", {stream = true})
			while answer:read() do end
		end)
		http.limits {max_per_host = 1}
		task.scope(function(s)
			s:spawn(http.get, base .. "/never")
			task.yield()
			cancel_at_once("queued", function() http.get(base .. "/never?queued") end)
			s:cancel()
		end)
		http.limits {}
	end)
	task.timeout(5 * check.slowdown, function()
		while server:state().now > 1 do task.sleep(0.05) end
	end)
end)

case("a program ends with requests in every state", function()
	for name, options in pairs(states) do
		local line = ([[
			local function send()
				local client = http.client {proxy = %q}
				client:request {url = %q, body = %s}
			end
			for _ = 1, 3 do task.spawn(send) end
			task.sleep(0.1)
			%s]])
		for _, ending in ipairs {"error('the end')", "os.exit(7)"} do
			local script = line:format(options.proxy or "", options.url, options.body and "('x'):rep(20000000)" or "nil", ending)
			local result = within(3, epact, script)
			equal(result.status, ending == "os.exit(7)" and 7 or 1, name)
			check.lacks(result.stderr, "Sanitizer")
		end
	end
end)

check.done()
