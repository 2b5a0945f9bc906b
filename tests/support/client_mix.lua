-- SPDX-License-Identifier: Apache-2.0
-- client_mix.lua URL SHARED NUMBER ROUNDS: one client of many. It uses every route, checks what it gets, and writes its own
-- files to the repo SHARED too, beside the others. The key is read from standard input.
local check = require "check"
local contract = require "contract"
local fs = require "epact.fs"
local task = require "epact.task"
local same = check.equal

local url, shared, number, rounds = ...
local api = contract.client(url, io.read())

-- Another writer may have the shared repo for longer than the server waits.
local function patiently(status, method, path, options)
	for _ = 1, 60 do
		local answer = api:call(method, path, options)
		if answer.status ~= 423 then
			same(answer.status, status, method .. " " .. path)
			return answer
		end
		task.sleep(tonumber(answer.headers["retry-after"]))
	end
	error("the shared repo stayed locked", 0)
end

local function use_git(id, token, round)
	local folder <close> = fs.temp_dir()
	local work = folder.path .. "/work"
	contract.git(folder.path, { "clone", "--quiet", api:remote(id, token), work })
	contract.commit(work, "pushed", round)
	contract.git(work, { "push", "--quiet" })
	same(api:files(id).pushed, round, "a push")
end

local function use_search(id)
	local results = api:expect(200, "POST", "/repo/" .. id .. "/retrieve", { body = { query = "needle" } }).json.results
	same(#results, 1, "results of a retrieve")
	same(#api:expect(200, "POST", "/repo/" .. id .. "/search", { body = { query = "needle" } }).json.results, 1, "matches")
	api:expect(200, "GET", "/repo/" .. id .. "/embedding_status")
	local events = api:expect(200, "POST", "/repo/" .. id .. "/agent", {
		body = { agent_name = "relace-search", agent_inputs = { query = "needle" } } }).body
	check.contains(events, "event: done\n")
end

local function use_files(id, token, round)
	local path = "/repo/" .. id .. "/file/dir/" .. round
	api:expect(201, "PUT", path, { body = round, token = token })
	same(api:expect(200, "GET", path, { token = token }).body, round, "a file")
	api:expect(200, "DELETE", path, { token = token })
	api:diff(id, { { type = "write", filename = "d", content = round } })
	api:overwrite(id, { a = "the needle", b = round })
	same(api:files(id), { a = "the needle", b = round }, "files")
end

for round = 1, tonumber(rounds) do
	local mine = ("%s-%d"):format(number, round)
	local id = api:create({ a = "the needle" }, { client = mine }, true)
	local token = api:token { id }
	use_files(id, token, mine)
	use_search(id)
	use_git(id, token, mine)
	patiently(201, "PUT", "/repo/" .. shared .. "/file/" .. mine, { body = mine })
	same(api:expect(200, "GET", "/repo?filter_metadata=%7B%22client%22%3A%22" .. mine .. "%22%7D").json.items[1].repo_id, id, "list")
	api:expect(200, "GET", "/repo_token/" .. token, { token = token })
	api:expect(204, "DELETE", "/repo_token/" .. token)
	api:expect(204, "DELETE", "/repo/" .. id)
end
