-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- What a single call can be told: headers, query, idempotency key, raw answers.
local check = require "check"
local faults = require "relace_faults"
local json = require "epact.json"
local secret = require "epact.secret"

local server <close> = faults.start()
local client = server:client { headers = { ["X-Relace-Run"] = "7", Accept = "application/x", ["X-Gone"] = "1" } }
local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local token_text = "rlcr-00112233445566778899aabbccddeeff00112233"
local info = { repo_id = id, repo_head = ("0f"):rep(20), changed_files = { "a" } }
local token_answer = { token = token_text, name = "ci", repo_ids = { id } }
local at_once = { ["Retry-After-Ms"] = "1" }
local files = { { filename = "a", content = "b" } }
local tmp = os.getenv "TMPDIR"

local function answer(value, status, headers)
	server:script { ["*"] = { status = status or 200, json = value, headers = headers } }
end

-- Each kind of call, with what answers it: f(options).
local calls = {
	get = { info, function(o) return client.repo:get(id, o) end },
	list = { { items = json.array {}, total_items = 0 }, function(o) return client.repo:list(nil, o):page() end },
	delete = { info, function(o) return client.repo:delete(id, o) end },
	create = { info, function(o) return client.repo:create(nil, o) end },
	import = { info, function(o) return client.repo:create({ source = { type = "files", files = files } }, o) end },
	update = { info, function(o) return client.repo:update(id, { metadata = {} }, o) end },
	overwrite = { info, function(o) return client.repo:overwrite(id, files, o) end },
	folder = { info, function(o) return client.repo:overwrite(id, tmp, o) end },
	token_create = { token_answer, function(o)
		local token = client.repo_token:create({ name = "ci", repo_ids = { id } }, o)
		token.deleted = true
		return token
	end },
	token_get = { token_answer, function(o) return client.repo_token:get(token_text, o) end },
	token_delete = { info, function(o) return client.repo_token:delete(token_text, o) end },
	request = { info, function(o) return client:request("POST", "/x", { a = 1 }, o) end },
}

check.case("headers of a call are sent in place of the client's", function()
	for name, call in pairs(calls) do
		answer(call[1])
		call[2] { headers = { ["x-relace-run"] = "8", ["X-Own"] = secret.new "sesame", ["X-Gone"] = false,
			["X-Many"] = { "a", "b" }, ["X-Empty"] = "" } }
		local headers = server:one().headers
		check.equal({ headers["x-relace-run"], headers["x-own"], headers["x-gone"], headers.accept, headers["x-many"],
			headers["x-empty"], headers.authorization }, { "8", "sesame", nil, "application/x", "b", "", "Bearer " .. faults.key }, name)
		answer(call[1])
		call[2] { headers = { accept = json.null } }
		check.equal(server:one().headers.accept, "*/*", name) -- what libcurl says where nobody says anything
		answer(call[1])
		call[2] {}
		headers = server:one().headers
		check.equal({ headers["x-relace-run"], headers["x-gone"], headers["x-own"] }, { "7", "1" }, name)
	end
end)

check.case("headers that cannot be", function()
	answer(info)
	local bad = { ["Authorization"] = "Bearer x", ["authorization"] = false, ["Host"] = "elsewhere", ["Content-Length"] = "1",
		["Transfer-Encoding"] = "chunked", ["X A"] = "a", ["X-A"] = "a\r\nX-B: b", ["X-B"] = "a\nb", ["X-C\n"] = "a", [""] = "a",
		["X-D"] = 1, ["X-E"] = true, ["X-F"] = {}, [1] = "a" }
	for header, value in pairs(bad) do
		for name, call in pairs(calls) do
			local e = check.fails("header", call[2], { headers = { [header] = value } })
			check.lacks(tostring(e), "sesame")
			check.ok(name)
		end
	end
	local many = {}
	for i = 1, 65 do many["X-" .. i] = "a" end
	check.fails("headers: more than 64", calls.get[2], { headers = many })
	check.fails("option 'headers'", calls.get[2], { headers = "X: y" })
	check.equal(server:record(), json.array {})
end)

