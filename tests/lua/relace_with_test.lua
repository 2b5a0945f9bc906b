-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- Derived clients, what a client sends with every call, and calls of routes without a function.
local check = require "check"
local faults = require "relace_faults"
local fs = require "epact.fs"
local json = require "epact.json"
local secret = require "epact.secret"

local server <close> = faults.start()
local other <close> = faults.start()
local client = server:client { headers = { ["X-A"] = "1", ["X-B"] = secret.new "sesame" }, query = { a = 1, b = "x y" } }
local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local info = { repo_id = id }
local at_once = { ["Retry-After-Ms"] = "1" }
local tmp = os.getenv "TMPDIR"

-- The only request that f makes; the server answers with status 200 and `info` unless told otherwise.
local function sent(f, answer)
	server:script { ["*"] = answer or { json = info } }
	f()
	return server:one()
end

check.case("every call has the client's headers and query", function()
	local calls = { function(c) c.repo:get(id) end, function(c) c.repo:overwrite(id, {}) end,
		function(c) c:request("GET", "/x") end, function(c) c.repo_token:delete "rlcr-x" end }
	for i, call in ipairs(calls) do
		local request = sent(function() call(client) end)
		check.equal({ request.headers["x-a"], request.headers["x-b"], request.path:match "%?(.*)" },
			{ "1", "sesame", "a=1&b=x%20y" }, i)
	end
	local request = sent(function() client:request("GET", "/x?c=2&a=3", nil, { query = { b = false, d = json.null } }) end)
	check.equal(request.path, "/v1/x?c=2&a=3&b=false&d=")
	check.fails("query", server.client, server, { query = { a = {} } })
	check.fails("option 'query'", server.client, server, { query = "a=1" })
	check.fails("header", server.client, server, { headers = { Host = "x" } })
	check.equal(sent(function() server:client({ headers = { Accept = false } }):get "/x" end).headers.accept, "*/*")
end)

check.case("derived clients keep what they do not change", function()
	local derived = client:with { headers = { ["x-a"] = false, ["X-C"] = "3" }, query = { b = 2, c = 3 } }
	local request = sent(function() derived.repo:get(id) end)
	check.equal({ request.headers["x-a"], request.headers["x-b"], request.headers["x-c"] }, { nil, "sesame", "3" })
	check.equal(request.path, "/v1/repo/" .. id .. "?a=1&b=2&c=3")
	request = sent(function()
		derived:with({ headers = { ["X-A"] = "4", ["X-C"] = json.null } }):with(secret.new "rlc-other"):with({}).repo:get(id)
	end)
	check.equal({ request.headers["x-a"], request.headers["x-b"], request.headers["x-c"] }, { "4", "sesame" })
	check.equal({ request.path:match "%?(.*)", request.headers.authorization }, { "a=1&b=2&c=3", "Bearer rlc-other" })
	request = sent(function() client.repo:get(id) end)
	check.equal({ request.headers["x-a"], request.path:match "%?(.*)" }, { "1", "a=1&b=x%20y" })
	request = sent(function() derived.repo:get(id, { headers = { ["X-B"] = false, ["X-A"] = "5" }, query = { a = 9 } }) end)
	check.equal({ request.headers["x-a"], request.headers["x-b"], request.path:match "%?(.*)" }, { "5", nil, "b=2&c=3&a=9" })
	-- A header that a derived client took away stays away from those derived of it.
	request = sent(function() client:with({ headers = { Accept = false } }):with({}):get "/x" end)
	check.equal(request.headers.accept, "*/*")
end)

check.case("retries and time limits of derived clients", function()
	server:script { ["*"] = { status = 503, headers = at_once } }
	local hasty = client:with { max_retries = 0 }
	check.equal(check.fails("server", function() hasty.repo:get(id) end).attempts, 1)
	check.equal(check.fails("server", function() hasty:with({ timeout = 5 }).repo:get(id) end).attempts, 1)
	check.equal(check.fails("server", function() hasty:with({ max_retries = 1 }).repo:get(id) end).attempts, 2)
	check.equal(check.fails("server", function() client:with({ max_retry_wait = 0 }).repo:get(id) end).attempts, 1)
	server:script { ["*"] = { json = info, stall = 3 } }
	check.fails("timeout", function() hasty:with({ timeout = 0.05 }).repo:get(id) end)
end)

