-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
local check = require "check"
local faults = require "faults"
local fs = require "epact.fs"
local http = require "epact.http"
local json = require "epact.json"
local secret = require "epact.secret"
local task = require "epact.task"

local equal, fails, ok = check.equal, check.fails, check.ok
local case = check.case
local server <close> = faults.start()
local base = server.http
local tmp = os.getenv("TMPDIR")

-- What the server saw of a request.
local function echo(options)
	options.url = options.url or base .. "/echo"
	return http.request(options):check():json()
end

local header, flat = faults.header, faults.memory_grows_less_than

case("methods and bodies", function()
	equal(echo({}).method, "GET")
	equal(echo({body = "x"}).method, "POST")
	for _, method in ipairs {"POST", "PUT", "PATCH", "DELETE", "PURGE"} do
		local seen = echo({method = method, body = "some\0bytes"})
		equal(seen.method, method)
		equal(seen.body, "some\0bytes")
		equal(header(seen, "content-length"), "10")
		equal(header(seen, "content-type"), nil)
		equal(header(seen, "expect"), nil)
	end
	for _, name in ipairs {"get", "post", "put", "patch", "delete"} do
		equal(http[name](base .. "/echo"):json().method, name:upper())
	end
	local head = http.head(base .. "/bytes/5000")
	equal(head.status, 200)
	equal(head.body, "")
	equal(head:header("content-length"), "5000")
	equal(header(echo({method = "POST"}), "content-length"), "0")
	equal(header(echo({method = "DELETE"}), "content-length"), nil)
	equal(header(echo({method = "GET"}), "content-length"), nil)
end)

case("a handle that sent one kind of request sends the next kind", function()
	for _, method in ipairs {"GET", "POST", "HEAD", "GET", "DELETE", "HEAD", "PUT", "DELETE", "GET"} do
		local before = server:count("/echo")
		http.request({method = method, url = base .. "/echo", body = method == "PUT" and "x" or nil}):check()
		equal(server:count("/echo"), before + 1)
	end
end)

