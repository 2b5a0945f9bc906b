-- SPDX-License-Identifier: Apache-2.0
-- timeout: 90
-- What each call of epact.relace sends and makes of the answer; wrong arguments; secrets.
local check = require "check"
local errors = require "epact.error"
local faults = require "relace_faults"
local json = require "epact.json"
local log = require "epact.log"
local process = require "epact.process"
local relace = require "epact.relace"
local secret = require "epact.secret"
local settings = require "epact.relace.settings"
local task = require "epact.task"

local server <close> = faults.start()
local client = server:client()
local id = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21"
local token_text = "rlcr-00112233445566778899aabbccddeeff00112233"
local info = { repo_id = id, repo_head = ("0f"):rep(20) }
local token_answer = { token = token_text, name = "ci", repo_ids = { id }, expires_at = "2026-02-03T04:20:06Z" }
local tmp = os.getenv "TMPDIR"

-- The only request was this; body: the value of its JSON, nil for none. Returns it.
local function sent(method, path, body)
	local request = server:one()
	check.equal(request.method .. " " .. request.path, method .. " /v1" .. path)
	check.equal(request.headers.authorization, "Bearer " .. faults.key)
	check.equal(request.headers.accept, "application/json")
	check.equal(request.headers["user-agent"], "test")
	check.equal(request.headers.expect, nil)
	check.equal(request.headers["content-type"], body and "application/json" or nil)
	check.equal(request.body == "" and "none" or json.decode(request.body), body or "none")
	if body then check.equal(request.headers["content-length"], tostring(#request.body)) end
	return request
end

local function answer(status, value) server:script { ["*"] = { status = status, json = value } } end

check.case("token create", function()
	answer(201, token_answer)
	local token = client.repo_token:create { name = "ci", repo_ids = { id }, ttl_seconds = 900 }
	sent("POST", "/repo_token", { name = "ci", repo_ids = { id }, ttl_seconds = 900 })
	check.equal(token.name, "ci")
	check.equal(token.repo_ids, { id })
	check.equal(token.expires_at, "2026-02-03T04:20:06Z")
	check.equal(token:reveal(), token_text)
	check.equal(tostring(token), "rlcr-****")
	answer(201, { token = token_text, name = "ci", repo_ids = { id } })
	check.equal(client.repo_token:create({ name = "ci", repo_ids = { id } }).expires_at, nil)
	sent("POST", "/repo_token", { name = "ci", repo_ids = { id } })
end)

check.case("token get and delete", function()
	answer(200, { name = "ci", repo_ids = { id } })
	for _, form in ipairs { token_text, secret.new(token_text), { secret = secret.new(token_text) } } do
		local found = client.repo_token:get(form)
		sent("GET", "/repo_token/" .. token_text)
		check.equal({ found.name, found.repo_ids, found.secret }, { "ci", { id } })
		answer(200, { name = "ci", repo_ids = { id } })
	end
	answer(200, { name = "ci", repo_ids = { id } })
	client.repo_token:get "a/../b?d%"
	check.equal(server:one().path, "/v1/repo_token/a%2F..%2Fb%3Fd%25")
	server:script { ["*"] = { status = 204 } }
	check.equal(select("#", client.repo_token:delete(token_text)), 0)
	sent("DELETE", "/repo_token/" .. token_text)
end)

check.case("repo create", function()
	local function create(params, body)
		answer(201, info)
		local repo = client.repo:create(params)
		sent("POST", "/repo", body)
		check.equal({ repo.repo_id, repo.repo_head }, { id, info.repo_head })
		return repo
	end
	create(nil, {})
	create({ metadata = { name = "demo" }, auto_index = true }, { metadata = { name = "demo" }, auto_index = true })
	local files = { { filename = "src/a.c", content = "int a;\n" }, { filename = "é \".txt", content = "\1\27\u{2028}" } }
	create({ source = { type = "files", files = files } }, { source = { type = "files", files = files } })
	create({ source = { type = "files", files = {} }, auto_index = false },
		{ source = { type = "files", files = {} }, auto_index = false })
	create({ source = { type = "git", url = "https://a/b.git", branch = "main", hash = "abc", shallow = false } },
		{ source = { type = "git", url = "https://a/b.git", branch = "main", hash = "abc", shallow = false } })
	create({ source = { type = "git", url = "https://a/b.git" } }, { source = { type = "git", url = "https://a/b.git" } })
	create({ source = { type = "relace", repo_id = id, copy_metadata = true, copy_remote = false } },
		{ source = { type = "relace", repo_id = id, copy_metadata = true, copy_remote = false } })
end)

check.case("repo get, list, delete", function()
	local found = { repo_id = id, created_at = "2026-02-03T04:05:06Z", metadata = { name = "d" }, auto_index = true }
	answer(200, found)
	check.equal(client.repo:get(id), found)
	sent("GET", "/repo/" .. id)
	check.equal(client.repo:get({ repo_id = id }), found)
	answer(200, { items = { found }, total_items = 41, next_page = 1 })
	local page = client.repo:list { page_start = 0, page_size = 1, order_by = "updated_at", order_descending = true,
		filter_metadata = { ["a b"] = "c&d" }, created_after = "2026-01-01T00:00:00Z", created_before = "2027-01-01T00:00:00Z" }:page()
	check.equal({ page.items[1].repo_id, page.total_items, page.next_page }, { id, 41, 1 })
	sent("GET", "/repo?page_start=0&page_size=1&order_by=updated_at&order_descending=true&filter_metadata=" ..
		"%7B%22a%20b%22%3A%22c%26d%22%7D&created_after=2026-01-01T00%3A00%3A00Z&created_before=2027-01-01T00%3A00%3A00Z")
	answer(200, { items = json.array {}, total_items = 0 })
	check.equal(client.repo:list():page().next_page, nil)
	sent("GET", "/repo")
	server:script { ["*"] = { status = 204 } }
	check.equal(client.repo:delete(id), nil)
	sent("DELETE", "/repo/" .. id)
end)

check.case("repo update", function()
	local function update(params, body)
		answer(200, { repo_id = id, repo_head = info.repo_head, changed_files = { "a" } })
		local result = client.repo:update(id, params)
		sent("POST", "/repo/" .. id .. "/update", body or params)
		check.equal(result.changed_files, { "a" })
	end
	update { metadata = { rev = "2" } }
	update { source = { type = "git", url = "https://a/b.git", branch = "x" } }
	update { source = { type = "diff", operations = { { type = "write", filename = "src/a.c", content = "int a=1;\n" },
		{ type = "rename", old_filename = "b", new_filename = "c" }, { type = "delete", filename = "old" } } },
		metadata = { rev = "2" } }
	update { source = { type = "diff", operations = json.array {} } }
	update { source = { type = "files", files = { { filename = "a", content = "b" } } } }
	update { source = { type = "files", files = json.array {} }, metadata = { x = "y" } }
end)

check.case("overwrite from a folder", function()
	local dir = tmp .. "/tree"
	process.run({ "sh", "-ec", [[mkdir -p tree/sub; printf 'one\n' >tree/one.txt; printf 'q"\\\t' >tree/sub/two; : >tree/zero
		printf '\0' >tree/bin]] }, { cwd = tmp })
	local e = check.fails("invalid_argument", client.repo.overwrite, client.repo, id, dir)
	check.contains(e.message, "bin (binary)")
	answer(200, { repo_id = id, repo_head = info.repo_head, changed_files = json.array {} })
	local result = client.repo:overwrite(id, dir, { skip_binary = true, metadata = { a = "b" } })
	sent("POST", "/repo/" .. id .. "/update", { source = { type = "files", files = {
		{ filename = "one.txt", content = "one\n" }, { filename = "sub/two", content = 'q"\\\t' },
		{ filename = "zero", content = "" } } }, metadata = { a = "b" } })
	check.equal(result.left_out, { { filename = "bin", reason = "binary" } })
	answer(201, info)
	client.repo:create { source = { type = "files", directory = dir, skip_binary = true } }
	check.equal(#json.decode(server:one().body).source.files, 3)
	process.run { "rm", "-r", dir }
	answer(200, info)
	client.repo:overwrite(id, { { filename = "a", content = "b" } })
	sent("POST", "/repo/" .. id .. "/update",
		{ source = { type = "files", files = { { filename = "a", content = "b" } } } })
end)

check.case("any other call", function()
	answer(200, { a = 1 })
	check.equal(client:request("GET", "/repo?page_size=1"), { a = 1 })
	sent("GET", "/repo?page_size=1")
	answer(200, { a = 1 })
	check.equal(client:request("POST", "/repo/" .. id .. "/retrieve", { query = "x" }), { a = 1 })
	sent("POST", "/repo/" .. id .. "/retrieve", { query = "x" })
	server:script { ["*"] = { status = 204 } }
	check.equal(client:request("DELETE", "/repo/x"), nil)
	for _, path in ipairs { "", "repo", "@evil.com/x", "//evil.com", "/repo/../x", "/repo x", "/a\r\nX: y", "/repo#x", "/r?a b",
		"/repo/%2e%2e/x", "/r?a#b" } do
		check.fails("path", client.request, client, "GET", path)
	end
	check.fails("bad argument", client.request, client, "TRACE", "/repo")
	check.equal(#server:record(), 1)
end)

check.case("client:with", function()
	answer(201, token_answer)
	local token = client.repo_token:create { name = "ci", repo_ids = { id } }
	local agent = client:with(token)
	answer(200, info)
	agent.repo:get(id)
	check.equal(server:one().headers.authorization, "Bearer " .. token_text)
	check.lacks(tostring(agent), token_text:sub(6))
	check.contains(tostring(agent), "rlcr-****")
	server:script { ["*"] = { status = 503 } }
	check.equal(check.fails("server", function() client:with({ max_retries = 0 }).repo:get(id) end).attempts, 1)
	check.fails("did you mean 'max_retries'", client.with, client, { max_retrys = 1 })
	token.deleted = true
end)

-- A token that is closed by f, and how often it was deleted then.
local function deletes(f)
	server:script { ["POST /repo_token"] = { status = 201, json = token_answer }, ["*"] = { status = 204 } }
	local ok, err = pcall(task.scope, function()
		local token <close> = client.repo_token:create { name = "ci", repo_ids = { id } }
		f(token)
	end)
	local count = 0
	for _, request in ipairs(server:record()) do
		if request.method == "DELETE" and request.path == "/v1/repo_token/" .. token_text then count = count + 1 end
	end
	return count, ok, err
end

check.case("a token is deleted when it leaves scope", function()
	check.equal(deletes(function() end), 1)
	local count, ok, err = deletes(function() error("mine", 0) end)
	check.equal({ count, ok, err }, { 1, false, "mine" })
	check.equal(deletes(function(token) token:delete() token:delete() end), 1)
	check.equal(deletes(function(token) client.repo_token:delete(token) end), 1)
	count, ok, err = deletes(function() task.timeout(0.05, task.sleep, 10) end)
	check.equal({ count, ok, err.code }, { 1, false, "timeout" })
	local t
	count = deletes(function(token)
		token.deleted = true
		t = task.spawn(function()
			local inner <close> = client.repo_token:create { name = "ci", repo_ids = { id } }
			task.sleep(10)
		end)
		task.sleep(0.1)
		t:cancel()
	end)
	check.equal(count, 1)
end)

check.case("a token that cannot be deleted", function()
	server:script { ["POST /repo_token"] = { status = 201, json = token_answer }, ["*"] = { status = 403 } }
	local function use(f)
		local token <close> = client.repo_token:create { name = "ci", repo_ids = { id } }
		f()
	end
	check.fails("permission", use, function() end)
	check.equal(check.fails("mine", use, function() error("mine", 0) end), "mine")
end)

check.case("ids that are none", function()
	server:script { ["*"] = { status = 200, json = info } }
	for _, bad in ipairs { "", "a/b", "..", "-a", "a\nb", "a\0b", "a b", "a%2fb", ("a"):rep(129), "é" } do
		for _, call in ipairs { "get", "delete" } do check.fails("repo_id", client.repo[call], client.repo, bad) end
		check.fails("repo_id", client.repo.update, client.repo, bad, { metadata = {} })
		check.fails("repo_id", client.repo.overwrite, client.repo, bad, { { filename = "a", content = "" } })
		check.fails("repo_id", client.repo.overwrite, client.repo, bad, tmp)
		check.fails("repo_id", client.repo.create, client.repo, { source = { type = "relace", repo_id = bad } })
		check.fails("repo_id", client.repo_token.create, client.repo_token, { name = "x", repo_ids = { bad } })
		check.fails("repo_id", function() client:git(tmp .. "/x"):clone { repo_id = bad } end)
	end
	for _, bad in ipairs { 1, true, {} } do check.fails("repo", client.repo.get, client.repo, bad) end
	check.fails("credential", client.repo_token.get, client.repo_token, nil)
	check.fails("token", client.repo_token.get, client.repo_token, "")
	check.fails("token", client.repo_token.delete, client.repo_token, "a\nb")
	check.equal(server:record(), json.array {})
end)

check.case("options that are none", function()
	server:script { ["*"] = { status = 200, json = info } }
	for _, ttl in ipairs { "900", 1.5, 0, -1, true, {}, 0 / 0, 1e300 } do
		check.fails("ttl_seconds", client.repo_token.create, client.repo_token, { name = "a", repo_ids = { id }, ttl_seconds = ttl })
	end
	local function create(params) return client.repo:create(params) end
	local function update(params) return client.repo:update(id, params) end
	local function token(params) return client.repo_token:create(params) end
	check.fails("'name' is missing", token, { repo_ids = { id } })
	check.fails("name", token, { name = "", repo_ids = { id } })
	check.fails("name", token, { name = "\xff", repo_ids = { id } })
	check.fails("repo_ids", token, { name = "a", repo_ids = {} })
	check.fails("repo_ids", token, { name = "a", repo_ids = { 1 } })
	check.fails("repo_ids", token, { name = "a", repo_ids = id })
	check.fails("did you mean 'ttl_seconds'", token, { name = "a", repo_ids = { id }, ttl_second = 1 })
	check.fails("did you mean 'metadata'", create, { metdata = {} })
	check.fails("did you mean 'directory'", create, { source = { type = "files", directry = "x" } })
	check.fails("did you mean 'branch'", create, { source = { type = "git", url = "https://a/b", brnch = "x" } })
	check.fails("'type'", create, { source = {} })
	check.fails("'type'", create, { source = { type = "diff", operations = {} } })
	check.fails("'type'", update, { source = { type = "relace", repo_id = id } })
	check.fails("either", create, { source = { type = "files" } })
	check.fails("either", create, { source = { type = "files", files = {}, directory = "x" } })
	check.fails("url", create, { source = { type = "git" } })
	check.fails("source.url", create, { source = { type = "git", url = "ssh://a/b" } })
	check.fails("source.url", create, { source = { type = "git", url = "https://a/" .. ("b"):rep(2083) } })
	check.fails("metadata", create, { metadata = { a = 1 } })
	check.fails("metadata", create, { metadata = { "a" } })
	check.fails("metadata", create, { metadata = { a = "\xff" } })
	check.fails("auto_index", create, { auto_index = "yes" })
	check.fails("source or metadata", update, {})
	check.fails("operation 1", update, { source = { type = "diff", operations = { { type = "move" } } } })
	check.fails("operation 1", update, { source = { type = "diff", operations = { { type = "write", filename = "a" } } } })
	for _, bad in ipairs { "", "/a", "a//b", "../a", "a/..", ".git/config", "a/.GIT", "a\\b", "a\0b", "a\nb", "\xff", "a/" } do
		local operations = { { type = "write", filename = bad, content = "" } }
		check.fails("invalid_argument", update, { source = { type = "diff", operations = operations } })
		check.fails("invalid_argument", create, { source = { type = "files", files = { { filename = bad, content = "" } } } })
	end
	check.fails("NUL", create, { source = { type = "files", files = { { filename = "a", content = "\0" } } } })
	check.fails("UTF-8", create, { source = { type = "files", files = { { filename = "a", content = "x\xff" } } } })
	check.fails("file 1", create, { source = { type = "files", files = { { filename = "a" } } } })
	for _, list in ipairs { { a = "text" }, { [2] = { filename = "a", content = "b" } }, { [1.5] = {} },
		{ { filename = "a", content = "b" }, name = "x" } } do
		check.fails("'files' must be an array", client.repo.overwrite, client.repo, id, list)
		check.fails("'operations' must be an array", update, { source = { type = "diff", operations = list } })
	end
	check.fails("folder is empty", client.repo.overwrite, client.repo, id, "")
	check.fails("page_size", client.repo.list, client.repo, { page_size = 101 })
	check.fails("page_start", client.repo.list, client.repo, { page_start = -5 })
	check.fails("order_by", client.repo.list, client.repo, { order_by = "name" })
	check.fails("did you mean 'timeout'", client.repo.get, client.repo, id, { timeot = 1 })
	check.fails("timeout", client.repo.get, client.repo, id, { timeout = -1 })
	check.fails("max_retries", client.repo.get, client.repo, id, { max_retries = 1000 })
	check.fails("max_retry_wait", client.repo.get, client.repo, id, { max_retry_wait = -2 })
	check.fails("not_found", client.repo.overwrite, client.repo, id, tmp .. "/nothing")
	check.fails("a folder or an array", client.repo.overwrite, client.repo, id, 5)
	check.equal(server:record(), json.array {})
end)

check.case("clients that cannot be", function()
	local key, url = settings.api_key, settings.base_url
	settings.api_key = nil
	local e = check.fails("no_key", relace.client)
	settings.api_key, settings.base_url = key, url
	check.contains(e.message, "RELACE_API_KEY")
	check.contains(e.message, "--local")
	for _, bad in ipairs { "", "nonsense", "ftp://a/v1", "http://example.com/v1", "https://user:sesame@a/v1", "https://a/v1?x=sesame",
		"https://a/v1#x", "https://", "https://a:0/v1", "https://a:99999/v1", "https://a b/v1", "https://a/../v1" } do
		local err = check.fails("base_url", relace.client, { api_key = faults.key, base_url = bad })
		check.lacks(err, "sesame")
	end
	check.fails("credential", relace.client, { api_key = "" })
	check.fails("credential", relace.client, { api_key = "a\nb" })
	check.fails("api_key", relace.client, { api_key = 5 })
	check.fails("did you mean 'base_url'", relace.client, { api_key = "x", base_urls = "x" })
	check.fails("max_rate", relace.client, { api_key = "x", max_rate = -1 })
end)

check.case("secrets stay inside", function()
	server:script { ["GET /repo/a"] = { status = 400, json = { error = "no " .. faults.key .. " and " .. token_text } },
		["*"] = { status = 403, body = "<p>" .. token_text .. "</p>" } }
	local function lacks(value)
		for _, text in ipairs { tostring(value), value.message, value.detail or "", value.operation or "" } do
			check.lacks(text, faults.key:sub(5))
			check.lacks(text, token_text:sub(6))
		end
	end
	lacks(check.fails("bad_request", client.repo.get, client.repo, "a"))
	local e = check.fails("permission", client.repo_token.get, client.repo_token, token_text)
	lacks(e)
	check.contains(e.operation, "/repo_token/****")
	check.lacks(tostring(client), faults.key:sub(5))
	check.contains(tostring(client), "rlc-****")
end)

check.case("a method that is called with a dot says so", function()
	local client = relace.client { api_key = "rlc-x", base_url = "http://127.0.0.1:1/v1" }
	check.fails("client.repo:get(...)", client.repo.get, "id")
	check.fails("client.repo_token:create(...)", client.repo_token.create, { name = "x" })
	check.fails("client.repo.file:upload(...)", client.repo.file.upload, "id", "a", "b")
	check.fails("client:git(...)", client.git, "./work")
	check.fails("client:get(...)", client.get)
end)

check.done()