check.case("another server", function()
	local there = client:with { base_url = other.url, credential = "rlc-there" }
	other:script { ["*"] = { json = info } }
	there:with({ headers = { ["X-A"] = "2" } }).repo:get(id)
	local request = other:one()
	check.equal({ request.headers.authorization, request.headers["x-a"], request.path }, { "Bearer rlc-there", "2",
		"/v1/repo/" .. id .. "?a=1&b=x%20y" })
	check.contains(tostring(there), other.url)
	check.contains(tostring(client), server.url)
	check.fails("allow_http", client.with, client, { base_url = "http://example.com/v1" })
	check.contains(tostring(client:with { base_url = "http://example.com/v1", allow_http = true }), "example.com")
	check.contains(tostring(client:with({ base_url = "http://example.com/v1", allow_http = true }):with {}), "example.com")
end)

check.case("clients that cannot be derived", function()
	for option, value in pairs { base_url = "ftp://x", credential = "", headers = { Authorization = "x" }, query = { a = {} },
		timeout = -1, max_retries = -5, max_retry_wait = "1" } do
		check.fails(option == "headers" and "Authorization" or option, client.with, client, { [option] = value })
	end
	check.fails("X-A", client.with, client, { headers = { ["X-A"] = "a\r\nb" } })
	check.fails("did you mean 'base_url'", client.with, client, { bas_url = "x" })
	check.fails("credential", client.with, client, 5)
	check.fails("credential", client.with, client, nil)
end)

check.case("bodies of plain calls", function()
	local function body(...)
		local arguments = { ... }
		local request = sent(function() client:request("POST", "/x", table.unpack(arguments, 1, 2)) end)
		return { request.headers["content-type"], request.body }
	end
	check.equal(body { a = 1 }, { "application/json", '{"a":1}' })
	check.equal(body(5), { "application/json", "5" })
	check.equal(body(json.null), { "application/json", "null" })
	check.equal(body { file = "/etc/passwd" }, { "application/json", json.encode { file = "/etc/passwd" } })
	check.equal(body "a\nb", { "application/octet-stream", "a\nb" })
	check.equal(body(""), { "application/octet-stream", "" })
	check.equal(body("<a/>", { content_type = "text/xml" }), { "text/xml", "<a/>" })
	check.equal(body({ a = 1 }, { headers = { ["Content-Type"] = "application/merge-patch+json" } }),
		{ "application/merge-patch+json", '{"a":1}' })
	check.equal(body(), { nil, "" })
end)

check.case("files as bodies of plain calls", function()
	local path, text = tmp .. "/body", ("0123456789"):rep(20000)
	fs.write(path, text)
	local function put(options) client:put("/x", { file = path }, options) end
	local request = sent(function() put { content_type = "image/png" } end)
	check.equal({ request.headers["content-type"], request.headers["content-length"], #request.body },
		{ "image/png", "200000", 200000 })
	server:script { ["*"] = { { status = 503, headers = at_once }, { reset = "answer", json = info, headers = at_once }, { json = info } } }
	put { content_type = "text/plain" }
	local record = server:record()
	check.equal({ #record, record[3].body == text }, { 3, true })
	server:script { ["*"] = { json = info } }
	for _, bad in ipairs { {}, { file = 5 }, { file = "" }, { file = path .. ".none" }, { file = tmp }, { file = "a\0b" }, 5 } do
		check.ok(not pcall(client.put, client, "/x", bad, { content_type = "text/plain" }))
	end
	check.fails("header", client.put, client, "/x", "a", { content_type = "a\nb" })
	check.fails("NUL", client.put, client, "/x", "a", { content_type = "a\0b" })
	check.fails("invalid_argument", client.put, client, "/../x", { file = path }, { content_type = "text/plain" })
	check.equal(server:record(), json.array {})
	fs.remove(path)
end)

check.case("the verbs", function()
	for verb, arguments in pairs { get = {}, delete = {}, post = { { a = 1 } }, put = { { a = 1 } }, patch = { { a = 1 } } } do
		arguments[#arguments + 1] = { headers = { ["X-V"] = verb } }
		local request = sent(function() check.equal(client[verb](client, "/x", table.unpack(arguments)), info) end)
		check.equal({ request.method, request.headers["x-v"], request.body }, { verb:upper(), verb, #arguments == 2 and '{"a":1}' or "" })
	end
	server:script { ["*"] = { status = 404 } }
	check.fails("not_found", client.delete, client, "/x")
	server:script { ["*"] = { { status = 500, headers = at_once }, { json = info } } }
	check.fails("in_doubt", client.patch, client, "/x", {})
	server:script { ["*"] = { { status = 500, headers = at_once }, { json = info } } }
	client:post("/x", {}, { repeatable = true })
	check.equal(#server:record(), 2)
end)

check.done()
