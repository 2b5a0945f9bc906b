-- SPDX-License-Identifier: Apache-2.0
-- What epact.relace makes of answers that leave something open, and of tokens that nobody deletes.
local check = require "check"
local faults = require "relace_faults"
local json = require "epact.json"
local process = require "epact.process"
local relace = require "epact.relace"
local task = require "epact.task"

local server <close> = faults.start()
local client = server:client()
local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local token_text = "rlcr-00112233445566778899aabbccddeeff00112233"
local token_answer = { token = token_text, name = "ci", repo_ids = { id }, expires_at = json.null }

local function answer(value) server:script { ["*"] = { status = 200, json = value } } end

check.case("null is nothing", function()
	local item = { repo_id = id, created_at = "2026-02-03T04:05:06Z", updated_at = json.null, metadata = json.null }
	answer { items = { item }, total_items = 1, next_page = json.null }
	local page = client.repo:list():page()
	check.equal(page, { items = { { repo_id = id, created_at = "2026-02-03T04:05:06Z" } }, total_items = 1 })
	answer(item)
	check.equal(client.repo:get(id).metadata, nil)
	answer { repo_id = id, repo_head = "x", changed_files = json.null }
	check.equal(client.repo:update(id, { metadata = { a = "null" } }), { repo_id = id, repo_head = "x" })
	answer(token_answer)
	local token = client.repo_token:create { name = "ci", repo_ids = { id } }
	check.equal(token:keep().expires_at, nil)
	answer(item)
	check.equal(client:request("GET", "/repo/" .. id).metadata, json.null)
end)

check.case("the word null in a value stays", function()
	answer { repo_id = id, metadata = { name = "null", note = "is null" } }
	check.equal(client.repo:get(id).metadata, { name = "null", note = "is null" })
end)

check.case("an answer that is no object is told", function()
	for _, body in ipairs { "[1,2]", " []", '"x"', "5", "true" } do
		server:script { ["*"] = { status = 200, body = body, headers = { ["Content-Type"] = "application/json" } } }
		check.contains(check.fails("json", client.repo.get, client.repo, id).message, "it is no object")
	end
	server:script { ["*"] = { status = 200, body = '\n\t {"repo_id":"x"}', headers = { ["Content-Type"] = "application/json" } } }
	check.equal(client.repo:get(id), { repo_id = "x" })
	server:script { ["*"] = { status = 201 } }
	local err = check.fails("json", client.repo_token.create, client.repo_token, { name = "ci", repo_ids = { id } })
	check.contains(err.message, "it should be: it is empty")
end)

check.case("plain calls give what is no JSON as it is", function()
	server:script { ["*"] = { status = 200, body = "int a;\n", headers = { ["Content-Type"] = "text/plain" } } }
	check.equal(client:request("GET", "/repo/a/file/a.c"), "int a;\n")
	server:script { ["*"] = { status = 200, body = '{"a":1}', headers = { ["Content-Type"] = "application/problem+json" } } }
	check.equal(client:request("GET", "/x"), { a = 1 })
	server:script { ["*"] = { status = 200, body = "{", headers = { ["Content-Type"] = "application/json; charset=utf-8" } } }
	check.fails("json", client.request, client, "GET", "/x")
end)

check.case("a token is not lost by what stands beside it", function()
	for _, ids in ipairs { 5, { 5 }, json.null } do
		answer { token = token_text, name = 5, repo_ids = ids, expires_at = {} }
		local token = client.repo_token:create { name = "ci", repo_ids = { id } }
		check.equal({ token:keep():reveal(), #token.repo_ids }, { token_text, 0 })
		check.fails("json", client.repo_token.get, client.repo_token, "x")
	end
end)

check.case("a token in an answer that cannot be read is not shown", function()
	server:script { ["*"] = { status = 201, body = '{"token":"some-other-kind-0011","na',
		headers = { ["Content-Type"] = "application/json" } } }
	local err = check.fails("json", client.repo_token.create, client.repo_token, { name = "ci", repo_ids = { id } })
	check.lacks(tostring(err) .. (err.detail or ""), "0011")
	check.contains(err.message, "ttl")
	check.equal({ err.maybe_sent, err.status, err.attempts }, { true, 201, 1 })
	check.equal(#server:record(), 1)
end)

check.case("a create that names no repo is no success", function()
	local files = { type = "files", files = { { filename = "a", content = "b" } } }
	for _, source in ipairs { false, files } do
		for _, value in ipairs { json.object {}, { repo_id = 7 }, { repo_id = json.null }, { "x" } } do
			answer(value)
			local err = check.fails("json", client.repo.create, client.repo, { source = source or nil })
			check.contains(err.message, value[1] and "no object" or "no repo_id")
			check.equal({ err.maybe_sent, err.status, #server:record() }, { true, 200, 1 })
		end
	end
end)

check.case("headers of the client", function()
	answer {}
	server:client({ headers = { ["X-Relace-Run"] = "7", accept = "application/x" } }):request("GET", "/x")
	local headers = server:one().headers
	check.equal({ headers["x-relace-run"], headers.accept }, { "7", "application/x" })
	for _, bad in ipairs { { Authorization = "Bearer x" }, { ["X A"] = "a" }, { ["X-A"] = "a\r\nX-B: b" }, { ["X-A"] = 1 } } do
		check.fails("header", server.client, server, { headers = bad })
	end
	answer {}
	server:client({ headers = { ["X-Relace-Run"] = "8" } }):with("rlc-other-00000000"):request("GET", "/x")
	check.equal(server:one().headers["x-relace-run"], "8")
end)

check.case("a limit of time is over the folder too", function()
	answer { repo_id = id, repo_head = "x" }
	check.fails("timeout", client.repo.overwrite, client.repo, id, os.getenv "EPACT_SOURCE", { deadline = 0.0001 })
	check.equal(#server:record(), 0)
end)

check.case("a cancel at any moment of an overwrite", function()
	answer { repo_id = id, repo_head = "x" }
	for i = 0, 30 do
		local t
		task.scope(function()
			t = task.spawn(function() client.repo:overwrite(id, os.getenv "EPACT_SOURCE" .. "/runtime/base") end)
			task.sleep(i / 1000)
			t:cancel()
		end)
		check.ok(t:status() == "cancelled" or t:status() == "done", t:status())
	end
end)

-- What a script writes to its log that makes one token and does the rest.
local function log_of(rest)
	server:script { ["POST /repo_token"] = { status = 201, json = token_answer }, ["*"] = { status = 204 } }
	local text = ([[
		local client = require("epact.relace").client { api_key = %q, base_url = %q }
		local token = client.repo_token:create { name = "ci", repo_ids = { %q } }
	]]):format(faults.key, server.url, id) .. rest
	return process.run({ os.getenv "EPACT_BIN", "-e", text }).stderr
end

check.case("a token that is collected undeleted is warned of", function()
	check.contains(log_of "", "the token 'ci' was never deleted")
	check.contains(log_of "token = nil; collectgarbage()", "the token 'ci' was never deleted")
	check.lacks(log_of "", token_text)
	check.equal(log_of "token:delete()", "")
	check.equal(log_of "token:keep()", "")
	check.equal(log_of "local t <close> = token", "")
	check.equal(log_of "client.repo_token:delete(token)", "")
end)

check.case("a kept token outlives its scope", function()
	server:script { ["POST /repo_token"] = { status = 201, json = token_answer }, ["*"] = { status = 204 } }
	do
		local token <close> = client.repo_token:create({ name = "ci", repo_ids = { id } }):keep()
	end
	check.equal(server:one().method, "POST")
end)

check.done()
