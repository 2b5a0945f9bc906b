-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- What a script sees when the Relace server, or the way to it, fails; what is sent again then, and what never.
local check = require "check"
local faults = require "relace_faults"
local http = require "epact.http"
local json = require "epact.json"
local process = require "epact.process"
local relace = require "epact.relace"
local task = require "epact.task"

local within = check.within
local server <close> = faults.start()
local client = server:client { rate_control = false } -- each answer for itself; tests/faults/rate_test.lua is about the rest
local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local token_text = "rlcr-00112233445566778899aabbccddeeff00112233"
local info = { repo_id = id, repo_head = ("0f"):rep(20), changed_files = { "a" } }
local token_answer = { status = 201, json = { token = token_text, name = "ci", repo_ids = { id } } }
local tmp = os.getenv "TMPDIR"
local at_once = { ["Retry-After-Ms"] = "1" }

local function get(limits) return client.repo:get(id, limits) end
local function delete(limits) return client.repo:delete(id, limits) end
local function overwrite() return client.repo:overwrite(id, { { filename = "a", content = "b" } }) end
local function metadata(limits) return client.repo:update(id, { metadata = { a = "b" } }, limits) end
local function create(limits) return client.repo:create({ metadata = { a = "b" } }, limits) end
local function import(limits)
	return client.repo:create({ source = { type = "files", files = { { filename = "a", content = "b" } } } }, limits)
end
local function diff(limits)
	local operations = { { type = "delete", filename = "a" } }
	return client.repo:update(id, { source = { type = "diff", operations = operations } }, limits)
end
local function sync(limits) return client.repo:update(id, { source = { type = "git", url = "https://a/b" } }, limits) end
local function token(limits) return client.repo_token:create({ name = "ci", repo_ids = { id } }, limits) end
local function post(limits) return client:request("POST", "/repo/x/retrieve", { query = "x" }, limits) end
local safe = { get = get, delete = delete, overwrite = overwrite, metadata = metadata }
local once = { create = create, import = import, diff = diff, sync = sync, token = token, post = post }

-- The same answer for each attempt, with a retry at once; no_wait: without that header.
local function always(answer, headers)
	answer.headers = headers or at_once
	server:script { ["*"] = answer }
end

local function count() return #server:record() end

local function no_secret(err)
	for _, key in ipairs { "message", "detail", "operation" } do
		check.lacks(err[key] or "", faults.key:sub(5))
		check.lacks(err[key] or "", token_text:sub(6))
	end
end

check.case("each status has its code", function()
	local codes = { [400] = "bad_request", [401] = "authentication", [403] = "permission", [404] = "not_found",
		[405] = "method_not_allowed", [408] = "timeout", [409] = "conflict", [413] = "too_large", [418] = "other_status",
		[422] = "unprocessable", [423] = "locked", [429] = "rate_limit", [500] = "server", [503] = "server" }
	local repeated = { [408] = true, [409] = true, [423] = true, [429] = true, [500] = true, [503] = true }
	for status, code in pairs(codes) do
		always({ status = status, json = { error = "the server's words" } },
			{ ["X-Request-Id"] = "req-1", ["Retry-After-Ms"] = "2" })
		local e = check.fails(code, get)
		check.equal({ e.code, e.status, e.request_id, e.retry_after }, { code, status, "req-1", 0.002 })
		check.contains(e.message, "the server's words")
		check.contains(e.operation, "GET 127.0.0.1")
		check.contains(e.operation, "/v1/repo/" .. id)
		check.equal(e.retryable, repeated[status] or false, "retryable of " .. status)
		check.equal(e.attempts, repeated[status] and 3 or 1, "attempts of " .. status)
		check.equal(count(), e.attempts)
		no_secret(e)
	end
end)

