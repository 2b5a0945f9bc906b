-- SPDX-License-Identifier: Apache-2.0
-- epact.relace and the local server: every call of the one against every route of the other.
local check = require "check"
local contract = require "contract"
local fs = require "epact.fs"
local process = require "epact.process"
local relace = require "epact.relace"
local task = require "epact.task"

local UNKNOWN = "00000000-0000-4000-8000-000000000000"

local function client_of(api) return relace.client { api_key = api.key, base_url = api.url } end

local function list_of(api, id)
	local names = {}
	for name, content in pairs(api:files(id)) do names[#names + 1] = name .. "=" .. content end
	table.sort(names)
	return table.concat(names, " ")
end

local function check_repos(api)
	local client = client_of(api)
	local empty = client.repo:create()
	check.equal(list_of(api, empty.repo_id), "")
	local repo = client.repo:create {
		source = { type = "files", files = { { filename = "a", content = "1" }, { filename = "d/b", content = "é\n" } } },
		metadata = { name = "one" },
		auto_index = true,
	}
	check.equal(#repo.repo_head, 40)
	local found = client.repo:get(repo)
	check.equal({ found.repo_id, found.metadata, found.auto_index, found.updated_at }, { repo.repo_id, { name = "one" }, true })
	local copy = client.repo:create { source = { type = "relace", repo_id = repo.repo_id, copy_metadata = true } }
	check.equal(list_of(api, copy.repo_id), "a=1 d/b=é\n")
	local page = client.repo:list({ filter_metadata = { name = "one" }, page_size = 1 }):page()
	check.equal({ #page.items, page.total_items, page.next_page }, { 1, 2, 1 })
	check.equal(client.repo:list({ filter_metadata = { name = "one" }, page_start = 1 }):page().next_page, nil)
	check.equal(client.repo:update(repo, { metadata = { name = "two" } }).repo_head, repo.repo_head)
	local changed = client.repo:update(repo, { source = { type = "diff", operations = {
		{ type = "write", filename = "n", content = "" }, { type = "rename", old_filename = "a", new_filename = "z" },
		{ type = "delete", filename = "d" } } } })
	check.equal(changed.changed_files, { "d/b", "n", "z" })
	check.equal(list_of(api, repo.repo_id), "n= z=1")
	check.equal(client.repo:overwrite(repo, {}).changed_files, { "n", "z" })
	check.equal(list_of(api, repo.repo_id), "")
	for _ = 1, 2 do client.repo:delete(repo) end
	check.fails("not_found", client.repo.get, client.repo, repo)
	check.fails("not_found", client.repo.update, client.repo, UNKNOWN, { metadata = {} })
	check.fails("not_found", client.repo.overwrite, client.repo, UNKNOWN, { { filename = "a", content = "" } })
end

local function check_folder(api)
	local client = client_of(api)
	local from, id = api.folder .. "/from", client.repo:create().repo_id
	fs.mkdir(from .. "/sub", { parents = true })
	contract.git(from, { "init", "--quiet" })
	fs.write(from .. "/.gitignore", "*.log\n")
	fs.write(from .. "/sub/x.txt", "text\n")
	fs.write(from .. "/no.log", "no")
	fs.write(from .. "/bin", "\0\1")
	check.contains(check.fails("invalid_argument", client.repo.overwrite, client.repo, id, from).message, "bin")
	local result = client.repo:overwrite(id, from, { skip_binary = true, metadata = { by = "folder" } })
	check.equal(result.left_out, { { filename = "bin", reason = "binary" } })
	check.equal(list_of(api, id), ".gitignore=*.log\n sub/x.txt=text\n")
	check.equal(client.repo:overwrite(id, from, { skip_binary = true }).repo_head, result.repo_head) -- no second commit
	local clone = client:git(api.folder .. "/clone"):clone { repo_id = id }
	check.equal(clone.head, result.repo_head)
	check.equal(fs.read(api.folder .. "/clone/sub/x.txt"), "text\n")
end

local function check_tokens(api)
	local client = client_of(api)
	local mine, other = client.repo:create().repo_id, client.repo:create().repo_id
	local copy
	do
		local token <close> = client.repo_token:create { name = "ci", repo_ids = { mine }, ttl_seconds = 60 }
		copy = token
		local agent = client:with(token)
		check.equal(client.repo_token:get(token).repo_ids, { mine })
		check.equal(agent.repo:get(mine).repo_id, mine)
		check.fails("permission", agent.repo.get, agent.repo, other)
		check.fails("permission", function() agent.repo:list():page() end)
		agent.repo:overwrite(mine, { { filename = "a", content = "by the agent" } })
		agent:git(api.folder .. "/agent"):clone { repo_id = mine }
		check.fails("permission", function() agent:git(api.folder .. "/no"):clone { repo_id = other } end)
	end
	check.fails("authentication", function() client:with(copy:reveal()).repo:get(mine) end)
	check.fails("not_found", client.repo_token.get, client.repo_token, copy)
	client.repo_token:delete(copy)
	check.fails("not_found", client.repo_token.create, client.repo_token, { name = "x", repo_ids = { UNKNOWN } })
end

-- Writers of one repo wait for each other: none is lost, whatever the server refuses meanwhile.
local function check_writers(api)
	local client = relace.client { api_key = api.key, base_url = api.url, max_retries = 20 }
	local id = client.repo:create().repo_id
	task.scope(function(s)
		for i = 1, 8 do
			s:spawn(function()
				client.repo:update(id, { source = { type = "diff", operations = {
					{ type = "write", filename = "f" .. i, content = tostring(i) } } } })
			end)
		end
	end)
	check.equal(list_of(api, id), "f1=1 f2=2 f3=3 f4=4 f5=5 f6=6 f7=7 f8=8")
end

local function check_plain(api)
	local client = client_of(api)
	local id = client.repo:create({ source = { type = "files", files = { { filename = "s/a.c", content = "int a;\n" } } } }).repo_id
	check.equal(client:request("GET", "/repo/" .. id .. "/file/s/a.c"), "int a;\n")
	check.equal(client:request("GET", "/repo/" .. id .. "/clone").files, { { filename = "s/a.c", content = "int a;\n" } })
	check.fails("not_found", client.request, client, "GET", "/_unknown")
	check.fails("method_not_allowed", client.request, client, "GET", "/repo_token")
	check.fails("authentication", function() client:with("rlc-" .. ("x"):rep(32)).repo:list():page() end)
end

local function check_settings(api)
	local function run(text, variables)
		return process.run({ os.getenv "EPACT_BIN", "-e", text }, { env = variables, check = false })
	end
	local list = "print(require('epact.relace').client().repo:list():page().total_items)"
	local good = run(list, { RELACE_API_KEY = " " .. api.key .. "\n", RELACE_BASE_URL = api.url .. "/" })
	check.equal({ good.status, good.stdout, good.stderr }, { 0, "0\n", "" })
	local none = run(list, { RELACE_API_KEY = " ", RELACE_BASE_URL = api.url })
	check.equal(none.status, 1)
	check.contains(none.stderr, "RELACE_API_KEY")
	check.contains(none.stderr, "--local")
	for _, url in ipairs { "ftp://a/v1", "http://example.com/v1", "https://token:x@a/v1", "a" } do
		local bad = run(list, { RELACE_API_KEY = api.key, RELACE_BASE_URL = url })
		check.equal(bad.status, 1)
		check.contains(bad.stderr, "base_url")
		check.lacks(bad.stderr, api.key)
	end
end

contract.serve({}, function(api) contract.test("keys and addresses by the environment", check_settings, api) end)
contract.serve({}, function(api)
	contract.test("repos", check_repos, api)
	contract.test("folders", check_folder, api)
	contract.test("tokens", check_tokens, api)
	contract.test("writers at once", check_writers, api)
	contract.test("other calls", check_plain, api)
end)
