-- SPDX-License-Identifier: Apache-2.0
-- client.repo:retrieve, embedding_status and text_search: what they send and make of the answer, and waits for an index.
local check = require "check"
local faults = require "relace_faults"
local json = require "epact.json"
local task = require "epact.task"

local server <close> = faults.start()
local client = server:client()
local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local at_once = { ["Retry-After-Ms"] = "1" }
local found = { results = { { filename = "a.c", score = 0.9, content = json.null } }, hash = ("0f"):rep(20), pending_embeddings = 0 }

local function answer(value) server:script { ["*"] = { json = value } } end

-- The only request was this; body: its text.
local function sent(method, path, body)
	local request = server:one()
	check.equal({ request.method, request.path, request.body }, { method, "/v1/repo/" .. id .. path, body or "" })
	check.equal(request.headers["content-type"], body and "application/json" or nil)
end

check.case("retrieve", function()
	answer(found)
	local result = client.repo:retrieve(id, { query = "é \"?" })
	check.equal(result, { results = { { filename = "a.c", score = 0.9 } }, hash = found.hash, pending_embeddings = 0 })
	sent("POST", "/retrieve", '{"query":"é \\"?"}')
	answer(found)
	client.repo:retrieve({ repo_id = id }, { query = "x", branch = "main", score_threshold = 0, token_limit = 0, include_content = true,
		rerank = false, hash = json.null })
	sent("POST", "/retrieve", '{"query":"x","branch":"main","hash":null,"score_threshold":0,"token_limit":0,' ..
		'"include_content":true,"rerank":false}')
	answer(found)
	client.repo:retrieve(id, { query = "x", score_threshold = 0.25, token_limit = 131072, hash = "abc" }, { headers = { ["X-A"] = "1" } })
	sent("POST", "/retrieve", '{"query":"x","hash":"abc","score_threshold":0.25,"token_limit":131072}')
end)

check.case("embedding_status and text_search", function()
	answer { hash = "a", completed_embeddings = 1, pending_embeddings = 2 }
	check.equal(client.repo:embedding_status(id).pending_embeddings, 2)
	sent("GET", "/embedding_status")
	answer {}
	client.repo:embedding_status(id, { branch = "a/b c", hash = "ff" })
	sent("GET", "/embedding_status?branch=a%2Fb%20c&hash=ff")
	answer { results = { { filename = "a", line_number = 1, line_content = "x", match_start = 0, match_end = 1 } } }
	check.equal(client.repo:text_search(id, "x\n").results[1].line_number, 1)
	sent("POST", "/search", '{"query":"x\\n"}')
	check.equal(client.repo:text_search(id, "x", { raw = true }).status, 200)
end)

check.case("they only read: all is repeated", function()
	for _, call in ipairs { function() client.repo:retrieve(id, { query = "x" }) end, function() client.repo:text_search(id, "x") end,
		function() client.repo:embedding_status(id) end } do
		server:script { ["*"] = { { status = 500, headers = at_once }, { json = {} } } }
		call()
		check.equal(#server:record(), 2)
	end
end)

local function wait(seconds, options)
	options = options or {}
	options.wait_for_index = seconds
	return client.repo:retrieve(id, { query = "x", hash = "abc" }, options)
end

check.case("a commit that is not indexed yet", function()
	local missing = { status = 404, headers = at_once, json = { error = "not indexed" } }
	server:script { ["*"] = { missing, missing, missing, missing, { json = found } } }
	check.equal(wait(30).hash, found.hash)
	check.equal(#server:record(), 5)
	server:script { ["*"] = missing }
	local e = check.fails("not_found", client.repo.retrieve, client.repo, id, { query = "x", hash = "abc" })
	check.equal({ e.attempts, e.retryable, #server:record() }, { 1, false, 1 })
	server:script { ["*"] = { status = 404 } }
	local began = task.now()
	e = check.fails("not_found", wait, 0.7)
	check.ok(task.now() - began >= 0.69)
	check.equal({ e.attempts, e.retryable, #server:record() }, { 3, true, 3 })
	-- What else goes wrong has its own retries.
	local busy = { status = 503, headers = at_once }
	server:script { ["*"] = { missing, missing, missing, busy, missing, busy, { json = found } } }
	wait(30)
	check.equal(#server:record(), 7)
	server:script { ["*"] = { missing, busy, busy, { json = found } } }
	check.equal(check.fails("server", wait, 30, { max_retries = 1 }).attempts, 3)
	server:script { ["*"] = { status = 404, headers = { ["X-Should-Retry"] = "false" } } }
	check.equal(check.fails("not_found", wait, 30).attempts, 1)
	server:script { ["*"] = { status = 404 } }
	check.fails("timeout", wait, 30, { deadline = 0.1 })
	local t = task.spawn(wait, 30)
	task.sleep(0.05)
	t:cancel()
	check.fails("cancelled", t.await, t)
end)

check.case("what cannot be asked", function()
	answer(found)
	local function retrieve(params, options) return client.repo:retrieve(id, params, options) end
	for _, case in ipairs { { "score_threshold", -0.01 }, { "score_threshold", 1.01 }, { "score_threshold", 0 / 0 },
		{ "score_threshold", "1" }, { "token_limit", -1 }, { "token_limit", 1.5 }, { "token_limit", "1" }, { "include_content", 1 },
		{ "rerank", "no" }, { "branch", "" }, { "hash", "" }, { "hash", 5 }, { "branch", "\xff" } } do
		check.fails("'" .. case[1] .. "'", retrieve, { query = "x", [case[1]] = case[2] })
	end
	check.fails("'query' is missing", retrieve, {})
	check.fails("'query' is empty", retrieve, { query = "" })
	check.fails("'query' must be a string", retrieve, { query = json.null })
	check.fails("'query' is not UTF-8", retrieve, { query = "\xff" })
	check.fails("did you mean 'score_threshold'", retrieve, { query = "x", score_treshold = 1 })
	check.fails("names of members", retrieve, { "x" })
	check.fails("a table is expected", retrieve, nil)
	check.fails("a table is expected", retrieve, "x")
	check.fails("wait_for_index", retrieve, { query = "x" }, { wait_for_index = -1 })
	check.fails("did you mean 'wait_for_index'", retrieve, { query = "x" }, { wait_for_indx = 1 })
	check.fails("repo_id", client.repo.retrieve, client.repo, "a/b", { query = "x" })
	check.fails("branch", client.repo.embedding_status, client.repo, id, { branch = "" })
	check.fails("hash", client.repo.embedding_status, client.repo, id, { hash = 5 })
	check.fails("did you mean 'hash'", client.repo.embedding_status, client.repo, id, { hsh = "a" })
	check.fails("query is empty", client.repo.text_search, client.repo, id, "")
	check.fails("query must be a string", client.repo.text_search, client.repo, id, { query = "x" })
	check.fails("UTF-8", client.repo.text_search, client.repo, id, "\xff")
	check.fails("repo_id", client.repo.text_search, client.repo, "", "x")
	check.equal(server:record(), json.array {})
end)

check.done()
