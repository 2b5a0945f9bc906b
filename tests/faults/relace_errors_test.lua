-- SPDX-License-Identifier: Apache-2.0
-- timeout: 120
-- What an error of epact.relace says: each status with each shape of body, from calls of each kind.
local check = require "check"
local errors = require "epact.error"
local faults = require "relace_faults"
local json = require "epact.json"
local models = require "epact.relace.models"

local server <close> = faults.start()
local client = server:client { rate_control = false, max_retries = 1 }
local hosted = models.new(client, { base_urls = { apply = server.url } })
local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local token_text = "rlcr-00112233445566778899aabbccddeeff00112233"

-- The code of each status (section 13.3); whether a call that only reads is repeated after it; what a call that must happen once
-- fails with instead, when the server may have acted.
local statuses = {
	[301] = { "redirect" }, [400] = { "bad_request" }, [401] = { "authentication" }, [402] = { "other_status" }, [403] = { "permission" },
	[404] = { "not_found" }, [405] = { "method_not_allowed" }, [408] = { "timeout", true }, [409] = { "conflict", true },
	[413] = { "too_large" }, [418] = { "other_status" }, [422] = { "unprocessable" }, [423] = { "locked", true }, [429] = { "rate_limit", true },
	[500] = { "server", true, "in_doubt" }, [501] = { "server", true, "in_doubt" }, [502] = { "server", true, "in_doubt" },
	[503] = { "server", true }, [504] = { "server", true, "in_doubt" }, [599] = { "server", true, "in_doubt" },
}

-- Bodies, and the words that are read of them, in the order of section 3.2.
local shapes = {
	{ { error = "words", message = "no", detail = "no" }, "words" },
	{ { error = { code = "x", message = "words" }, message = "no", detail = "no" }, "words" },
	{ { error = { code = "x" }, message = "words", detail = "no" }, "words" },
	{ { error = json.null, code = "x", message = "words" }, "words" },
	{ { error = "", message = 5, detail = "words" }, "words" },
	{ { detail = { { loc = { "body", "source" }, msg = "words", type = "missing" }, { msg = "no" } } }, "words" },
	{ { error = "words é", code = "resource_locked", message = "words é", detail = { { msg = "no" } } }, "words é" },
	{ { detail = json.array {}, other = 1 }, '"other"' },
	{ json.array { 1, "two" }, '"two"' },
	{ "just text", "just text" },
}

local function answer(status, body)
	server:script { ["*"] = { status = status, json = body, headers = { ["X-Request-Id"] = "req-" .. status, ["Retry-After-Ms"] = "2" } } }
end

local reads = {
	get = function() return client.repo:get(id) end,
	page = function() return client.repo:list():page() end,
	loop = function() for _ in client.repo:list() do end end,
	retrieve = function() return client.repo:retrieve(id, { query = "x" }) end,
	text_search = function() return client.repo:text_search(id, "x") end,
	search = function() return client.repo:search(id, { query = "x" }) end,
	clone = function() return client.repo:clone(id) end,
	download = function() return client.repo.file:download(id, "a") end,
	upload = function() return client.repo.file:upload(id, "a", "b") end,
	token_get = function() return client.repo_token:get(token_text) end,
	overwrite = function() return client.repo:overwrite(id, { { filename = "a", content = "b" } }) end,
	raw = function() return client.repo:get(id, { raw = true }) end,
	verb = function() return client:get "/x" end,
	model = function() return hosted:apply { initial_code = "a", edit_snippet = "b" } end,
}

local once = {
	create = function() return client.repo:create() end,
	import = function() return client.repo:create { source = { type = "files", files = {} } } end,
	diff = function() return client.repo:update(id, { source = { type = "diff", operations = {} } }) end,
	token_create = function() return client.repo_token:create { name = "a", repo_ids = { id } } end,
	agent = function() return client.repo:agent(id, { agent_name = "a", agent_inputs = {} }) end,
	verb = function() return client:post("/x", {}) end,
}

-- What every error has; secrets are in none of its texts.
local function complete(e, status, attempts, name)
	check.ok(errors.is(e), name)
	check.equal({ e.status, e.attempts, e.request_id, #server:record() }, { status, attempts, "req-" .. status, attempts }, name .. status)
	check.ok(status < 400 or e.retry_after == 0.002, name .. status)
	check.contains(e.operation, "127.0.0.1")
	for _, text in ipairs { tostring(e), e.message, e.operation, e.detail or "" } do
		check.lacks(text, faults.key:sub(5))
		check.lacks(text, token_text:sub(6))
	end
end

check.case("each status, from each call", function()
	for status, expected in pairs(statuses) do
		local code, again, doubt = table.unpack(expected, 1, 3)
		for name, call in pairs(reads) do
			answer(status, { error = "words", hint = token_text })
			local e = check.fails(code, call)
			check.equal({ e.code, e.retryable, e.maybe_sent }, { code, again or false, nil }, name .. status)
			complete(e, status, again and 2 or 1, name)
			check.ok(status < 400 or e.message:find("words", 1, true), name .. status)
		end
		for name, call in pairs(once) do
			answer(status, { error = "words", hint = faults.key })
			local e = check.fails(doubt or code, call)
			check.equal({ e.code, e.retryable, e.maybe_sent or false }, { doubt or code, not doubt and again or false, doubt ~= nil }, name .. status)
			complete(e, status, not doubt and again and 2 or 1, name)
		end
	end
end)

check.case("each shape of a body", function()
	for i, shape in ipairs(shapes) do
		for _, status in ipairs { 400, 409, 422, 500 } do
			answer(status, shape[1])
			local e = check.fails(statuses[status][1], reads.get)
			check.contains(e.message, shape[2])
			check.ok(i > 7 or not e.message:find("no", 1, true), e.message)
			check.equal(e.message:sub(1, 9), ("HTTP %d:"):format(status):sub(1, 9))
			check.contains(e.detail, i == 7 and "resource_locked" or "")
		end
	end
end)

check.case("bodies that are not JSON, or hardly", function()
	for _, body in ipairs { "plain words", "<html>plain words</html>", "{\"error\":\"plain words", "\"plain words\"", "plain words\r\n\27[31m\0" } do
		server:script { ["*"] = { status = 400, body = body } }
		local e = check.fails("bad_request", reads.get)
		check.contains(e.message, "plain words")
		check.lacks(e.message, "\27")
		check.lacks(e.message, "\n")
	end
	for _, body in ipairs { "", "{}", "null", "[]" } do
		server:script { ["*"] = { status = 404, body = body } }
		check.contains(check.fails("not_found", reads.get).message, "HTTP 404")
	end
	server:script { ["*"] = { status = 413, big = 5000000 } }
	local e = check.fails("too_large", reads.get)
	check.ok(#e.message < 1000 and #e.detail < 4000)
end)

check.case("a delete of what is gone is no error, but all else is", function()
	for name, call in pairs { repo = function() return client.repo:delete(id) end, token = function() return client.repo_token:delete(token_text) end,
		file = function() return client.repo.file:delete(id, "a") end } do
		answer(404, { error = "words" })
		check.equal(call(), nil, name)
		answer(403, { error = "words" })
		complete(check.fails("permission", call), 403, 1, name)
	end
end)

check.done()
