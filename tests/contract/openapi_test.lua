-- SPDX-License-Identifier: Apache-2.0
-- timeout: 240
-- docs/openapi.yaml against both sides, by Prism: a mock of it checks what the client sends, a proxy what the local server
-- answers. Objects are closed for that: a member which the description does not know is a violation.
local contract = require "contract"
local check = require "check"
local env = require "epact.env"
local fs = require "epact.fs"
local models = require "epact.relace.models"
local npm = require "npm"
local process = require "epact.process"
local relace = require "epact.relace"
local serve = require "epact.serve"
local task = require "epact.task"

local source = env.get "EPACT_SOURCE"
local folder, why = npm.folder(source .. "/tests/contract/prism")
if not folder then
	print(why)
	return 77
end
local node <close> = folder

local ID, TOKEN = "5b0f3c52-8d0e-4c1b-9a55-0e8b8c3f7a21", "rlcr-00112233445566778899aabbccddeeff00112233"

local description = fs.read(source .. "/docs/openapi.yaml")
fs.write(node.path .. "/openapi.yaml", (description:gsub("additionalProperties: true", "additionalProperties: false")))

-- Calls fn(url, output) while Prism runs with these arguments; output() is what it has said.
local function with_prism(arguments, fn)
	local argv = { "node", node.path .. "/node_modules/@stoplight/prism-cli/dist/index.js" }
	local prism <close> = process.spawn(table.move(arguments, 1, #arguments, #argv + 1, argv), { stdout = "pipe" })
	local said, next_line = {}, prism.stdout:lines()
	local url
	repeat
		local line = next_line() or error("Prism did not start: " .. prism:wait().stderr)
		said[#said + 1] = line
		url = line:match "listening on (http://127%.0%.0%.1:%d+)"
	until url
	task.scope(function(scope)
		scope:spawn_daemon(function()
			for line in next_line do said[#said + 1] = line end
		end)
		local ok, err = pcall(fn, url)
		if not ok then error(tostring(err) .. "\nPrism said:\n" .. table.concat(said, "\n", math.max(1, #said - 9)), 0) end
	end)
end

local options = { "--errors", "--port", "0", "--host", "127.0.0.1", node.path .. "/openapi.yaml" }

local function with_mock(fn) with_prism({ "mock", table.unpack(options) }, fn) end

local function with_proxy(upstream, more, fn)
	local arguments = { "proxy", table.unpack(options) }
	arguments[#arguments + 1] = upstream
	with_prism(table.move(more, 1, #more, #arguments + 1, arguments), fn)
end

-- One call, or more, for each operation of the description: operationId -> fn(client, repo id, token).
local calls = {}

function calls.repoCreate(client)
	client.repo:create(nil, { idempotency_key = "job-17" })
	client.repo:create { source = { type = "git", url = "https://git.example/r.git", branch = "b", hash = "0f1e2d3", shallow = false } }
	client.repo:create { source = { type = "relace", repo_id = ID, copy_metadata = true, copy_remote = false } }
	client.repo:create {
		source = { type = "files", files = { { filename = "a", content = "" } } }, metadata = { name = "x" }, auto_index = true,
	}
	client.repo:create { source = { type = "files", directory = source .. "/tests/fuzz/json", skip_binary = true } }
end

function calls.repoList(client)
	for _ in client.repo:list() do break end
	client.repo:list({ page_start = 1, page_size = 10, order_by = "updated_at", order_descending = true,
		filter_metadata = { name = "a b&c" }, created_after = "2026-02-03T04:05:06Z",
		created_before = "2027-02-03T04:05:06.5+00:00" }):page()
end

function calls.repoGet(client, id) client.repo:get(id) end

function calls.repoDelete(client, id) client.repo:delete(id) end

function calls.repoUpdate(client, id)
	client.repo:update(id, { metadata = {} })
	client.repo:update(id, { source = { type = "git", url = "https://git.example/r.git", branch = "main" }, metadata = { a = "1" } })
	client.repo:update(id, { source = { type = "diff", operations = { { type = "write", filename = "a", content = "1" },
		{ type = "rename", old_filename = "a", new_filename = "b" }, { type = "delete", filename = "c" } } } })
	client.repo:update(id, { source = { type = "diff", operations = {} } })
	client.repo:overwrite(id, {})
	client.repo:overwrite(id, { { filename = "a", content = "é" } }, { metadata = { by = "test" } })
	client.repo:overwrite(id, source .. "/tests/fuzz/json", { skip_binary = true })
end

function calls.repoTokenCreate(client, id)
	client.repo_token:create({ name = "x", repo_ids = { id } }):keep()
	client.repo_token:create({ name = "x", repo_ids = { id, ID }, ttl_seconds = 60 }):keep()
end

function calls.repoTokenGet(client, _, token) client.repo_token:get(token) end

function calls.repoTokenDelete(client, _, token) client.repo_token:delete(token) end

function calls.repoClone(client, id)
	check.ok(#client.repo:clone(id):collect() > 0)
end

-- Without a slash: the client sends it as it is, which the server takes but a parameter of OpenAPI can't express.
local NAME = "a b é?#%.c"

function calls.fileUpload(client, id)
	client.repo.file:upload(id, NAME, "")
	client.repo.file:upload(id, NAME, { file = source .. "/LICENSE" })
	client.repo.file:upload(id, NAME, "int a;\n")
end

function calls.fileDownload(client, id)
	check.equal(client.repo.file:download(id, NAME), "int a;\n")
	local folder <close> = fs.temp_dir()
	check.equal(client.repo.file:download(id, NAME, { to = folder.path .. "/a.c" }).bytes, 7)
	local stream <close> = client.repo.file:download(id, NAME, { stream = true })
	check.equal(stream:read(), "int a;\n")
end

function calls.fileDelete(client, id) client.repo.file:delete(id, NAME) end

function calls.repoRetrieve(client, id)
	client.repo:retrieve(id, { query = "where is a?" })
	client.repo:retrieve(id, { query = "a", branch = "main", score_threshold = 0.5, token_limit = 10, include_content = true,
		rerank = false })
end

function calls.repoEmbeddingStatus(client, id)
	client.repo:embedding_status(id)
	check.equal(#client.repo:embedding_status(id, { branch = "main" }).hash, 40)
end

function calls.repoAgent(client, id)
	check.equal(type(client.repo:search(id, { query = "where is a?" }):report().files), "table")
	local last
	for event in client.repo:agent(id, { agent_name = "relace-search", agent_inputs = { query = "int" }, continue = false,
		overrides = { max_tokens = 1000, max_turns = 2, prompt_retries = 1, prompt_timeout = 9.5, model_name = "m", system = "s",
			user = "u", tools = { "grep" } } }) do
		last = event.event
	end
	check.equal(last, "done")
end

function calls.repoTextSearch(client, id) client.repo:text_search(id, "int") end

-- The models have hosts of their own, which the mock stands for.
local function on_models(client)
	local url, base_urls = client.core:url(), {}
	for name in pairs(models.BASE_URLS) do base_urls[name] = url end
	return models.new(client, { base_urls = base_urls })
end

function calls.modelApply(client)
	on_models(client):apply { initial_code = "int a;", edit_snippet = "int b;", instruction = "rename", relace_metadata = { run = "7" } }
	check.equal(on_models(client):apply({ initial_code = "int a;", edit_snippet = "int b;", stream = true }):text(), "int b;\n")
end

function calls.modelApplyChat(client)
	check.equal(on_models(client):apply_chat({ code = "int a;", update = "int b;" }).content, "int b;\n")
end

function calls.modelRank(client)
	on_models(client):rank { query = "a", codebase = { { filename = "a.c", content = "int a;" } } }
end

function calls.modelEmbed(client) on_models(client):embed { input = { "a", "b" }, output_dtype = "binary" } end

function calls.modelCompact(client)
	on_models(client):compact { messages = { { role = "user", content = "hello" } }, target_tokens = 100 }
end

function calls.modelSearch(client) on_models(client):search { messages = { { role = "user", content = "where?" } } } end

-- git asks for these by itself.
local by_git = { gitRefs = true, gitUploadPack = true, gitReceivePack = true }

contract.test("every operation that is described is called", function()
	local described = 0
	for name in description:gmatch "operationId: (%w+)" do
		described = described + 1
		if not by_git[name] then check.ok(calls[name], name .. " is not called") end
	end
	check.ok(described >= 19, "operations are missing")
end)

contract.test("what the client sends is as described", function()
	with_mock(function(url)
		local client = relace.client { api_key = "rlc-mock", base_url = url, max_retries = 0 }
		for name, call in pairs(calls) do
			local ok, err = pcall(call, client, ID, TOKEN)
			if not ok then error(name .. ": " .. tostring(err), 0) end
		end
		-- In chunks, which the proxy below cannot forward.
		client.repo.file:upload(ID, NAME, coroutine.wrap(function() coroutine.yield "int " coroutine.yield "a;\n" end))
		-- The mock does look.
		local wrong = { name = "x", repo_ids = { ID }, ttl_secods = 60 }
		check.fails("unprocessable", client.request, client, "POST", "/repo_token", wrong)
		check.fails("unprocessable", client.request, client, "POST", "/repo/" .. ID .. "/update", {})
		check.fails("unprocessable", client.request, client, "GET", "/repo?page_size=101")
		check.fails("not_found", client.request, client, "GET", "/repos")
	end)
end)

-- An answer that came through the proxy as the server gave it.
local function answered(api, status, method, path, given)
	local answer = api:call(method, path, given)
	if answer.status ~= status or answer.headers["sl-violations"] then
		error(("%s %s: %d (expected %d) %s %s"):format(method, path, answer.status, status,
			tostring(answer.headers["sl-violations"]), answer.body), 2)
	end
	return answer
end

local function check_failures(api)
	local function fails(status, ...) check.equal(type(answered(api, status, ...).json.message), "string") end
	local repo = "/repo/" .. api:create { a = "1" }
	fails(401, "GET", "/repo", { token = "rlc-wrong" })
	fails(403, "GET", "/repo", { token = api:token { repo:sub(7) } })
	fails(404, "GET", "/repo/" .. ID)
	fails(404, "GET", "/repo_token/" .. TOKEN)
	fails(404, "GET", repo .. "/clone?commit=0123456")
	fails(404, "GET", repo .. "/file/none")
	fails(400, "GET", repo .. "/file/..%2Fx")
	fails(422, "GET", "/repo?page_size=0")
	fails(422, "GET", "/repo/no-uuid")
	fails(422, "POST", "/repo", { body = { source = { type = "zip" } } })
	fails(422, "POST", repo .. "/update", { body = { metadata = { a = 1 } } })
	fails(400, "POST", repo .. "/update", { body = { source = { type = "diff", operations = { { type = "chmod" } } } } })
	fails(413, "PUT", repo .. "/file/large", { body = ("x"):rep((1 << 14) + 1), headers = { ["Content-Type"] = "application/octet-stream" } })
end

local function check_successes(api)
	local client = relace.client { api_key = api.key, base_url = api.url, max_retries = 0 }
	local repo = client.repo:create { source = { type = "files", files = { { filename = "src/a.c", content = "int a;\n" } } },
		metadata = { name = "x" }, auto_index = true }
	local id = repo.repo_id
	client.repo:create()
	client.repo:update(id, { metadata = { a = "1" } })
	client.repo:overwrite(id, { { filename = "src/a.c", content = "int b;\n" }, { filename = "é", content = "" } })
	check.equal(client.repo:get(id).metadata, { a = "1" })
	check.equal(client.repo:list({ page_size = 1 }):page().next_page, 1)
	check.equal(#client.repo:clone(id, { commit = client.repo:update(id, { metadata = {} }).repo_head }):collect(), 2)
	for _, name in ipairs { "fileUpload", "fileDownload", "fileDelete" } do calls[name](client, id) end
	local token <close> = client.repo_token:create { name = "t", repo_ids = { id }, ttl_seconds = 60 }
	check.equal(client.repo_token:get(token).name, "t")
	check.contains(answered(api, 200, "GET", "/repo/" .. id .. ".git/info/refs?service=git-upload-pack").body, "refs/heads/main")
	check.equal(answered(api, 401, "GET", "/repo/" .. id .. ".git/info/refs?service=git-upload-pack", { token = "rlc-wrong" })
		.headers["content-type"], "text/plain; charset=utf-8")
	for _, name in ipairs { "repoClone", "repoRetrieve", "repoEmbeddingStatus", "repoAgent", "repoTextSearch" } do calls[name](client, id) end
	client.repo:delete(id)
end

contract.test("what the server answers is as described", function()
	contract.serve({ max_file = 1 << 14 }, function(api)
		with_proxy(api.url, { "--validate-request", "false" }, function(url)
			local through = contract.client(url, api.key)
			check_successes(through)
			check_failures(through)
			api.server:set_faults { "DELETE /repo/*: 423", "POST /repo_token: 409", "GET /repo/*: 429 retry-after 2", "GET /repo: 500" }
			for status, request in pairs { [423] = "DELETE /repo/" .. ID, [409] = "POST /repo_token", [429] = "GET /repo/" .. ID,
				[500] = "GET /repo" } do
				answered(through, status, request:match "%u+", request:match "/.*")
			end
		end)
	end)
end)

contract.test("the proxy does look", function()
	local server <close> = serve.listen { port = 0 }
	task.scope(function(scope)
		scope:spawn_daemon(server.run, server, function(request)
			request:respond(200, { ["Content-Type"] = "application/json" }, '{"repo_id":1}')
		end)
		with_proxy(("http://127.0.0.1:%d/v1"):format(server.port), {}, function(url)
			local answer = contract.client(url, "rlc-x"):call("GET", "/repo/" .. ID)
			check.equal(answer.status, 500)
			check.contains(answer.body, "VIOLATIONS")
		end)
	end)
end)