case("an answer", function()
	local a = http.get(base .. "/headers")
	equal(a.status, 200)
	equal(a.ok, true)
	equal(a.headers["x-twice"], "one, two")
	equal(a:header("X-TWICE"), "one")
	equal(a.headers["x-empty"], "")
	equal(a.headers["x-blank"], "a b")
	equal(a:header("nothing"), nil)
	local cookies = {}
	for _, field in ipairs(a:header_list()) do
		if field.name == "set-cookie" then cookies[#cookies + 1] = field.value end
	end
	equal(cookies, {"a=1", "b=2"})
	equal(http.get(base .. "/status/404").ok, false)
	equal(http.get(base .. "/status/204").body, "")
	equal(#http.get(base .. "/bytes/3000000").body, 3000000)
	equal(http.get(base .. "/chunks/3").body, "chunk 0;chunk 1;chunk 2;")
	equal(http.get(base .. "/until-close/70000").body, http.get(base .. "/bytes/70000").body)
	equal(http.get(base .. "/gzip").body, ("unpacked "):rep(1000))
	equal(http.get(base .. "/deflate").body, ("unpacked "):rep(1000))
end)

case("check makes statuses errors", function()
	local codes = {[400] = "bad_request", [401] = "authentication", [403] = "authentication", [404] = "not_found",
		[405] = "method_not_allowed", [409] = "conflict", [413] = "too_large", [422] = "unprocessable", [423] = "locked",
		[429] = "rate_limit", [500] = "server", [503] = "server", [418] = "other_status"}
	for status, code in pairs(codes) do
		local answer = http.get(base .. "/status/" .. status)
		local err = fails(code, answer.check, answer)
		equal(err.code, code)
		equal(err.status, status)
		equal(err.detail, "status " .. status)
		equal(err.retryable or false, status == 423 or status == 429 or status >= 500)
	end
	local answer = http.get(base .. "/status/200")
	ok(answer:check() == answer)
end)

case("query", function()
	local function target(query, url) return echo({url = url, query = query}).target end
	equal(target({b = 1, a = "x y&z=/?", c = true, d = {1, "two"}}), "/echo?a=x%20y%26z%3D%2F%3F&b=1&c=true&d=1&d=two")
	equal(target("raw=1&x=%20"), "/echo?raw=1&x=%20")
	equal(target({a = 1}, base .. "/echo?z=0"), "/echo?z=0&a=1")
	equal(target({["ä"] = "ü"}), "/echo?%C3%A4=%C3%BC")
	equal(target({}), "/echo")
	equal(target({a = {}, b = 0.5}), "/echo?b=0.5")
	equal(target({a = 2.0 ^ 53, b = 0.1 + 0.2, c = 3.0}), "/echo?a=9007199254740992&b=0.30000000000000004&c=3")
	fails("query parameter 'a' must be a finite number", echo, {query = {a = 1 / 0}})
	equal(target({a = 1}, base .. "/echo#part?b"), "/echo?a=1")
	fails("query", echo, {query = {b = print}})
	fails("query", echo, {query = 5})
	fails("URL", echo, {query = "a b"})
end)

case("the target is sent as it is", function()
	for _, path in ipairs {"/echo/a%2Fb", "/echo/../x", "/echo//y", "/echo/;a=b,c", "/echo?", "/echo?a?b"} do
		equal(http.get(base .. path).status == 200, path:find("/echo", 1, true) == 1)
		local log = server:log()
		equal(log[#log].target, path)
	end
	equal(echo({url = base .. "/echo#part"}).target, "/echo")
	http.get(base)
	local log = server:log()
	equal(log[#log].target, "/")
end)

case("json", function()
	local seen = echo({json = {a = {1, 2, 3}, b = "ü", n = json.null}})
	equal(seen.method, "POST")
	equal(header(seen, "content-type"), "application/json")
	equal(seen.body:find('"a":[1,2,3]', 1, true) ~= nil, true)
	equal(header(echo({json = {}, headers = {["Content-Type"] = "application/merge-patch+json"}}), "content-type"),
		"application/merge-patch+json")
	equal(http.get(base .. "/json", {query = {text = "[9007199254740993]"}}):json()[1], 9007199254740993)
	fails("json", function() echo({json = print}) end)
	fails("only one of", echo, {json = {}, body = "x"})
end)

case("headers", function()
	local seen = echo({headers = {["X-One"] = "1", ["X-Two"] = {"a", "b"}, Accept = "text/x", ["X-None"] = ""}})
	equal(header(seen, "x-one"), "1")
	equal(header(seen, "accept"), "text/x")
	equal(header(seen, "x-none"), "")
	local two = {}
	for _, field in ipairs(seen.headers) do
		if field[1] == "X-Two" then two[#two + 1] = field[2] end
	end
	equal(two, {"a", "b"})
	check.contains(header(seen, "user-agent"), "epact/")
	equal(header(echo({headers = {["User-Agent"] = "mine"}}), "user-agent"), "mine")
	equal(header(echo({bearer = "key"}), "authorization"), "Bearer key")
	equal(header(echo({bearer = secret.new("key")}), "authorization"), "Bearer key")
	equal(header(echo({headers = {["X-Key"] = secret.new("key")}}), "x-key"), "key")
end)

case("what no header, URL, method may hold", function()
	for _, bad in ipairs {"a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\127b"} do
		fails("x-v", echo, {headers = {["x-v"] = bad}})
		fails("x-v", echo, {headers = {["x-v"] = {"good", bad}}})
		fails("x-v", echo, {headers = {["x-v"] = secret.new(bad)}})
		fails("header", echo, {headers = {[bad] = "x"}})
		fails("uthorization", echo, {bearer = bad})
		fails(bad:find "\0" and "NUL" or "the URL", http.get, base .. "/echo?" .. bad)
		fails("method", echo, {method = bad})
		fails("base_url", http.client, {base_url = base .. bad})
		fails("user_agent", http.client, {user_agent = bad})
		fails("headers", http.client, {headers = {x = bad}})
		fails("proxy", http.client, {proxy = bad})
	end
	for _, bad in ipairs {"", "a b", "a:b", "ä"} do fails("header", echo, {headers = {[bad] = "x"}}) end
	for _, name in ipairs {"Content-Length", "transfer-encoding", "Expect", "Upgrade"} do
		fails(name, echo, {headers = {[name] = "5"}})
	end
	for _, bad in ipairs {"", "file:///etc/passwd", "ftp://x/", "http://", "http://u:p@127.0.0.1/", "/echo", "http://x:0/",
		"http://x:65536/", "http://[::1", "http://x/ä", "http://x/\\", "gopher://x"} do
		fails("URL", http.get, bad)
	end
	fails("method", echo, {method = "CONNECT"})
	fails("method", echo, {method = ""})
	fails("HEAD", echo, {method = "HEAD", body = "x"})
	equal(#server:log() > 0 and server:count("/evil"), 0)
end)

case("wrong options name themselves", function()
	fails("'tiemout'", http.get, base, {tiemout = 3})
	fails("timeout", http.get, base, {timeout = "3"})
	fails("'url'", http.request, {})
	fails("max_redirects", http.get, base, {max_redirects = -2})
	fails("max_body", http.get, base, {max_body = -1})
	fails("the first argument", http.get, base, {url = base})
	fails("'method'", http.get, base, {method = "POST"})
	fails("base_url", http.client, {base_url = base .. "/?x=1"})
	fails("min_rate", http.client, {min_rate = -1})
	fails("headers", http.get, base, {headers = "x"})
	fails("limit", http.limits, {max_total = 0})
	fails("not_found", http.post, base, {body_file = tmp .. "/none"})
	fails("regular file", http.post, base, {body_file = tmp})
end)

case("a client", function()
	local api = http.client {base_url = base .. "/", headers = {["X-Client"] = "c", ["X-Both"] = "c"}, bearer = "k",
		user_agent = "agent/1", max_body = 2000}
	local seen = api:get("/echo?x=1", {headers = {["x-both"] = "r"}, query = {y = 2}}):json()
	equal(seen.target, "/echo?x=1&y=2")
	equal(header(seen, "x-client"), "c")
	equal(header(seen, "x-both"), "r")
	equal(header(seen, "authorization"), "Bearer k")
	equal(header(seen, "user-agent"), "agent/1")
	equal(header(api:post("/echo", {json = {1}}):json(), "content-type"), "application/json")
	equal(api:request({url = "/echo", method = "PUT"}):json().method, "PUT")
	equal(header(api:get("/echo", {bearer = "other"}):json(), "authorization"), "Bearer other")
	fails("too_large", api.get, api, "/bytes/2001")
	equal(#api:get("/bytes/2001", {max_body = 2001}).body, 2001)
	fails("begins with '/'", api.get, api, base .. "/echo")
	fails("begins with '/'", api.get, api, "echo")
	equal(#api:get("/bytes/2000").body, 2000)
end)

case("escape", function()
	equal(http.escape("aZ09-._~ /?#%ä\0"), "aZ09-._~%20%2F%3F%23%25%C3%A4%00")
	equal(http.escape(""), "")
end)

case("100 sequential requests use one connection", function()
	local first = echo({}).connection
	for _ = 1, 100 do equal(echo({}).connection, first) end
end)

case("side by side", function()
	http.limits {max_per_host = 4}
	local all = {}
	for i = 1, 40 do
		all[i] = function() return http.get(base .. "/order/" .. i .. "?seconds=0.01").status end
	end
	equal(#task.all(all), 40)
	http.limits {}
	local order = server:order()
	equal(#order, 40)
	for place, number in ipairs(order) do
		ok(math.abs(place - number) <= 20, ("request %d began as number %d"):format(number, place))
	end
	ok(server:state().most <= 5, "more than the limit at once")
end)

case("the time in the queue is not that of the request", function()
	http.limits {max_per_host = 1}
	local function get() return http.get(base .. "/wait/0.2", {timeout = 0.6}).body end
	equal(task.all {get, get, get, get, get}, {"waited", "waited", "waited", "waited", "waited"})
	http.limits {}
end)

case("a streamed answer", function()
	local answer <close> = http.get(base .. "/chunks/5", {stream = true})
	equal(answer.status, 200)
	equal(answer.ok, true)
	equal(answer.headers["transfer-encoding"], "chunked")
	equal(answer:header("Transfer-Encoding"), "chunked")
	equal(answer:read(4), "chun")
	equal(answer:read(4), "k 0;")
	local rest = {}
	for chunk in answer:chunks() do rest[#rest + 1] = chunk end
	equal(table.concat(rest), "chunk 1;chunk 2;chunk 3;chunk 4;")
	equal(answer:read(), nil)
	equal(answer:read(), nil)
	answer:close()
	answer:close()
	fails("closed", answer.read, answer)
	fails("closed", answer.chunks, answer)
end)

case("a streamed answer waits for its reader", function()
	local before = server:state().sent
	local answer <close> = http.get(base .. "/bytes/100000000", {stream = true})
	task.sleep(0.3)
	local sent = server:state().sent - before
	ok(sent < 30e6, "the server sent " .. sent .. " bytes that nobody read")
	flat(8 << 20, function()
		local size = 0
		for chunk in answer:chunks() do size = size + #chunk end
		equal(size, 100000000)
	end)
end)

case("a streamed answer that is closed, or forgotten, is not transferred", function()
	for _, forget in ipairs {false, true} do
		local before = server:state().sent
		do
			local answer = http.get(base .. "/endless", {stream = true})
			ok(answer:read())
			if not forget then answer:close() end
		end
		collectgarbage()
		collectgarbage()
		task.sleep(0.1)
		local one = server:state()
		equal(one.now, 1)
		ok(one.sent - before < 30e6)
	end
end)

case("one reader at a time, and a close ends a read", function()
	local answer <close> = http.get(base .. "/never-body", {stream = true})
	equal(#answer:read(), 10)
	local reader = task.spawn(pcall, answer.read, answer)
	task.yield()
	fails("busy", answer.read, answer)
	answer:close()
	local done, err = reader:await()
	equal(done, false)
	equal(err.code, "closed")
end)

case("a read that is cancelled loses nothing", function()
	local answer <close> = http.get(base .. "/slow/4?seconds=0.2", {stream = true})
	local text = ""
	fails("timeout", task.timeout, 0.1, function()
		while true do text = text .. (answer:read() or error("the end")) end
	end)
	for chunk in answer:chunks() do text = text .. chunk end
	equal(text, "xxxx")
end)

case("a body from a file", function()
	local path = tmp .. "/body"
	local text = ("0123456789abcdef"):rep(70000)
	fs.write(path, text)
	equal(http.post(base .. "/count", {body_file = path}).body, tostring(#text))
	local seen = echo({body_file = path, method = "PUT"})
	equal(seen.method, "PUT")
	equal(header(seen, "content-length"), tostring(#text))
	equal(header(seen, "expect"), nil)
	ok(seen.body == text)
	local answer <close> = http.post(base .. "/count", {body_file = path, stream = true})
	equal(answer:read(), tostring(#text))
	fs.write(path, "")
	equal(http.post(base .. "/count", {body_file = path}).body, "0")
	fs.remove(path)
end)

case("a large body from a file keeps the memory flat", function()
	local path = tmp .. "/large"
	local part = ("x"):rep(1 << 20)
	for _ = 1, 40 do fs.write(path, part, {append = true}) end
	flat(8 << 20, function() equal(http.post(base .. "/count", {body_file = path}).body, tostring(40 << 20)) end)
	fs.remove(path)
end)

case("downloads keep the memory flat", function()
	local path = tmp .. "/download"
	http.get(base .. "/bytes/1000000")
	flat(8 << 20, function()
		local answer <close> = http.get(base .. "/bytes/60000000", {stream = true})
		for chunk in answer:chunks() do fs.write(path, chunk, {append = true}) end
	end)
	equal(fs.stat(path).size, 60000000)
	fs.remove(path)
end)

case("errors of answers name the request, and leave no part of a secret at a cut", function()
	local held = secret.new "topsecretvalue42"
	local said = ("x"):rep(190) .. held:reveal()
	local serve = require "epact.serve"
	local own <close> = serve.listen()
	task.scope(function(s)
		s:spawn(own.run, own, function(req) req:respond(400, nil, said) end)
		local answer = http.get(own.url .. "/a?key=1")
		for code, method in pairs {bad_request = answer.check, json = answer.json} do
			local failure = fails(code, method, answer)
			equal(failure.operation, "GET " .. own.url .. "/a")
			check.lacks(failure.detail, "topse")
			check.contains(failure.detail, "****")
		end
		local stream <close> = http.get(own.url .. "/a?key=1", {stream = true})
		equal(fails("bad_request", stream.check, stream).operation, "GET " .. own.url .. "/a")
		equal(stream:read(3), "xxx")
		s:cancel()
	end)
	local good <close> = http.get(base .. "/bytes/10", {stream = true})
	equal(good:check(), good)
end)

case("mistakes name the argument", function()
	fails("http.get: the URL must be a string, got nil", http.get)
	fails("http.get: the URL holds a NUL byte", http.get, base .. "/\0")
	fails("http.get: option 'bearer' must be a string, a secret or a token, got number", http.get, base, {bearer = 5})
	fails("http.get: option 'X-A' must be", http.get, base, {headers = {["X-A"] = {secret = 5}}})
	equal(fails("not_found", http.post, base, {body_file = tmp .. "/none"}).operation, "http.post")
	equal(fails("json", http.post, base, {json = print}).operation, "http.post")
	fails("http.get: the headers have about", http.get, base, {headers = {["X-A"] = ("a"):rep(1 << 20)}})
	local stream <close> = http.get(base .. "/bytes/10", {stream = true})
	fails("must be 1 or more", stream.read, stream, 0)
end)

case("no descriptor is left: the error says so", function()
	local program = [[
		local http = require "epact.http"
		local held = {}
		repeat
			local one = io.open "/dev/null"
			held[#held + 1] = one
		until not one
		print(select(2, pcall(http.get, "http://127.0.0.1:1/")))]]
	local r = require "epact.process".run {"sh", "-c", 'ulimit -n 60; exec "$0" -e "$1"', os.getenv "EPACT_BIN", program}
	check.contains(r.stdout, "too many open files")
end)

case("a body that is answered early", function()
	equal(http.post(base .. "/early", {body = ("x"):rep(3 << 20)}).status, 413)
end)

case("https", function()
	local api = http.client {base_url = server.https, ca_file = server.ca}
	for _ = 1, 5 do equal(api:post("/echo", {body = "x"}):json().body, "x") end
	local before = server:count("/echo")
	fails("tls", http.get, server.https .. "/echo")
	equal(http.client({ca_file = server.ca}):get(server.https .. "/_server"):json().handshakes, 1)
	equal(server:count("/echo"), before)
end)

check.done()