check.case("the query of a call", function()
	for name, call in pairs(calls) do
		answer(call[1])
		call[2] { query = { a = "b c&=", ["é"] = 1, f = 0.5, yes = true, no = false, none = json.null, gone = nil } }
		check.equal(server:one().path:match "%?(.*)", "a=b%20c%26%3D&f=0.5&no=false&none=&yes=true&%C3%A9=1", name)
		answer(call[1])
		call[2] { query = {} }
		check.equal(server:one().path:match "%?", nil, name)
	end
	answer(calls.list[1])
	client.repo:list({ page_size = 5, order_by = "created_at" }, { query = { page_size = 7, x = 1 } }):page()
	check.equal(server:one().path, "/v1/repo?order_by=created_at&page_size=7&x=1")
	answer(info)
	client:request("GET", "/x?a=1&&b=2&a=3&ab", nil, { query = { a = 4, c = 5 } })
	check.equal(server:one().path, "/v1/x?b=2&ab&a=4&c=5")
	answer(info)
	for _, bad in ipairs { { a = { 1 } }, { a = {} }, { a = print }, { [1] = "a" }, { [true] = {} } } do
		check.fails("query", calls.get[2], { query = bad })
	end
	check.fails("option 'query'", calls.get[2], { query = "a=1" })
	check.equal(server:record(), json.array {})
end)

check.case("an idempotency key goes with each attempt, and repeats nothing by itself", function()
	for name, call in pairs(calls) do
		server:script { ["*"] = { { status = 503, headers = at_once }, { json = call[1] } } }
		call[2] { idempotency_key = "once-1" }
		local record = server:record()
		check.equal({ #record, record[1].headers["idempotency-key"], record[2].headers["idempotency-key"] }, { 2, "once-1", "once-1" }, name)
	end
	server:script { ["*"] = { { status = 500, headers = at_once }, { json = info } } }
	check.fails("in_doubt", calls.create[2], { idempotency_key = "once-1" })
	check.equal(#server:record(), 1)
	answer(info)
	calls.get[2] { idempotency_key = "a", headers = { ["idempotency-key"] = "b" } }
	check.equal(server:one().headers["idempotency-key"], "a")
	answer(info)
	for _, bad in ipairs { "", "a\nb", "a\r\nX: y", "a\0" } do
		check.equal(check.fails("invalid_argument", calls.get[2], { idempotency_key = bad }).code, "invalid_argument")
	end
	check.fails("option 'idempotency_key'", calls.get[2], { idempotency_key = 5 })
	check.equal(server:record(), json.array {})
end)

check.case("a call that the script calls repeatable", function()
	for name, call in pairs(calls) do
		server:script { ["*"] = { { status = 500, headers = at_once }, { json = call[1] } } }
		call[2] { repeatable = true }
		check.equal(#server:record(), 2, name)
	end
	server:script { ["*"] = { { reset = "body" }, { json = info } } }
	calls.create[2] { repeatable = true }
	check.equal(#server:record(), 2)
end)

check.case("raw answers", function()
	for name, call in pairs(calls) do
		answer(call[1], 201, { ["X-Request-Id"] = "r-1", ["X-Two"] = "2" })
		local raw = call[2] { raw = true }
		check.equal({ raw.status, raw.ok, raw.headers["x-request-id"], raw:header "X-Two" }, { 201, true, "r-1", "2" }, name)
		check.equal(raw:json(), call[1], name)
		check.equal(raw:check(), raw)
		server:script { ["*"] = { status = 403, json = { error = "words" } } }
		check.contains(check.fails("permission", call[2], { raw = true }).message, "words")
	end
	answer({ error = "gone" }, 404)
	local raw = calls.delete[2] { raw = true }
	check.equal({ raw.status, raw.ok, raw:json().error }, { 404, false, "gone" })
	answer(token_answer, 201)
	raw = calls.token_create[2] { raw = true }
	check.equal({ tostring(raw.secret), raw.secret:reveal() }, { "rlcr-****", token_text })
	answer(info)
	client:with(raw).repo:get(id)
	check.equal(server:one().headers.authorization, "Bearer " .. token_text)
	server:script { ["*"] = { status = 200, body = "no JSON" } }
	check.equal(calls.get[2]({ raw = true }).body, "no JSON")
	check.fails("json", calls.token_create[2], { raw = true })
	check.equal(calls.overwrite[2]({ raw = true }).left_out, nil)
end)

check.case("options that are none", function()
	answer(info)
	for name, call in pairs(calls) do
		check.fails("did you mean 'timeout'", call[2], { timeot = 1 })
		check.fails("did you mean 'idempotency_key'", call[2], { idempotency_kye = "a" })
		check.fails("option 'raw'", call[2], { raw = 1 })
		check.fails("option 'repeatable'", call[2], { repeatable = "yes" })
		check.fails("option names are strings", call[2], { "timeout" })
		check.ok(name)
	end
	check.equal(server:record(), json.array {})
end)

check.done()