check.case("bodies of errors", function()
	for _, answer in ipairs { { json = { error = "words" } }, { json = { error = { code = "x", message = "words" } } },
		{ json = { code = "x", message = "words" } }, { json = { detail = "words" } }, { body = "words" },
		{ json = { detail = { { loc = { "body" }, msg = "words", type = "missing" } } } } } do
		answer.status = 422
		always(answer)
		check.equal(check.fails("unprocessable", get).message, "HTTP 422: words")
	end
	always { status = 400 }
	check.contains(check.fails("bad_request", get).message, "HTTP 400")
	always { status = 400, body = "<html>\n\27[31m<b>no</b>\n" }
	local e = check.fails("bad_request", get)
	check.lacks(e.message, "\27")
	check.lacks(e.detail, "\n")
	always { status = 400, body = (" %s "):format(token_text):rep(2000) }
	e = check.fails("bad_request", get)
	no_secret(e)
	check.ok(#e.message < 1000 and #e.detail < 4000)
	always { status = 400, big = 10000000 }
	e = check.fails("bad_request", get)
	check.ok(#e.message < 1000 and #e.detail < 4000)
	check.equal(e.status, 400)
	always { status = 400, body = ("x"):rep(1000), cut = 500 }
	check.equal(check.fails("bad_request", get).status, 400)
end)

check.case("answers that are none", function()
	for name, call in pairs { get = get, overwrite = overwrite, create = create, token = token, diff = diff } do
		for _, answer in ipairs { { body = "<html>" .. token_text .. "</html>" }, { body = "" }, { body = '{"a":' }, { json = "text" } } do
			always(answer)
			local e = check.fails("json", call)
			check.equal({ e.status, e.attempts, count() }, { 200, 1, 1 }, name)
			check.contains(e.operation, "127.0.0.1")
			no_secret(e)
		end
	end
	always { body = "<html>hello</html>" }
	check.contains(check.fails("json", get).detail, "hello")
	for _, value in ipairs { {}, { token = 5 }, { token = "" }, { token = "a b", repo_ids = {} } } do
		always { json = value }
		check.fails("json", token)
	end
	always { json = info, cut = 20 }
	check.equal(check.fails("truncated", get).attempts, 3)
	server:script { ["*"] = { { json = info, cut = 20 }, { json = info, reset = "answer" }, { json = info } } }
	check.equal(get().repo_id, id)
	always { json = info, cut = 20 }
	check.equal({ check.fails("in_doubt", create).attempts, count() }, { 1, 1 })
	always { raw = "nonsense\r\n\r\n" }
	check.fails("protocol", get)
	always { raw = "HTTP/1.1 200 OK\r\nX: " .. ("a"):rep(400000) .. "\r\nContent-Length: 0\r\n\r\n" }
	no_secret(check.fails("protocol", get))
end)

check.case("redirects are not followed", function()
	server:script { ["GET /repo/" .. id] = { status = 302, headers = { Location = server.url .. "/elsewhere" } },
		["*"] = { json = info } }
	local e = check.fails("redirect", get)
	check.equal({ e.attempts, count() }, { 1, 1 })
end)

check.case("what is repeated after a refusal: all", function()
	for _, calls in ipairs { safe, once } do
		for name, call in pairs(calls) do
			for _, status in ipairs { 408, 409, 423, 429, 503 } do
				local refusal = { status = status, headers = at_once }
				server:script { ["*"] = { refusal, refusal, name == "token" and token_answer or { json = info } } }
				call()
				check.equal(count(), 3, name .. status)
			end
		end
	end
	local refusal = { status = 503, headers = at_once }
	server:script { ["*"] = { refusal, refusal, refusal, { json = info } } }
	check.equal(check.fails("server", get).attempts, 3)
	check.equal(count(), 3)
	always { status = 503 }
	check.equal(check.fails("server", get, { max_retries = 0 }).attempts, 1)
end)

check.case("what is repeated after the unknown: what does no harm", function()
	local unknown = { { status = 500, headers = at_once }, { status = 502, headers = at_once }, { status = 504, headers = at_once },
		{ reset = "body" }, { reset = "head" }, { json = info, reset = "answer" }, { raw = "" } }
	for i, failure in ipairs(unknown) do
		for name, call in pairs(failure.headers and safe or { overwrite = overwrite }) do -- the others wait half a second
			server:script { ["*"] = { failure, { json = info } } }
			call()
			check.equal(count(), 2, name .. i)
		end
		for name, call in pairs(once) do
			server:script { ["*"] = { failure, token_answer } }
			local e = check.fails("in_doubt", call)
			check.equal({ count(), e.attempts, e.maybe_sent, e.retryable }, { 1, 1, true, false }, name .. i)
			if name == "token" then check.contains(e.message, "ttl") end
			no_secret(e)
		end
	end
end)

check.case("a kept connection that dies", function()
	for name, call in pairs { token = token, diff = diff } do
		server:script { ["GET /repo/" .. id] = { json = info }, ["*"] = { { reset = "body" }, token_answer } }
		get()
		check.fails("in_doubt", call)
		check.equal(count(), 2, name)
	end
	server:script { ["GET /repo/" .. id] = { json = info, close = true }, ["*"] = token_answer }
	get()
	task.sleep(0.05)
	token()
	check.equal(count(), 2)
end)

check.case("the final is not repeated", function()
	for _, calls in ipairs { safe, once } do
		for name, call in pairs(calls) do
			for _, status in ipairs { 400, 401, 403, 405, 413, 422 } do
				always { status = status }
				check.equal(check.fails(status == 401 and "authentication" or "HTTP " .. status, call).attempts, 1)
				check.equal(count(), 1, name)
			end
		end
	end
	always({ status = 401 }, { ["X-Should-Retry"] = "true", ["Retry-After-Ms"] = "1" })
	check.equal(check.fails("authentication", get).attempts, 1)
	always { status = 404 }
	delete()
	client.repo_token:delete(token_text)
	check.fails("not_found", get)
	check.equal(count(), 3)
	server:script { ["*"] = { { reset = "body" }, { status = 404 } } }
	delete()
	check.equal(count(), 2)
end)

check.case("X-Should-Retry", function()
	local function should(status, value) return { status = status, headers = { ["X-Should-Retry"] = value, ["Retry-After-Ms"] = "1" } } end
	server:script { ["*"] = { should(400, "true"), should(404, "true"), { json = info } } }
	create()
	check.equal(count(), 3)
	server:script { ["*"] = { should(500, "true"), token_answer } }
	token()
	check.equal(count(), 2)
	server:script { ["*"] = { should(503, "false"), { json = info } } }
	check.fails("server", get)
	check.equal(count(), 1)
	server:script { ["*"] = { should(500, "false"), { json = info } } }
	check.fails("in_doubt", create)
	server:script { ["*"] = { should(503, "perhaps"), { json = info } } }
	get()
end)

-- Seconds between the first two requests.
local function pause()
	local record = server:record()
	return record[2].at - record[1].at
end

check.case("waits", function()
	local function after(headers)
		server:script { ["*"] = { { status = 429, headers = headers }, { json = info } } }
		get()
		return pause()
	end
	local waited = after { ["Retry-After"] = "1" }
	check.ok(waited >= 1 and waited < 1.5, waited)
	waited = after { ["Retry-After"] = "0.2" }
	check.ok(waited >= 0.2 and waited < 0.5, waited)
	waited = after { ["Retry-After"] = "30", ["Retry-After-Ms"] = "150.5" }
	check.ok(waited >= 0.15 and waited < 0.4, waited)
	for _, nothing in ipairs { "0", "soon", "Sun, 06 Nov 1994 08:49:37 GMT" } do
		waited = after { ["Retry-After"] = nothing }
		check.ok(waited >= 0.37 and waited < 0.8, nothing .. waited)
	end
	waited = after { ["Retry-After"] = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 2) }
	check.ok(waited > 0.8 and waited < 2.5, waited)
end)

check.case("waits that are too long", function()
	always({ status = 429 }, { ["Retry-After"] = "86400" })
	local e = within(1, check.fails, "rate_limit", get)
	check.equal({ e.attempts, e.retry_after, e.retryable, count() }, { 1, 86400.0, true, 1 })
	always({ status = 503 }, { ["Retry-After"] = "0.3" })
	e = within(2, check.fails, "server", get, { max_retry_wait = 0.4 })
	check.equal({ e.attempts, e.retry_after }, { 2, 0.3 })
	check.equal(check.fails("server", get, { max_retry_wait = 0 }).attempts, 1)
end)

local function cancel(t)
	t:cancel()
	pcall(t.await, t)
end

check.case("time limits", function()
	always { json = info, stall = 5 }
	check.equal(within(4, check.fails, "timeout", get, { timeout = 0.1, max_retries = 1, max_retry_wait = 1 }).attempts, 2)
	within(2, check.fails, "in_doubt", create, { timeout = 0.1 })
	within(2, check.fails, "timeout", get, { deadline = 0.1 })
	for _, once in ipairs { diff, token, import } do within(4, check.fails, "in_doubt", once, { deadline = 0.1 }) end
	local files = { { filename = "a", content = "b" } }
	within(2, check.fails, "timeout", client.repo.overwrite, client.repo, id, files, { deadline = 0.1 })
	always({ status = 503 }, { ["Retry-After"] = "5" })
	within(3, check.fails, "timeout", create, { deadline = 1 })
	always { json = info }
	local folder = os.getenv "EPACT_SOURCE" .. "/runtime"
	check.contains(check.fails("timeout", client.repo.overwrite, client.repo, id, folder, { deadline = 0.000001 }).message, "listed")
	local t = task.spawn(function() client.repo:overwrite(id, folder) end)
	task.yield()
	cancel(t)
	check.equal(count(), 0)
end)

check.case("a cancelled token create deletes what its answer brings", function()
	server:script { ["POST /repo_token"] = { status = 201, json = token_answer.json, stall = 0.3 }, ["*"] = { status = 204 } }
	local t = task.spawn(function() token() end)
	task.sleep(0.1)
	within(1.5, cancel, t)
	local record = server:record()
	check.equal({ #record, record[2].method, record[2].path }, { 2, "DELETE", "/v1/repo_token/" .. token_text })
	check.equal(record[2].headers.authorization, "Bearer " .. faults.key)
	-- An answer that does not come ends the wait.
	server:script { ["POST /repo_token"] = { status = 201, json = token_answer.json, stall = 4 }, ["*"] = { status = 204 } }
	t = task.spawn(function() token() end)
	task.sleep(0.1)
	within(3, cancel, t)
	check.equal(count(), 1)
end)

check.case("a cancel ends other calls at once", function()
	always { json = info, stall = 3 }
	for _, call in pairs { get = get, overwrite = overwrite, create = create } do
		local t = task.spawn(function() call() end)
		task.sleep(0.05)
		within(1, cancel, t)
	end
end)

check.case("nobody there", function()
	local free <close> = faults.start()
	free:close()
	local gone = relace.client { api_key = faults.key, base_url = free.url, max_retry_wait = 2 }
	local e = check.fails("connection", function() gone.repo:get(id) end)
	check.equal({ e.attempts, e.retryable, e.status }, { 3, true })
	no_secret(e)
	e = check.fails("connection", function() gone.repo_token:create { name = "ci", repo_ids = { id } } end)
	check.equal(e.attempts, 3)
	local nowhere = relace.client { api_key = faults.key, base_url = "https://no.such.host.invalid/v1", max_retries = 0 }
	check.fails("dns", function() nowhere.repo:get(id) end)
end)

check.case("TLS", function()
	process.run({ "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
		"key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1" }, { cwd = tmp })
	do
		local cert = tmp .. "/cert.pem"
		local secure <close> = faults.start { cert = cert, key = tmp .. "/key.pem" }
		secure:script { ["*"] = { json = info } }
		local e = check.fails("tls", function() secure:client().repo:get(id) end)
		check.equal({ e.attempts, e.retryable }, { 1, false })
		no_secret(e)
		check.fails("tls", function() secure:client().repo_token:create { name = "ci", repo_ids = { id } } end)
		check.equal(#secure:record(), 0)
		check.equal(secure:client({ ca_file = cert }).repo:get(id).repo_id, id)
		check.fails("tls", function()
			secure:client({ ca_file = cert, base_url = secure.url:gsub("127.0.0.1", "localhost") }).repo:get(id)
		end)
		-- A server that does not speak TLS says nothing to the greeting.
		local mute = { base_url = server.url:gsub("http:", "https:"), connect_timeout = 0.3, max_retries = 0 }
		check.fails("timeout", function() server:client(mute).repo:get(id) end)
	end
	os.remove(tmp .. "/cert.pem")
	os.remove(tmp .. "/key.pem")
end)

check.case("a file that changes while it is sent", function()
	process.run { "mkdir", tmp .. "/tree" }
	for i = 1, 4 do
		local file <close> = assert(io.open(("%s/tree/%d"):format(tmp, i), "w"))
		file:write(("x"):rep(100000))
	end
	-- The first attempt is refused; meanwhile one file grows, and the second attempt finds it changed.
	server:script { ["*"] = { { status = 503, headers = { ["Retry-After"] = "0.5" } }, { json = info } } }
	local t = task.spawn(function()
		local e = check.fails("conflict", client.repo.overwrite, client.repo, id, tmp .. "/tree")
		check.contains(e.message, "4 changed")
	end)
	repeat task.sleep(0.02) until #server:record() > 0 and server:record()[1].body ~= json.null
	do
		local file <close> = assert(io.open(tmp .. "/tree/4", "a"))
		file:write "y"
	end
	t:await()
	process.run { "rm", "-r", tmp .. "/tree" }
end)

check.case("what a debug log shows", function()
	local script = tmp .. "/log.lua"
	do
		local file <close> = assert(io.open(script, "w"))
		file:write(([[
			local client = require("epact.relace").client { api_key = %q, base_url = %q }
			local token = client.repo_token:create { name = "ci", repo_ids = { "a" } }
			client:with(token).repo:list({ page_size = 5 }):page()
			token:delete()
			print(token, client)
		]]):format(faults.key, server.url))
	end
	server:script { ["POST /repo_token"] = token_answer, ["GET /repo"] = { { status = 503, headers = at_once }, { json = { items = {} } } },
		["*"] = { status = 204 } }
	local out = process.run({ os.getenv "EPACT_BIN", "run", script }, { env = { EPACT_LOG = "debug" } })
	os.remove(script)
	for _, text in ipairs { out.stdout, out.stderr } do
		check.lacks(text, faults.key:sub(5))
		check.lacks(text, token_text:sub(6))
	end
	check.contains(out.stderr, "POST 127.0.0.1:" .. server.port .. "/v1/repo_token -> 201, ")
	check.contains(out.stderr, " ms, attempt 1, again in ")
	check.contains(out.stderr, "/v1/repo -> 200, ")
	check.contains(out.stderr, "DELETE 127.0.0.1:" .. server.port .. "/v1/repo_token/**** -> 204, ")
	check.equal(http.get(server.url:gsub("/v1", "") .. "/_record"):json()[2].path, "/v1/repo?page_size=5")
end)

check.done()
